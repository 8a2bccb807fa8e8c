import { EXAMPLES } from './api.js';

interface Parameter {
  readonly name: string;
  readonly required?: boolean;
  readonly description: string;
}

const CATEGORY: Parameter = { name: 'category', required: true, description: 'Name of a category' };

/** A schema made from an example: the types of its fields. `api.ts` defines which fields may be absent. */
function schemaOf(example: unknown): object {
  if (example === null) return { nullable: true };
  if (Array.isArray(example)) return { type: 'array', items: example.length > 0 ? schemaOf(example[0]) : {} };
  if (typeof example !== 'object') return { type: typeof example };
  const properties = Object.entries(example).map(([name, value]) => [name, schemaOf(value)]);
  return { type: 'object', properties: Object.fromEntries(properties) as object };
}

function json(example: unknown, description: string): object {
  return { description, content: { 'application/json': { schema: schemaOf(example), example } } };
}

const REFUSALS = Object.fromEntries(
  [
    ['400', 'The request is wrong'],
    ['403', 'Not let in'],
    ['404', 'There is no such category'],
    ['415', 'A change that is not JSON'],
    ['503', 'The monitor is off or the store is away'],
  ].map(([status, description]) => [status, json(EXAMPLES.error, description as string)]),
) as object;

function get(summary: string, example: unknown, parameters: readonly Parameter[] = []): object {
  return {
    get: {
      summary,
      parameters: parameters.map((parameter) => ({ ...parameter, in: 'query', schema: { type: 'string' } })),
      responses: {
        '200': json(example, summary),
        '304': { description: 'Unchanged since If-None-Match' },
        ...REFUSALS,
      },
    },
  };
}

function post(summary: string, request: unknown, example: unknown): object {
  const headers = [
    {
      name: 'Sec-Fetch-Site',
      in: 'header',
      required: true,
      description: 'Browsers send it; others write it themselves',
      schema: { type: 'string', enum: ['same-origin'] },
    },
  ];
  const content = { 'application/json': { schema: schemaOf(request), example: request } };
  return {
    post: {
      summary,
      parameters: headers,
      requestBody: { required: true, content },
      responses: { '200': json(example, summary), ...REFUSALS },
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
    paths: {
      '/api/overview': get('All that the first look shows', EXAMPLES.overview),
      '/api/tenants': get('Tenants by part of their id or name', EXAMPLES.tenants, [
        { name: 'category', description: 'Name of a category; all if left out' },
        { name: 'search', description: 'Part of an id or a name' },
      ]),
      '/api/tenant': get('One tenant in one category', EXAMPLES.tenant, [
        CATEGORY,
        { name: 'tenant', required: true, description: 'Id of the tenant' },
      ]),
      '/api/category': get('One category over 24 hours', EXAMPLES.category, [CATEGORY]),
      '/api/thresholds': get('Thresholds that are set, and the latest changes', EXAMPLES.thresholds),
      '/api/advice': get('What history has to say about a threshold', EXAMPLES.advice, [
        CATEGORY,
        { name: 'over', description: 'How much history to look at, in milliseconds; 24 hours if left out' },
        { name: 'at', description: 'One more threshold to look at' },
      ]),
      '/api/mute': post('Holds alerts back for a while', EXAMPLES.muteRequest, EXAMPLES.mute),
      '/api/unmute': post('Ends a mute', EXAMPLES.unmuteRequest, EXAMPLES.unmute),
      '/api/test': post('Sends a test alert through every channel', {}, EXAMPLES.test),
      '/api/threshold': post('Sets a threshold, or removes it', EXAMPLES.thresholdRequest, EXAMPLES.threshold),
    },
  };
}
