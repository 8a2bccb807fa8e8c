import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';

import {
  Global,
  Injectable,
  Module,
  UnauthorizedException,
  VersioningType,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
} from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { map } from 'rxjs';

import type { Category } from '../../src/model/category.js';
import { tenantKey } from '../../src/model/tenant.js';
import { MONITOR_VIEW } from '../../src/facade/monitor-view.js';
import type { Overview, TenantAnswer, TenantRow, TenantsAnswer, CategoryAnswer } from '../../src/dashboard/api.js';
import { ASSETS } from '../../src/dashboard/assets.js';
import { SCHEMAS } from '../../src/dashboard/api-schemas.js';
import { EXAMPLES } from '../../src/dashboard/api-examples.js';
import { RateMonitorDashboardModule, type RateMonitorDashboardOptions } from '../../src/dashboard/index.js';
import { RateMonitorConfigError } from '../../src/index.js';
import type { UsageStore } from '../../src/store/usage-store.js';
import type { UsageSource } from '../../src/usage/usage-recorder.js';
import { Deferred } from '../../src/util/deferred.js';
import { MemoryLogger } from '../support/memory-logger.js';
import { seenMonitor, type SeenMonitor } from '../support/dashboard.js';
import { endsWithin, until } from '../support/until.js';

const START = 1_790_002_800_000;
const MINUTE = 60_000;
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const apps: INestApplication[] = [];
afterEach(async () => void (await Promise.all(apps.splice(0).map((app) => app.close()))));

interface Options extends Partial<RateMonitorDashboardOptions> {
  monitor?: SeenMonitor;
  fastify?: boolean;
  ignoreTrailingSlash?: boolean;
  prepare?: (app: INestApplication) => void;
}

async function started({
  monitor = seenMonitor(START),
  fastify,
  ignoreTrailingSlash,
  prepare,
  ...options
}: Options = {}) {
  const view = new Deferred<SeenMonitor['view']>();
  view.set(monitor.view);
  @Global()
  @Module({ providers: [{ provide: MONITOR_VIEW, useValue: view }], exports: [MONITOR_VIEW] })
  class MonitorModule {}
  const log = new MemoryLogger();
  const dashboard = RateMonitorDashboardModule.forRoot({ authorize: () => 'dana', ...options });
  const testing = await Test.createTestingModule({ imports: [MonitorModule, dashboard] })
    .setLogger(log)
    .compile();
  const app = fastify
    ? testing.createNestApplication(
        new FastifyAdapter(ignoreTrailingSlash ? { routerOptions: { ignoreTrailingSlash } } : {}),
      )
    : testing.createNestApplication();
  apps.push(app);
  prepare?.(app);
  await app.listen(0, '127.0.0.1');
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(url + path, { headers, redirect: 'manual' });
  const post = (path: string, body: unknown, headers: Record<string, string> = { 'sec-fetch-site': 'same-origin' }) =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  return { monitor, log, get, post, url };
}

interface Schema {
  $ref?: string;
  type?: string;
  enum?: unknown[];
  nullable?: boolean;
  required?: string[];
  properties?: Record<string, Schema>;
  items?: Schema;
}

/** The places in which a value differs from its schema. */
function unlike(value: unknown, { $ref, ...own }: Schema, at: string): string[] {
  const schema: Schema = $ref === undefined ? own : (SCHEMAS[$ref.split('/').at(-1) ?? ''] as Schema);
  if (value === null) return schema.nullable ? [] : [at];
  const type = Array.isArray(value) ? 'array' : typeof value;
  if (type !== schema.type || (schema.enum && !schema.enum.includes(value))) return [at];
  if (Array.isArray(value)) return value.flatMap((one, i) => unlike(one, schema.items ?? {}, `${at}[${i}]`));
  if (type !== 'object') return [];
  const missing = (schema.required ?? []).filter((name) => !(name in (value as object)));
  return [
    ...missing.map((name) => `${at}.${name} is missing`),
    ...Object.entries(value as object).flatMap(([name, one]) => {
      const described = schema.properties?.[name];
      return described ? unlike(one, described, `${at}.${name}`) : [`${at}.${name} is not described`];
    }),
  ];
}

/** A reverse proxy that serves an app below `/ops` and removes that prefix. */
async function proxyTo(url: string): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => {
    const path = /^\/ops(\/.*)$/.exec(request.url ?? '')?.[1];
    if (path === undefined) return void response.writeHead(404).end();
    const { method, headers } = request;
    const asked = forward(url + path, { method, headers: { ...headers, 'x-forwarded-prefix': '/ops' } }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(asked);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => void (server.close(), server.closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/ops`, close };
}

it.each([
  ['Express', false],
  ['Fastify', true],
])('works on %s behind a proxy that removes part of the path', async (_, fastify) => {
  const app = await started({ fastify });
  const proxy = await proxyTo(app.url);
  try {
    const page = await fetch(`${proxy.url}/rate-monitor`);
    expect([page.status, page.url]).toEqual([200, `${proxy.url}/rate-monitor/page`]);
    const files = [...(await page.text()).matchAll(/(?:src|href)="([^"]+\.(?:js|css))"/g)].map(
      ([, file]) => file ?? '',
    );
    expect(files.length).toBeGreaterThanOrEqual(2);
    for (const file of [...files, 'api/overview', 'api/openapi.json'])
      expect([file, (await fetch(new URL(file, page.url))).status]).toEqual([file, 200]);
    const muted = await fetch(new URL('api/mute', page.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' },
      body: JSON.stringify({ tenant: 'proj_1', category: 'llm_call', forMs: MINUTE, reason: 'test' }),
    });
    expect([muted.ok, app.monitor.mutes.length]).toEqual([true, 1]);
  } finally {
    proxy.close();
  }
});

it('has its own path in each of two apps that start together, on Express and on Fastify', async () => {
  const [express, fastify] = await Promise.all([started({ path: 'one' }), started({ path: 'two', fastify: true })]);
  const statuses = (url: string) =>
    Promise.all(
      ['one', 'one/', 'one/none', 'two', 'two/', 'two/none'].map(async (at) => (await fetch(`${url}/${at}`)).status),
    );
  expect(await statuses(express.url)).toEqual([200, 200, 404, 404, 404, 404]);
  expect(await statuses(fastify.url)).toEqual([404, 404, 404, 200, 200, 404]);
});

describe.each([
  ['Express', false],
  ['Fastify', true],
])('the page on %s', (_, fastify) => {
  it('serves the page and its files, each with the policy', async () => {
    const { get } = await started({ fastify });
    const root = await get('/rate-monitor');
    expect([root.status, root.headers.get('location')]).toEqual([302, 'rate-monitor/page']);
    for (const [file, type] of [
      ['page', 'text/html; charset=utf-8'],
      ['app.js', 'text/javascript; charset=utf-8'],
      ['app.css', 'text/css; charset=utf-8'],
      ['api/overview', 'application/json; charset=utf-8'],
    ]) {
      const answer = await get(`/rate-monitor/${file}`);
      expect([
        file,
        answer.status,
        answer.headers.get('content-type'),
        answer.headers.get('content-security-policy'),
      ]).toEqual([file, 200, type, CSP]);
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      const again = await get(`/rate-monitor/${file}`, { 'if-none-match': answer.headers.get('etag') ?? '' });
      expect([file, again.status, await again.text()]).toEqual([file, 304, '']);
    }
  });

  it.each([false, true])('is found with a trailing slash if the app ignores those: %s', async (ignoreTrailingSlash) => {
    for (const version of [VersioningType.URI, VersioningType.HEADER] as const) {
      const { url } = await started({
        fastify,
        ignoreTrailingSlash,
        path: 'ops/rates',
        prepare: (app) => {
          app.setGlobalPrefix('v9');
          app.enableVersioning({ type: version, header: 'x-version', defaultVersion: '3' });
        },
      });
      for (const path of ['', '/', '/?from=chat', '/page', '/page/', '/page/?from=chat']) {
        const { status, url: at } = await fetch(`${url}/v9/ops/rates${path}`);
        expect([path, status, at.slice(url.length).split('?')[0]]).toEqual([path, 200, '/v9/ops/rates/page']);
      }
      for (const path of ['/none', '/page/none', '//none'])
        expect([path, (await fetch(`${url}/v9/ops/rates${path}`)).status]).toEqual([path, 404]);
    }
  });

  it('works under a prefix, versions and another path, despite global interceptors and pipes', async () => {
    const { get, post } = await started({
      fastify,
      path: 'ops/rates',
      prepare: (app) => {
        app.setGlobalPrefix('v9');
        app.enableVersioning({ type: VersioningType.URI, defaultVersion: '3' });
        app.useGlobalInterceptors({
          intercept: (_context, next) => next.handle().pipe(map((data) => ({ wrapped: data }))),
        });
        app.useGlobalPipes({
          transform: () => {
            throw new Error('no pipe sees it');
          },
        });
      },
    });
    expect((await get('/v9/ops/rates')).headers.get('location')).toBe('rates/page');
    expect((await get('/v9/ops/rates/page')).status).toBe(200);
    expect((await (await get('/v9/ops/rates/api/overview')).json()) as Overview).toMatchObject({ state: 'calm' });
    const body = { category: 'llm_call', forMs: MINUTE, reason: 'load test' };
    expect(await (await post('/v9/ops/rates/api/mute', body)).json()).toMatchObject({ mute: { reason: 'load test' } });
  });

  it('denies access unless authorize grants it', async () => {
    for (const authorize of [
      () => false,
      () => undefined,
      () => '',
      // The name would be invisible.
      () => '\u200b ',
      () => ({ name: '\u200b' }),
      () => ({}) as never,
      // An uncalled function and a caught error have a `name` too.
      () => function isAdmin() {} as never,
      () => Promise.reject(new Error('secret')).catch((error: Error) => error),
      () => Promise.reject(new Error('secret')),
    ]) {
      const { get, post } = await started({ fastify, authorize });
      for (const path of ['', '/page', '/app.js', '/api/overview', '/api/openapi.json'])
        expect([path, (await get(`/rate-monitor${path}`)).status]).toEqual([path, 403]);
      const answer = await post('/rate-monitor/api/test', {});
      expect([answer.status, (await answer.text()).includes('secret')]).toEqual([403, false]);
    }
  });

  it('logs once that authorize threw, but not that it denied access', async () => {
    const broken = await started({ fastify, authorize: () => Promise.reject(new TypeError('no session')) });
    for (let i = 0; i < 3; i++) await broken.get('/rate-monitor/page');
    expect(broken.log.of('authorize')).toEqual([
      expect.stringContaining('authorize of the page threw (no session): the answer is 403'),
    ]);
    const firm = await started({ fastify, authorize: () => Promise.reject(new UnauthorizedException()) });
    expect((await firm.get('/rate-monitor/page')).status).toBe(403);
    expect(firm.log.of('authorize')).toEqual([]);
  });

  it("accepts a guard class that Nest instantiates, and the user's name that it sets", async () => {
    @Injectable()
    class Doors {
      open = (user: unknown) => user === 'ops';
    }
    @Injectable()
    class OpsGuard implements CanActivate {
      constructor(private readonly doors: Doors) {}
      canActivate(context: ExecutionContext): boolean {
        const request = context.switchToHttp().getRequest<{ headers: Record<string, string>; user?: unknown }>();
        request.user = { name: request.headers['x-user'] };
        return this.doors.open(request.headers['x-user']);
      }
    }
    @Module({ providers: [Doors], exports: [Doors] })
    class DoorsModule {}
    const imports = [DoorsModule] as RateMonitorDashboardOptions['imports'];
    const { get } = await started({ fastify, authorize: OpsGuard, ...(imports ? { imports } : {}) });
    expect((await get('/rate-monitor/api/overview', { 'x-user': 'stranger' })).status).toBe(403);
    const answer = await get('/rate-monitor/api/overview', { 'x-user': 'ops' });
    expect([answer.status, ((await answer.json()) as Overview).who]).toEqual([200, 'ops']);
  });

  it('takes changes from the page itself only, as JSON', async () => {
    const { get, post, monitor } = await started({ fastify });
    const path = '/rate-monitor/api/mute';
    const body = { category: 'llm_call', forMs: MINUTE, reason: 'x' };
    const host = new URL((await get('/rate-monitor/page')).url).host;
    const wrong: Record<string, string>[] = [
      {},
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'none' },
      { 'sec-fetch-site': 'cross-site', origin: `http://${host}` },
      { origin: 'https://evil.example' },
      { origin: 'null' },
    ];
    for (const headers of wrong) expect([headers, (await post(path, body, headers)).status]).toEqual([headers, 403]);
    expect(
      (await post(path, body, { 'sec-fetch-site': 'same-origin', 'content-type': 'text/plain' })).status,
    ).toBeGreaterThanOrEqual(400);
    expect((await get(path)).status).toBe(404);
    expect(monitor.mutes).toEqual([]);
    expect((await post(path, body, { origin: `http://${host}` })).status).toBe(200);
    expect(monitor.mutes).toHaveLength(1);
  });
});

describe('the API of the page', () => {
  it('does not provide its files as a value, which Nest 10 would serialize with the module', () => {
    const { providers } = RateMonitorDashboardModule.forRoot({ authorize: () => 'dana' });
    const files = providers?.find((provider) => 'provide' in provider && provider.provide === ASSETS);
    expect(files).toBeDefined();
    expect(files).not.toHaveProperty('useValue');
  });

  it('is not part of the API that @nestjs/swagger describes', () => {
    const { controllers } = RateMonitorDashboardModule.forRoot({ authorize: () => 'dana' });
    expect(Reflect.getMetadata('swagger/apiExcludeController', controllers?.[0] as object)).toEqual([true]);
  });

  it('stops the boot without authorize, and with a path that is none', () => {
    const forRoot = (options: unknown) => () =>
      RateMonitorDashboardModule.forRoot(options as RateMonitorDashboardOptions);
    expect(forRoot({})).toThrow(RateMonitorConfigError);
    expect(forRoot({ authorize: () => true, path: null, imports: null })).not.toThrow();
    expect(forRoot(undefined)).toThrow(/authorize of RateMonitorDashboardModule is missing/);
    expect(forRoot({ authorize: 'dana' })).toThrow(/authorize/);
    for (const path of ['/', '', 'a/', '../a', 'a b', ':id', '*', 7])
      expect(forRoot({ authorize: () => true, path })).toThrow(/path of RateMonitorDashboardModule/);
  });

  it('stops the boot with an unknown option, and names the one that was meant', () => {
    const forRoot = (options: object) => () =>
      RateMonitorDashboardModule.forRoot({ authorize: () => 'dana', ...options });
    expect(forRoot({ Path: 'ops' })).toThrow(/Path is not an option of RateMonitorDashboardModule: write path$/);
    expect(forRoot({ guard: 'x' })).toThrow(/write one of path, authorize, imports$/);
    expect(forRoot({ 'redis://:hunter2@db': 1 })).toThrow(/- \(an address\) is not an option/);
  });

  it('shows who is over, since when, which channels know it, and until when it is muted', async () => {
    const { monitor, get } = await started();
    const { replica, clock, alerts, mutes } = monitor;
    for (let minute = 0; minute < 3; minute++) {
      await replica.count('llm_call', 'proj_1', minute === 0 ? 4 : 60, { name: '<img src=x onerror=alert(1)>' });
      await replica.count('llm_call', 'proj_2', 6);
      await replica.count('llm_call', 'proj_3', 1);
      await replica.recorder.look();
      if (minute === 2) break;
      clock.now += MINUTE + 1_000;
      await replica.recorder.look();
      clock.now = START + (minute + 1) * MINUTE;
    }
    await monitor.view.instances.beat();
    mutes.push({
      tenant: 'proj_1',
      category: 'llm_call',
      until: new Date(START + 60 * MINUTE),
      reason: 'known',
      heldBack: 2,
    });
    alerts.push({
      id: 'r1',
      raisedAt: new Date(START + MINUTE),
      alert: {
        category: 'llm_call',
        tenant: { id: 'proj_1' },
        count: 51,
        threshold: 10,
        countedBy: 'all',
        level: { at: 5, severity: 'critical' },
        windowStart: new Date(START + MINUTE),
        windowMs: MINUTE,
        contributors: [{ label: 'sk-****1', count: 50 }],
        incident: {
          id: 'i1',
          status: 'escalated',
          startedAt: new Date(START + MINUTE),
          lastedMs: MINUTE,
          total: 60,
          peak: { count: 60, windowStart: new Date(START + MINUTE) },
        },
      },
      channels: {
        log: { status: 'delivered', attempts: 1 },
        discord: {
          status: 'retried',
          attempts: 2,
          reason: 'Discord answered 503',
          retryAt: new Date(START + 3 * MINUTE),
        },
      },
    });
    const overview = (await (await get('/rate-monitor/api/overview')).json()) as Overview;
    expect(overview).toMatchObject({
      service: 'checkout-api',
      environment: 'production',
      who: 'dana',
      state: 'over',
      over: 1,
      uncounted: 2,
      store: { name: 'memory', up: true },
      instances: [{ id: 'a', self: true, uncounted: 2 }],
      channels: [
        { name: 'log', on: true },
        { name: 'discord', on: false, reason: 'Discord answered 404', offSince: START - 600_000 },
      ],
      moreRows: 0,
      mutes: [{ tenant: { id: 'proj_1' }, reason: 'known', until: START + 60 * MINUTE, heldBack: 2 }],
      incidents: [{ id: 'i1', peak: { count: 60 }, severity: 'critical' }],
      alerts: [{ id: 'r1', status: 'escalated', levelAt: 5, contributors: [{ label: 'sk-****1', count: 50 }] }],
      handlers: [{ handler: 'LlmController.call', seen: false }],
      canSetThreshold: true,
    });
    const [hot, near, ...others] = overview.rows;
    expect(others).toEqual([]);
    expect(near).toMatchObject({ tenant: { id: 'proj_2' }, count: 6, ratio: 0.6, told: [] });
    expect(hot).toMatchObject({
      tenant: { id: 'proj_1', name: '<img src=x onerror=alert(1)>' },
      count: 60,
      threshold: 10,
      ratio: 6,
      severity: 'critical',
      since: START + MINUTE,
      share: 60 / 67,
      levels: [
        { at: 1, count: 10 },
        { at: 5, count: 50 },
      ],
      contributors: [{ label: 'sk-****1', count: 50 }],
      told: [
        { channel: 'log', status: 'sent', attempts: 1 },
        {
          channel: 'discord',
          status: 'waiting',
          attempts: 2,
          reason: 'Discord answered 503',
          retryAt: START + 3 * MINUTE,
        },
      ],
      mute: { reason: 'known' },
    });
    expect(hot?.hour.counts).toHaveLength(60);
    expect(hot?.hour.counts.slice(-4)).toEqual([0, 4, 60, 60]);
    const summary = overview.categories.find(({ name }) => name === 'llm_call');
    expect(summary).toMatchObject({
      total: 67,
      tenants: 3,
      variable: 'RATE_MONITOR_THRESHOLD_LLM_CALL',
      windows: [{ threshold: 10 }],
    });

    const found = (await (await get('/rate-monitor/api/tenants?search=ONERROR')).json()) as TenantsAnswer;
    expect(found.rows.map(({ tenant }) => tenant.id)).toEqual(['proj_1']);
    const all = (await (await get('/rate-monitor/api/tenants?category=llm_call')).json()) as TenantsAnswer;
    expect(all.rows.map(({ tenant, count }) => [tenant.id, count])).toEqual([
      ['proj_1', 60],
      ['proj_2', 6],
      ['proj_3', 1],
    ]);
    const tenant = (await (
      await get('/rate-monitor/api/tenant?category=llm_call&tenant=proj_1')
    ).json()) as TenantAnswer;
    expect(tenant.day.counts).toHaveLength(1_441);
    expect(tenant).toMatchObject({ rows: [{ count: 60 }], incidents: [{ id: 'i1' }], alerts: [{ id: 'r1' }] });
    const unknown = (await (
      await get('/rate-monitor/api/tenant?category=llm_call&tenant=nobody')
    ).json()) as TenantAnswer;
    expect(unknown).toMatchObject({ rows: [{ count: 0, share: 0 }], alerts: [] });
    const category = (await (await get('/rate-monitor/api/category?category=llm_call')).json()) as CategoryAnswer;
    expect(category).toMatchObject({
      active: 3,
      alerts: [{ tenant: { id: 'proj_1' }, severity: 'critical' }],
      advice: { threshold: 10, samples: 9 },
      tenants: [{ tenant: { id: 'proj_1' }, peak: 60, total: 124, threshold: 10 }, { peak: 6 }, { peak: 1 }],
    });
    expect(category.totals.counts.slice(-3)).toEqual([11, 67, 67]);
    const advice = async (query = '') =>
      (await (await get(`/rate-monitor/api/advice?category=llm_call${query}`)).json()) as Record<string, unknown>;
    // As a form with an empty field sends it.
    expect((await advice('&at=&over=%20')).candidates).toEqual((await advice()).candidates);
    expect(await advice('&at=20')).toMatchObject({
      candidates: expect.arrayContaining([
        {
          threshold: 20,
          alerts: 2,
          tenants: 1,
          whom: [{ tenant: { id: 'proj_1', name: '<img src=x onerror=alert(1)>' }, alerts: 2 }],
        },
      ]),
    });
  });

  it('counts a tenant as over above the threshold, not above a lower level', async () => {
    const { monitor, get } = await started();
    const categories = monitor.view.categories as Map<string, Category>;
    const category = categories.get('llm_call') as Category;
    const windows = category.windows.map((window) => ({ ...window, levels: [{ at: 0.5, severity: 'info' as const }] }));
    categories.set('llm_call', { ...category, windows });
    await monitor.replica.count('llm_call', 'proj_1', 8);
    await monitor.replica.recorder.look();
    expect(await (await get('/rate-monitor/api/overview')).json()).toMatchObject({
      state: 'calm',
      over: 0,
      rows: [{ tenant: { id: 'proj_1' }, severity: 'info' }],
    });
  });

  it('shows a tenant of the last minute until the running one has a higher count', async () => {
    const { monitor, get } = await started();
    await monitor.replica.count('llm_call', 'proj_1', 60);
    await monitor.replica.recorder.look();
    monitor.clock.now += MINUTE;
    expect(((await (await get('/rate-monitor/api/overview')).json()) as Overview).rows).toMatchObject([
      { tenant: { id: 'proj_1' }, count: 60, windowStart: START },
    ]);
  });

  it('shows a tenant that is over a low threshold of its own, though 200 others are busier', async () => {
    const { monitor, get } = await started();
    const { replica, alerts } = monitor;
    for (let i = 0; i < 200; i++) await replica.count('llm_call', `busy_${i}`, 4);
    replica.thresholds.set('trial', 2);
    await replica.count('llm_call', 'trial', 3);
    alerts.push({
      // Consecutive windows share one record, which began long ago.
      id: 'r1',
      raisedAt: new Date(START - 9 * MINUTE),
      channels: { log: { status: 'delivered', attempts: 1 } },
      alert: {
        category: 'llm_call',
        tenant: { id: 'trial' },
        count: 3,
        threshold: 2,
        countedBy: 'all',
        level: { at: 1, severity: 'warning' },
        windowStart: new Date(START),
        windowMs: MINUTE,
        windowEnd: new Date(START + MINUTE),
      },
    });
    await replica.recorder.look();
    const overview = (await (await get('/rate-monitor/api/overview')).json()) as Overview;
    expect(overview).toMatchObject({
      state: 'over',
      over: 1,
      rows: [{ tenant: { id: 'trial' }, count: 3, threshold: 2 }],
    });
  });

  it('shows a tenant that is near a low threshold of its own, though 250 others are busier', async () => {
    const { monitor, get } = await started();
    const { replica } = monitor;
    for (let i = 0; i < 250; i++) await replica.count('llm_call', `busy_${i}`, 4);
    await replica.count('llm_call', 'trial', 3, { threshold: 4 });
    await replica.count('llm_call', 'idle', 1, { threshold: 4 });
    for (const tenant of ['trial', 'idle']) replica.thresholds.set(tenant, 4);
    await replica.recorder.look();
    const { rows } = (await (await get('/rate-monitor/api/overview')).json()) as Overview;
    expect(rows).toMatchObject([{ tenant: { id: 'trial' }, count: 3, threshold: 4, ratio: 0.75 }]);
  });

  it('compares the last hour with the threshold of its own window only', async () => {
    const windows = [
      { period: 'month' as const, threshold: 30 },
      { windowMs: MINUTE, threshold: 10 },
    ];
    const { monitor, get } = await started({ monitor: seenMonitor(START, { tokens: { windows } }) });
    await monitor.replica.count('tokens', 'acme', 20);
    await monitor.replica.recorder.look();
    const { rows } = (await (await get('/rate-monitor/api/overview')).json()) as Overview;
    expect(rows.map((row) => [row.windowMs, row.threshold, row.hour.counts.at(-1), row.hourThreshold])).toEqual([
      [MINUTE, 10, 20, 10],
      [31 * 24 * 60 * MINUTE, 30, 20, undefined],
    ]);
  });

  it("shows since when a long window is over by its alert, not by the window's start", async () => {
    // Only the shortest window has a history.
    const windows = [{ threshold: 1_000 }, { period: 'month' as const, threshold: 30 }];
    const { monitor, get } = await started({ monitor: seenMonitor(START, { tokens: { windows } }) });
    await monitor.replica.count('tokens', 'acme', 40);
    await monitor.replica.recorder.look();
    const row = async () => ((await (await get('/rate-monitor/api/overview')).json()) as Overview).rows[0];
    const { windowStart, windowMs, window } = (await row()) as TenantRow;
    expect(windowStart).toBeLessThan(START - 10 * MINUTE);
    monitor.alerts.push({
      id: 'r1',
      raisedAt: new Date(START - 9 * MINUTE),
      channels: {},
      alert: {
        category: 'tokens',
        tenant: { id: 'acme' },
        count: 31,
        threshold: 30,
        countedBy: 'all',
        window,
        level: { at: 1, severity: 'warning' },
        windowStart: new Date(windowStart),
        windowMs,
      },
    });
    await until(async () => (await row())?.since === START - 9 * MINUTE);
  });

  it('finds the busiest of many first', async () => {
    const { monitor, get } = await started();
    for (let i = 0; i < 60; i++) await monitor.replica.count('llm_call', `proj_${i}`, 1);
    await monitor.replica.count('llm_call', 'proj_last', 40);
    await monitor.replica.recorder.look();
    const found = (await (await get('/rate-monitor/api/tenants?search=proj')).json()) as TenantsAnswer;
    expect([found.rows[0]?.tenant.id, found.rows.length, found.more]).toEqual(['proj_last', 50, 11]);
  });

  it('reads once a second for any number of viewers, and at once after a change', async () => {
    const { monitor, get, post } = await started();
    const top = jest.spyOn(monitor.replica.usage, 'top');
    await Promise.all(Array.from({ length: 20 }, () => get('/rate-monitor/api/overview')));
    const once = top.mock.calls.length;
    expect(once).toBeLessThanOrEqual(4);
    await post('/rate-monitor/api/mute', { forMs: MINUTE, reason: 'all quiet' });
    expect(((await (await get('/rate-monitor/api/overview')).json()) as Overview).mutes).toMatchObject([
      { reason: 'all quiet', by: 'dana' },
    ]);
  });

  it('answers 304 while nothing but the time has changed', async () => {
    const { monitor, get } = await started();
    const etag = (await get('/rate-monitor/api/overview')).headers.get('etag') ?? '';
    monitor.clock.now += 500;
    for (const known of [etag, `W/${etag}`, `"other", W/${etag}`])
      expect((await get('/rate-monitor/api/overview', { 'if-none-match': known })).status).toBe(304);
    for (const other of ['"other"', etag.slice(1, -1), ''])
      expect((await get('/rate-monitor/api/overview', { 'if-none-match': other })).status).toBe(200);
  });

  it('mutes, unmutes, tests and sets thresholds, and logs who did it', async () => {
    const { monitor, post, log } = await started();
    const scope = { category: 'llm_call', tenant: 'proj_1' };
    expect(
      await (await post('/rate-monitor/api/mute', { ...scope, forMs: 3_600_000, reason: 'load\ntest' })).json(),
    ).toEqual({
      mute: {
        category: 'llm_call',
        tenant: { id: 'proj_1' },
        until: START + 3_600_000,
        reason: 'load\ntest',
        by: 'dana',
        heldBack: 0,
      },
    });
    expect(await (await post('/rate-monitor/api/unmute', scope)).json()).toEqual({ unmuted: true });
    expect(await (await post('/rate-monitor/api/unmute', scope)).json()).toEqual({ unmuted: false });
    expect(await (await post('/rate-monitor/api/test', {})).json()).toEqual({
      channels: [
        { name: 'log', status: 'sent' },
        { name: 'discord', status: 'failed', reason: 'Discord answered 404' },
      ],
    });
    const set = { ...scope, threshold: 20, forMs: MINUTE, reason: 'import' };
    expect(await (await post('/rate-monitor/api/threshold', set)).json()).toEqual({
      ...scope,
      threshold: 20,
      until: START + MINUTE,
    });
    expect(await (await post('/rate-monitor/api/threshold', { category: 'llm_call', threshold: null })).json()).toEqual(
      { category: 'llm_call', threshold: 10 },
    );
    const alike = { tenant: 'proj_1\u200b', category: 'llm_call' };
    await post('/rate-monitor/api/mute', { ...alike, forMs: 3_600_000, reason: 'x' });
    await post('/rate-monitor/api/unmute', alike);
    expect(log.lines.filter((line) => line.includes('dana')).map((line) => line.replace(/^.*?dana/, 'dana'))).toEqual([
      'dana unmuted proj_1, llm_call',
      'dana sent a test alert',
      expect.stringMatching(/^dana unmuted proj_1 \[altered #[0-9a-f]{6}\], llm_call$/),
    ]);
    expect(monitor.mutes).toEqual([]);
  });

  it('logs a name so that it cannot pass for part of the line', async () => {
    const { post, log } = await started({ authorize: () => 'dana unmuted every tenant. eve' });
    await post('/rate-monitor/api/test', {});
    expect(log.of('sent a test alert')).toEqual([
      expect.stringContaining(' "dana unmuted every tenant. eve" sent a test alert'),
    ]);
  });

  it('refuses wrong requests with a reason', async () => {
    const { get, post } = await started();
    const refused = async (answer: Promise<Response>) => [
      (await answer).status,
      ((await (await answer).json()) as { error: string }).error,
    ];
    expect(await refused(get('/rate-monitor/api/category?category=nope'))).toEqual([
      404,
      'unknown category: write one of llm_call, evaluations, or add it to categories',
    ]);
    expect(await refused(get('/rate-monitor/api/tenant?category=llm_call'))).toEqual([
      400,
      'tenant is missing: write its id',
    ]);
    expect(await refused(get('/rate-monitor/api/advice?category=llm_call&over=soon'))).toEqual([
      400,
      'over is not a number, 60000 or more',
    ]);
    expect(await refused(post('/rate-monitor/api/mute', { forMs: MINUTE }))).toEqual([
      400,
      'reason is not a string of 1 to 500 characters',
    ]);
    expect(await refused(post('/rate-monitor/api/mute', { forMs: -1, reason: 'x' }))).toEqual([
      400,
      'forMs is not a number above 0',
    ]);
    expect(await refused(post('/rate-monitor/api/mute', [1]))).toEqual([400, 'the body is not a JSON object']);
    expect(await refused(post('/rate-monitor/api/threshold', { category: 'llm_call', threshold: '3' }))).toEqual([
      400,
      'threshold is neither a number nor null',
    ]);
    // It would mute every tenant.
    expect(await refused(post('/rate-monitor/api/mute', { tenantId: 'a', forMs: MINUTE, reason: 'x' }))).toEqual([
      400,
      'tenantId is not an option: write tenant',
    ]);
    expect(await refused(post('/rate-monitor/api/test', { channel: 'slack' }))).toEqual([
      400,
      'channel is not an option: leave it out',
    ]);
    const day = { category: 'llm_call', window: 'day', threshold: 3 };
    expect(await refused(post('/rate-monitor/api/threshold', day))).toEqual([404, 'unknown window: leave it out']);
  });

  it('accepts ids as long as alerts show them, and refuses longer ones with a reason', async () => {
    const { monitor, get, post } = await started();
    const tenant = 'x'.repeat(1_000);
    await monitor.replica.count('llm_call', tenantKey(tenant), 60);
    const answer = await get(`/rate-monitor/api/tenant?category=llm_call&tenant=${tenant}`);
    expect(((await answer.json()) as TenantAnswer).rows).toMatchObject([{ count: 60 }]);
    const of = { category: 'llm_call', tenant };
    expect((await post('/rate-monitor/api/mute', { ...of, forMs: MINUTE, reason: 'import' })).status).toBe(200);
    expect((await post('/rate-monitor/api/threshold', { ...of, threshold: 90 })).status).toBe(200);
    const shown = await get(
      `/rate-monitor/api/tenant?category=llm_call&tenant=${encodeURIComponent(tenantKey(tenant))}`,
    );
    expect(((await shown.json()) as TenantAnswer).override).toMatchObject({ threshold: 90 });
    const wrong = { ...of, tenant: `${tenant}x`, forMs: MINUTE, reason: 'import' };
    expect(await (await post('/rate-monitor/api/mute', wrong)).json()).toEqual({
      error: 'tenant is not a string of 1 to 1000 characters',
    });
    // Without the wrong part, these would ask for something else.
    for (const [name, query] of [
      ['tenant', `tenant?category=llm_call&tenant=${tenant}x`],
      ['category', `tenants?category=${tenant}x`],
      ['category', 'tenants?category=llm_call&category=evaluations'],
      ['search', `tenants?search=${tenant}x`],
    ] as const) {
      const refused = await get(`/rate-monitor/api/${query}`);
      expect([refused.status, await refused.json()]).toEqual([
        400,
        { error: `${name} is not one string of at most 1000 characters` },
      ]);
    }
  });

  it('leaves out a threshold that cannot be exceeded, and names a time that is too long', async () => {
    const { monitor, post } = await started();
    jest.spyOn(monitor.view, 'thresholdOf').mockReturnValue(Infinity);
    const of = { category: 'llm_call', tenant: 'proj_1' };
    const address = '/rate-monitor/api/threshold';
    expect(await (await post(address, { ...of, threshold: null })).json()).toEqual(of);
    expect(await (await post(address, { ...of, threshold: 5, forMs: Number.MAX_SAFE_INTEGER })).json()).toEqual({
      error: 'forMs is too long: leave it out for a threshold without an end',
    });
  });

  it('counts a tenant that is over in two categories once', async () => {
    const { monitor, get } = await started();
    await monitor.replica.count('llm_call', 'proj_1', 60);
    await monitor.replica.count('evaluations', 'proj_1', 6);
    await monitor.replica.count('evaluations', 'proj_2', 6);
    await monitor.replica.recorder.look();
    const { over, rows } = (await (await get('/rate-monitor/api/overview')).json()) as Overview;
    expect([over, rows.length]).toEqual([2, 3]);
  });

  it('shows which channels know of a tenant that is over again while its incident is open', async () => {
    const { monitor, get } = await started();
    await monitor.replica.count('llm_call', 'proj_1', 60);
    await monitor.replica.recorder.look();
    const record = (minutesAgo: number, status: 'opened' | 'resolved') => ({
      id: status,
      raisedAt: new Date(START - minutesAgo * MINUTE),
      alert: {
        category: 'llm_call',
        tenant: { id: 'proj_1' },
        count: 51,
        threshold: 10,
        countedBy: 'all' as const,
        level: { at: 5, severity: 'critical' as const },
        windowStart: new Date(START - minutesAgo * MINUTE),
        windowMs: MINUTE,
        contributors: [{ label: 'sk-****1', count: 50 }],
        incident: {
          id: status,
          status,
          startedAt: new Date(START - minutesAgo * MINUTE),
          lastedMs: MINUTE,
          total: 60,
          windowsOver: 1,
          windows: 1,
          peak: { count: 60, windowStart: new Date(START - minutesAgo * MINUTE) },
        },
      },
      channels: { log: { status: 'delivered' as const, attempts: 1 } },
    });
    const row = async () => ((await (await get('/rate-monitor/api/overview')).json()) as Overview).rows[0];
    monitor.alerts.push(record(9, 'resolved'));
    expect((await row())?.told).toEqual([]);
    monitor.alerts.unshift(record(5, 'opened'));
    await until(async () => (await row())?.told.length === 1);
    expect(await row()).toMatchObject({ told: [{ channel: 'log', status: 'sent' }] });
    // They contributed to another window.
    expect(await row()).not.toHaveProperty('contributors');
  });

  it('shows since when it is blind, and the data that remains', async () => {
    const { monitor, get } = await started();
    Object.assign(monitor.status, { up: false, blindSince: START - MINUTE });
    jest.spyOn(monitor.replica.usage, 'top').mockRejectedValue(new Error('away'));
    jest.spyOn(monitor.view, 'alertHistory').mockRejectedValue(new Error('away'));
    jest.spyOn(monitor.view.instances, 'list').mockRejectedValue(new Error('away'));
    expect((await (await get('/rate-monitor/api/overview')).json()) as Overview).toMatchObject({
      state: 'blind',
      blindSince: START - MINUTE,
      rows: [],
      alerts: [],
      store: { up: false },
      instances: [{ id: 'a', self: true }],
      instancesReadAt: START,
      uncounted: 2,
    });
  });

  it('does not claim that all is calm if the store goes away or comes back while it reads', async () => {
    const { monitor, get } = await started();
    const read = async (path: string) => (await (await get(`/rate-monitor/api/${path}`)).json()) as Partial<Overview>;
    const away = jest.spyOn(monitor.replica.usage, 'top').mockImplementation(() => {
      Object.assign(monitor.status, { up: false, blindSince: START });
      return Promise.reject(new Error('away'));
    });
    expect(await read('overview')).toMatchObject({
      ...{ state: 'blind', blindSince: START, over: 0 },
      unread: ['usage of evaluations', 'usage of llm_call'],
    });
    jest.spyOn(monitor.view, 'alertHistory').mockImplementation(() => {
      Object.assign(monitor.status, { up: true, blindSince: undefined });
      return Promise.reject(new Error('away'));
    });
    away.mockRestore();
    monitor.clock.now += 1;
    await until(async () => (await read('overview')).state === 'calm');
    expect(await read('overview')).toMatchObject({ unread: ['alerts'] });
  });

  it.each([
    ['overview', ['usage of evaluations', 'usage of llm_call']],
    ['tenants?search=proj', ['usage of evaluations', 'usage of llm_call']],
    ['tenant?category=llm_call&tenant=proj_1', ['thresholds', 'usage of llm_call']],
    ['category?category=llm_call', ['thresholds', 'usage of llm_call']],
  ])('asks a hanging store for all of %s in parallel', async (path, unread) => {
    const { monitor, get } = await started();
    const { source, store } = Reflect.get(monitor.replica.usage, 'settings') as {
      source: UsageSource;
      store: UsageStore;
    };
    const hung: (() => void)[] = [];
    const hang = () => new Promise<never>((_, reject) => hung.push(() => reject(new Error('Command timed out'))));
    for (const method of ['top', 'near', 'totals', 'seen', 'bytes', 'history', 'peaks'] as const)
      jest.spyOn(store, method).mockImplementation(hang);
    jest.spyOn(monitor.view, 'alertHistory').mockImplementation(hang);
    jest.spyOn(monitor.view.alerts, 'mutes').mockImplementation(hang);
    jest.spyOn(monitor.view.instances, 'list').mockImplementation(hang);
    jest.spyOn(monitor.view.thresholds, 'list').mockImplementation(hang);
    jest.spyOn(source, 'counts').mockImplementation(hang);
    const answer = get(`/rate-monitor/api/${path}`);
    await until(() => hung.length > 0);
    await new Promise(setImmediate);
    for (const timeOut of hung) timeOut();
    expect(await endsWithin(answer, 2_000)).toBe(true);
    expect((await (await answer).json()) as Overview).toMatchObject({
      unread: expect.arrayContaining(['alerts', 'mutes', ...unread]) as string[],
    });
  });

  it('does not answer that nobody was found while the store is away', async () => {
    const { monitor, get } = await started();
    Object.assign(monitor.status, { up: false, blindSince: START });
    jest.spyOn(monitor.replica.usage, 'top').mockRejectedValue(new Error('away'));
    const found = (await (await get('/rate-monitor/api/tenants?search=proj')).json()) as TenantsAnswer;
    expect(found).toMatchObject({ rows: [], unread: ['usage of evaluations', 'usage of llm_call'] });
  });

  it('answers 503 without a reason before the monitor has started and if it fails', async () => {
    const { monitor, get, log } = await started();
    jest.spyOn(monitor.view.thresholds, 'list').mockRejectedValue(new Error('WRONGTYPE of something'));
    const answer = await get('/rate-monitor/api/thresholds');
    expect([answer.status, await answer.json()]).toEqual([
      503,
      { error: 'this cannot be read or changed at the moment: the log of the app says why' },
    ]);
    expect(log.lines.some((line) => line.includes('WRONGTYPE'))).toBe(true);
  });

  it('shows all that can be read, and names the rest, for which the log has the reason', async () => {
    const { monitor, get, log } = await started();
    await monitor.replica.count('llm_call', 'proj_1', 60);
    await monitor.replica.count('evaluations', 'proj_2', 6);
    await monitor.replica.recorder.look();
    const { usage } = monitor.replica;
    const { top, active } = { top: usage.top.bind(usage), active: usage.active.bind(usage) };
    const refused = (what: string) => Promise.reject(new Error(`NOPERM to read ${what}`));
    const unlessLlm = (name: string) => (name === 'llm_call' ? refused('usage') : undefined);
    const spies = [
      jest.spyOn(usage, 'top').mockImplementation((name, options) => unlessLlm(name) ?? top(name, options)),
      jest.spyOn(usage, 'active').mockImplementation((name, range) => unlessLlm(name) ?? active(name, range)),
      jest.spyOn(monitor.view, 'alertHistory').mockImplementation(() => refused('alerts')),
      jest.spyOn(monitor.view.alerts, 'mutes').mockImplementation(() => refused('mutes')),
      jest.spyOn(monitor.view.instances, 'list').mockImplementation(() => refused('instances')),
    ];
    const read = async <T>(path: string) => (await (await get(`/rate-monitor/api/${path}`)).json()) as T;
    const overview = await read<Overview>('overview');
    expect(overview.unread).toEqual(['alerts', 'instances', 'mutes', 'usage of llm_call']);
    expect([overview.rows.map(({ tenant }) => tenant.id), overview.over]).toEqual([['proj_2'], 1]);
    expect(overview.categories.map(({ name, total }) => [name, total])).toEqual([
      ['llm_call', 60],
      ['evaluations', 6],
    ]);
    expect(overview.instances).toHaveLength(1);
    const found = await read<TenantsAnswer>('tenants?search=proj');
    expect([found.rows.map(({ tenant }) => tenant.id), found.unread]).toEqual([
      ['proj_2'],
      ['alerts', 'mutes', 'usage of llm_call'],
    ]);
    const tenant = await read<TenantAnswer>('tenant?category=llm_call&tenant=proj_1');
    expect([tenant.rows[0]?.count, tenant.unread]).toEqual([60, ['alerts', 'mutes']]);
    const category = await read<CategoryAnswer>('category?category=evaluations');
    expect([category.active, category.unread]).toEqual([1, ['alerts', 'mutes']]);
    // Again, as an open page does.
    monitor.clock.now += 1;
    await read('overview');
    expect(log.lines.filter((line) => line.includes('cannot be read'))).toEqual([
      expect.stringMatching(
        /The page is shown without what cannot be read: alerts \(NOPERM to read alerts\. Grant its user the rights .*\), instances \(.*\), mutes \(.*\), usage of llm_call \(NOPERM to read usage\..*\)$/,
      ),
    ]);

    for (const spy of spies) spy.mockRestore();
    await until(async () => (await read<Overview>('overview')).unread === undefined);
  });

  it('hides no tenant if the history of another cannot be read, and shows what else is known of that one', async () => {
    const { monitor, get, post, log } = await started();
    await monitor.replica.count('llm_call', 'broken', 60);
    await monitor.replica.count('llm_call', 'proj_1', 50);
    await monitor.replica.recorder.look();
    const { store } = Reflect.get(monitor.replica.usage, 'settings') as { store: UsageStore };
    const history = store.history.bind(store);
    jest
      .spyOn(store, 'history')
      .mockImplementation((category, tenants, from, to) =>
        tenants.includes('broken') ? Promise.reject(new Error('WRONGTYPE')) : history(category, tenants, from, to),
      );
    const unread = ['usage of llm_call'];
    const read = async <T>(path: string) => (await (await get(`/rate-monitor/api/${path}`)).json()) as T;
    const overview = await read<Overview>('overview');
    expect(overview.rows.map(({ tenant, hour, since }) => [tenant.id, hour.counts.at(-1), since])).toEqual([
      ['broken', undefined, START],
      ['proj_1', 50, START],
    ]);
    expect([overview.state, overview.over, overview.unread]).toEqual(['over', 2, unread]);
    const tenant = await read<TenantAnswer>('tenant?category=llm_call&tenant=broken');
    expect([tenant.rows[0]?.count, tenant.day.counts, tenant.unread]).toEqual([60, [], unread]);
    const category = await read<CategoryAnswer>('category?category=llm_call');
    expect([category.totals.counts.at(-1), category.active, category.unread]).toEqual([110, 0, unread]);
    jest.spyOn(monitor.view.thresholds, 'list').mockRejectedValue(new Error('NOPERM'));
    jest.spyOn(monitor.view, 'alertHistory').mockResolvedValue({ alerts: [], unread: new Error('NOPERM') });
    // A change on the page clears its cache.
    await post('/rate-monitor/api/test', {});
    const both = await read<TenantAnswer>('tenant?category=llm_call&tenant=proj_1');
    expect([both.rows[0]?.count, both.unread]).toEqual([50, ['alerts that are over', 'thresholds']]);
    expect(log.lines.filter((line) => line.includes('cannot be read'))).toHaveLength(2);
    jest.restoreAllMocks();
  });

  it('logs once why pages that ask each second get nothing, but each change that fails', async () => {
    const { monitor, get, post, log } = await started();
    const failed = () => log.lines.filter((line) => line.includes('A request of the page failed'));
    Object.assign(monitor.status, { up: false });
    jest.spyOn(monitor.replica.usage, 'history').mockRejectedValue(new Error('the store is away'));
    for (let i = 0; i < 3; i++) await get('/rate-monitor/api/tenant?category=llm_call&tenant=proj_1');
    expect(failed()).toHaveLength(1);
    jest.spyOn(monitor.view.alerts, 'sendTest').mockRejectedValue(new Error('the store is away'));
    for (let i = 0; i < 2; i++) await post('/rate-monitor/api/test', {});
    expect(failed()).toHaveLength(3);
    jest.restoreAllMocks();
  });

  it('describes each answer by an existing schema, with its example', async () => {
    const { get } = await started();
    const description = (await (await get('/rate-monitor/api/openapi.json')).json()) as {
      paths: Record<string, unknown>;
      components: { schemas: Record<string, unknown> };
    };
    expect(Object.keys(description.paths)).toHaveLength(10);
    const text = JSON.stringify(description);
    expect(text).toContain(JSON.stringify(EXAMPLES.overview));
    for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
      expect([name, typeof description.components.schemas[name]]).toEqual([name, 'object']);
  });

  it('answers with every required field, and with no field that is not described', async () => {
    const { monitor, get } = await started();
    await monitor.replica.count('llm_call', 'proj_1', 60, { name: 'Acme' });
    await monitor.replica.recorder.look();
    await monitor.view.instances.beat();
    for (const [path, name] of [
      ['overview', 'Overview'],
      ['tenants', 'TenantsAnswer'],
      ['tenant?category=llm_call&tenant=proj_1', 'TenantAnswer'],
      ['category?category=llm_call', 'CategoryAnswer'],
      ['advice?category=llm_call', 'Advice'],
      ['thresholds', 'ThresholdsAnswer'],
      ['category?category=nope', 'ErrorAnswer'],
    ])
      expect(unlike(await (await get(`/rate-monitor/api/${path}`)).json(), { $ref: `/${name}` }, name ?? '')).toEqual(
        [],
      );
    for (const [name, example] of Object.entries({
      Overview: EXAMPLES.overview,
      TenantAnswer: EXAMPLES.tenant,
      CategoryAnswer: EXAMPLES.category,
      MuteRequest: EXAMPLES.muteRequest,
      MuteAnswer: EXAMPLES.mute,
      TestAnswer: EXAMPLES.test,
      ThresholdRequest: EXAMPLES.thresholdRequest,
      ThresholdAnswer: EXAMPLES.threshold,
      UnmuteAnswer: EXAMPLES.unmute,
      ThresholdsAnswer: EXAMPLES.thresholds,
    }))
      expect(unlike(example, { $ref: `/${name}` }, name)).toEqual([]);
  });
});
