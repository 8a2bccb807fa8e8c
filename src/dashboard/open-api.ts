import { SCHEMAS } from './api-schemas.js';
import { EXAMPLES } from './api-examples.js';

interface Parameter {
  readonly name: string;
  readonly required?: boolean;
  readonly description: string;
}

const CATEGORY: Parameter = { name: 'category', required: true, description: 'Name of a category' };

function content(schema: string, example: unknown): object {
  return { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` }, example } };
}

function json(schema: string, example: unknown, description: string): object {
  return { description, content: content(schema, example) };
}

const REFUSALS = Object.fromEntries(
  [
    ['400', 'The request is wrong'],
    ['403', 'Access denied'],
    ['404', 'Unknown category'],
    ['415', 'A change that is not JSON'],
    ['503', 'The monitor is off or the store is away'],
  ].map(([status, description]) => [status, json('ErrorAnswer', EXAMPLES.error, description as string)]),
) as object;

function get(
  operationId: string,
  summary: string,
  schema: string,
  example: unknown,
  parameters: readonly Parameter[] = [],
): object {
  return {
    get: {
      operationId,
      summary,
      parameters: parameters.map((parameter) => ({ ...parameter, in: 'query', schema: { type: 'string' } })),
      responses: {
        '200': json(schema, example, summary),
        '304': { description: 'Unchanged since If-None-Match' },
        ...REFUSALS,
      },
    },
  };
}

/** @param request - The type of the body and an example; if omitted, the body is empty. */
function post(
  operationId: string,
  summary: string,
  request: [schema: string, example: unknown] | undefined,
  schema: string,
  example: unknown,
): object {
  const headers = [
    {
      name: 'Sec-Fetch-Site',
      in: 'header',
      required: true,
      description: 'Browsers send it; other clients must set it',
      schema: { type: 'string', enum: ['same-origin'] },
    },
  ];
  const body = request ? content(...request) : { 'application/json': { schema: { type: 'object' }, example: {} } };
  return {
    post: {
      operationId,
      summary,
      parameters: headers,
      requestBody: { required: true, content: body },
      responses: { '200': json(schema, example, summary), ...REFUSALS },
    },
  };
}

/** The page's API as OpenAPI 3.0. Paths are relative to the page. */
export function openApi(version: string): object {
  return {
    openapi: '3.0.3',
    info: {
      title: 'Rate monitor',
      version,
      description:
        "What the page of nestjs-rate-monitor shows. Times are milliseconds since the epoch by the store's clock.",
    },
    // `openapi.json` is one folder below the page.
    servers: [{ url: '..' }],
    paths: {
      '/api/overview': get('overview', 'Everything on the start page', 'Overview', EXAMPLES.overview),
      '/api/tenants': get('tenants', 'Tenants by part of their id or name', 'TenantsAnswer', EXAMPLES.tenants, [
        { name: 'category', description: 'Name of a category; all if left out' },
        { name: 'search', description: 'Part of an id or a name' },
      ]),
      '/api/tenant': get('tenant', 'One tenant in one category', 'TenantAnswer', EXAMPLES.tenant, [
        CATEGORY,
        { name: 'tenant', required: true, description: 'Id of the tenant' },
      ]),
      '/api/category': get('category', 'One category over 24 hours', 'CategoryAnswer', EXAMPLES.category, [CATEGORY]),
      '/api/thresholds': get(
        'thresholds',
        'Thresholds that are set, and the latest changes',
        'ThresholdsAnswer',
        EXAMPLES.thresholds,
      ),
      '/api/advice': get('advice', 'Threshold advice from history', 'Advice', EXAMPLES.advice, [
        CATEGORY,
        { name: 'over', description: 'How much history to look at, in milliseconds; 24 hours if left out' },
        { name: 'at', description: 'One more threshold to look at' },
      ]),
      '/api/mute': post(
        'mute',
        'Holds alerts back for a while',
        ['MuteRequest', EXAMPLES.muteRequest],
        'MuteAnswer',
        EXAMPLES.mute,
      ),
      '/api/unmute': post(
        'unmute',
        'Ends a mute',
        ['UnmuteRequest', EXAMPLES.unmuteRequest],
        'UnmuteAnswer',
        EXAMPLES.unmute,
      ),
      '/api/test': post('test', 'Sends a test alert through every channel', undefined, 'TestAnswer', EXAMPLES.test),
      '/api/threshold': post(
        'setThreshold',
        'Sets a threshold, or removes it',
        ['ThresholdRequest', EXAMPLES.thresholdRequest],
        'ThresholdAnswer',
        EXAMPLES.threshold,
      ),
    },
    components: { schemas: SCHEMAS },
  };
}
