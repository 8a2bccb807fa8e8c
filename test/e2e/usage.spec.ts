import { Controller, Injectable, Post, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { execFile } from 'node:child_process';
import { hostname } from 'node:os';
import { promisify } from 'node:util';

import { Redis } from 'ioredis';

import { MonitorRate, ThresholdService, UsageService, WebhookChannel } from '../../src/index.js';
import { MONITOR_VIEW, type MonitorView } from '../../src/facade/monitor-view.js';
import { RateMonitorHealthIndicator } from '../../src/health/index.js';
import { FIGURES } from '../../src/telemetry/metrics.js';
import type { Deferred } from '../../src/util/deferred.js';
import { VERSION } from '../../src/util/version.js';
import type {
  CategoryAnswer,
  Overview,
  TenantAnswer,
  TenantsAnswer,
  ThresholdsAnswer,
} from '../../src/dashboard/api.js';
import { RateMonitorDashboardModule } from '../../src/dashboard/index.js';
import { startApp, type TestApp, type TestAppOptions } from '../support/app.js';
import { calmCategories, calmWindowMs } from '../support/calm-window.js';
import { freePort } from '../support/free-port.js';
import { WebhookServer } from '../support/webhook-server.js';
import { sharedRedis } from '../support/redis.js';
import { until } from '../support/until.js';

@Injectable()
class Knows implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ headers: Record<string, string>; auth?: unknown }>();
    request.auth = { project: { id: request.headers['x-project'], name: `Name of ${request.headers['x-project']}` } };
    return true;
  }
}

@Controller()
class LlmController {
  @Post('call')
  @MonitorRate('llm_call')
  call(): string {
    return 'ok';
  }

  @Post('never')
  @MonitorRate('evaluations')
  never(): string {
    return 'ok';
  }
}

const apps: TestApp[] = [];
const start = async (options: TestAppOptions['options']) => {
  const app = await startApp({
    options: { service: 'checkout-api', environment: 'test', ...options },
    metadata: {
      imports: [RateMonitorDashboardModule.forRoot({ authorize: () => 'dana' })],
      controllers: [LlmController],
      providers: [RateMonitorHealthIndicator],
    },
    prepare: (nest) => void nest.useGlobalGuards(new Knows()),
  });
  apps.push(app);
  return app;
};
afterEach(async () => void (await Promise.all(apps.splice(0).map((app) => app.close()))));

const overviewOf = async ({ url }: TestApp) =>
  (await (await fetch(`${url}/rate-monitor/api/overview`)).json()) as Overview;

describe('usage in an app', () => {
  it('shows traffic of two replicas on the page of each within seconds, and mutes for both', async () => {
    const { client, keyPrefix } = sharedRedis();
    // Windows that the end of a minute does not split.
    const options = { redis: client, keyPrefix, categories: calmCategories() };
    const [a, b] = [await start(options), await start(options)];
    for (let i = 0; i < 20; i++) await (i % 2 ? a : b).post('/call', { 'x-project': 'proj_1' });
    await a.post('/call', { 'x-project': 'proj_2' });
    await until(async () => {
      const [row] = (await overviewOf(b)).rows;
      return row?.count === 20;
    }, 5_000);
    for (const app of [a, b]) {
      await until(async () => (await overviewOf(app)).instances.length === 2);
      const overview = await overviewOf(app);
      expect(overview).toMatchObject({
        state: 'over',
        over: 1,
        service: 'checkout-api',
        environment: 'test',
        who: 'dana',
        store: { up: true },
        rows: [{ tenant: { id: 'proj_1', name: 'Name of proj_1' }, threshold: 15, severity: 'warning' }],
      });
      expect(overview.handlers).toContainEqual({
        handler: 'LlmController.never',
        categories: ['evaluations'],
        seen: false,
      });
      expect(overview.handlers).toContainEqual({ handler: 'LlmController.call', categories: ['llm_call'], seen: true });
      const usage = app.app.get(UsageService);
      const { counts } = await usage.history('llm_call', 'proj_1', { from: Date.now() - 5 * 60_000 });
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(20);
      // Those who were alerted on are shown before usage is written, which is done once a second.
      await until(async () => (await usage.active('llm_call', { from: Date.now() - 5 * 60_000 })) === 2);
    }
    // Who was seen today is read every ten seconds.
    const search = async (): Promise<TenantsAnswer> =>
      (await (await fetch(`${a.url}/rate-monitor/api/tenants?search=name%20of%20proj_2`)).json()) as TenantsAnswer;
    await until(async () => (await search()).rows.length > 0);
    expect(await search()).toMatchObject({
      rows: [{ tenant: { id: 'proj_2', name: 'Name of proj_2' }, count: 1 }],
    });
    const answer = await fetch(`${a.url}/rate-monitor/api/mute`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' },
      body: JSON.stringify({ category: 'llm_call', tenant: 'proj_1', forMs: 3_600_000, reason: 'known' }),
    });
    expect(answer.status).toBe(200);
    await until(async () => (await overviewOf(b)).rows[0]?.mute?.reason === 'known');
    client.disconnect();
  });

  it('shows no exempt tenant as over, in any replica, unless a threshold was set for exactly that tenant', async () => {
    const { client, keyPrefix } = sharedRedis();
    const exempt = ({ id }: { id: string }) => id === 'in_house';
    const categories = { ...calmCategories(), llm_call: { threshold: 3, windowMs: calmWindowMs(), exempt } };
    const options = { redis: client, keyPrefix, categories };
    const [a, b] = [await start(options), await start(options)];
    for (let i = 0; i < 5; i++)
      for (const tenant of ['in_house', 'proj_1']) await a.post('/call', { 'x-project': tenant });
    const thresholds = async (app: TestApp) => {
      const rows = await app.app.get(UsageService).top('llm_call');
      return rows.map(({ tenant, count, threshold }) => `${tenant.id} ${count} of ${threshold}`).sort();
    };
    for (const app of [a, b]) {
      await until(async () => String(await thresholds(app)) === 'in_house 5 of Infinity,proj_1 5 of 3');
      expect((await overviewOf(app)).rows.map(({ tenant }) => tenant.id)).toEqual(['proj_1']);
    }
    await a.app
      .get(ThresholdService)
      .set({ category: 'llm_call', tenant: 'in_house', threshold: 4, reason: 'test', by: 'dana' });
    expect(await thresholds(a)).toEqual(['in_house 5 of 4', 'proj_1 5 of 3']);
    client.disconnect();
  });

  it('sets and removes thresholds from the page, for every replica, and records who did it', async () => {
    const { client, keyPrefix } = sharedRedis();
    const windows = [{ threshold: 100 }, { threshold: 1_000, period: 'day' as const }];
    const categories = { llm_call: { threshold: 15, windowMs: calmWindowMs() }, evaluations: { windows } };
    const options = { redis: client, keyPrefix, categories };
    const [a, b] = [await start(options), await start(options)];
    const from = async <T>({ url }: TestApp, path: string) =>
      (await (await fetch(`${url}/rate-monitor/api/${path}`)).json()) as T;
    const set = async (body: object) => {
      const answer = await a.post('/rate-monitor/api/threshold', { 'sec-fetch-site': 'same-origin' }, body);
      return [answer.status, await answer.json()];
    };
    const tenant = { category: 'llm_call', tenant: 'proj_1' };
    for (let i = 0; i < 6; i++) await b.post('/call', { 'x-project': 'proj_1' });
    await a.post('/call', { 'x-project': 'proj_2' });
    expect(await overviewOf(a)).toMatchObject({ state: 'calm', canSetThreshold: true });

    expect(await set({ ...tenant, threshold: 4, forMs: 3_600_000, reason: 'trial' })).toEqual([
      200,
      { ...tenant, threshold: 4, until: expect.any(Number) },
    ]);
    expect(await set({ category: 'llm_call', threshold: 30 })).toEqual([200, { category: 'llm_call', threshold: 30 }]);
    // The shortest window, if none is named.
    expect(await set({ category: 'evaluations', threshold: 7 })).toEqual([
      200,
      { category: 'evaluations', threshold: 7 },
    ]);
    await set({ category: 'evaluations', window: 'day', threshold: 70 });
    // It counted nothing since: the replica that did learns of the threshold, and alerts.
    await until(() => [...a.alerts, ...b.alerts].length > 0);
    expect([...a.alerts, ...b.alerts]).toMatchObject([{ tenant: { id: 'proj_1' }, count: 6, threshold: 4 }]);
    for (const app of [a, b]) {
      const override = { threshold: 4, by: 'dana', reason: 'trial', since: expect.any(Number) };
      await until(async () => (await overviewOf(app)).over === 1);
      expect((await overviewOf(app)).rows).toMatchObject([{ tenant: { id: 'proj_1' }, count: 6, threshold: 4 }]);
      expect(await from<TenantAnswer>(app, 'tenant?category=llm_call&tenant=proj_1')).toMatchObject({ override });
      const other = await from<TenantAnswer>(app, 'tenant?category=llm_call&tenant=proj_2');
      expect([other.rows[0]?.threshold, other.override]).toEqual([30, undefined]);
      expect(await from<CategoryAnswer>(app, 'category?category=evaluations')).toMatchObject({
        override: { threshold: 7, reason: 'set on the page' },
        category: {
          windows: [
            { name: expect.not.stringMatching('day'), threshold: 7 },
            { name: 'day', threshold: 70 },
          ],
        },
      });
    }

    expect(await set({ ...tenant, threshold: null, reason: 'over' })).toEqual([200, { ...tenant, threshold: 30 }]);
    expect(await set({ category: 'llm_call', threshold: null })).toEqual([
      200,
      { category: 'llm_call', threshold: 15 },
    ]);
    for (const wrong of [1.5, -1]) {
      const [status, { error }] = (await set({ ...tenant, threshold: wrong })) as [number, { error: string }];
      expect([status, error]).toEqual([400, expect.stringContaining('write a whole number')]);
    }
    await until(async () => (await overviewOf(b)).categories[0]?.windows[0]?.threshold === 15);
    const { thresholds, changes } = await from<ThresholdsAnswer>(b, 'thresholds');
    expect(thresholds.map(({ category, threshold }) => [category, threshold]).sort()).toEqual([
      ['evaluations', 7],
      ['evaluations', 70],
    ]);
    expect(changes.map(({ category, by, from: was, to }) => [category, by, was, to])).toEqual([
      ['llm_call', 'dana', 30, undefined],
      ['llm_call', 'dana', 4, undefined],
      ['evaluations', 'dana', undefined, 70],
      ['evaluations', 'dana', undefined, 7],
      ['llm_call', 'dana', undefined, 30],
      ['llm_call', 'dana', undefined, 4],
    ]);
    // Nest's logger is one for the process.
    const lines = [a, b].flatMap(({ log }) => log.of('by dana'));
    expect(lines).toHaveLength(6);
    expect(lines[0]).toContain('Threshold of llm_call for tenant proj_1 is set to 4 until');
    client.disconnect();
  });

  it('shows on the page, in metrics and in health that a channel is gone, and the outcome of alerts', async () => {
    const { client, keyPrefix } = sharedRedis();
    const hook = await new WebhookServer().start();
    hook.answerNext({ status: 410 });
    const channels = [new WebhookChannel({ url: hook.url })];
    const a = await start({ redis: client, keyPrefix, channels, categories: calmCategories() });
    const view = a.app.get<Deferred<MonitorView>>(MONITOR_VIEW).value as MonitorView;
    const figure = (name: string) => FIGURES.find((one) => one.name === `rate_monitor.${name}`)?.observe(view);
    const health = () => a.app.get(RateMonitorHealthIndicator, { strict: false }).check()['rate-monitor'];
    const channel = 'webhook';
    const attempts = (outcome: string) => ({ 'rate_monitor.channel': channel, 'rate_monitor.outcome': outcome });
    expect((await overviewOf(a)).channels).toEqual([{ name: channel, on: true, queued: 0 }]);
    expect(figure('channel.up')).toEqual([{ value: 1, attributes: { 'rate_monitor.channel': channel } }]);
    for (let i = 0; i < 20; i++) await a.post('/call', { 'x-project': 'proj_1' });
    await until(() => health().channelsOff?.length === 1);
    await until(async () => (await overviewOf(a)).channels[0]?.on === false);
    expect((await overviewOf(a)).channels).toEqual([
      { name: channel, on: false, reason: 'answered 410', queued: 1, offSince: expect.any(Number) as number },
    ]);
    expect(health()).toMatchObject({ status: 'up', channelsOff: [channel], queue: 1 });
    expect(figure('channel.up')).toEqual([{ value: 0, attributes: { 'rate_monitor.channel': channel } }]);
    expect(figure('alerts.attempts')).toContainEqual({ value: 1, attributes: attempts('failed') });
    expect(figure('alerts.attempts')).toContainEqual({ value: 0, attributes: attempts('delivered') });
    await until(() => figure('incidents.open')?.[0]?.value === 1);

    // The channel works again.
    const tested = await a.post('/rate-monitor/api/test', { 'sec-fetch-site': 'same-origin' });
    expect(await tested.json()).toMatchObject({ channels: [{ name: channel, status: 'sent' }] });
    await until(
      () =>
        figure('alerts.attempts')?.some(
          ({ value, attributes }) => attributes['rate_monitor.outcome'] === 'delivered' && value === 1,
        ) === true,
    );
    expect([figure('channel.up')?.[0]?.value, health().channelsOff]).toEqual([1, []]);
    await a.app.close();
    client.disconnect();
    await hook.close();
  });

  it('warns at boot of instances with other thresholds, or of another app, under the same keys', async () => {
    const { client, keyPrefix } = sharedRedis();
    const redis = { redis: client, keyPrefix };
    const categories = (threshold: number) => ({ llm_call: { threshold }, evaluations: { threshold: 3 } });
    const a = await start({ ...redis, categories: categories(15) });
    await until(async () => (await overviewOf(a)).instances.length === 1);
    const alike = await start({ ...redis, categories: categories(15) });
    await until(async () => (await overviewOf(a)).instances.length === 2);
    const other = await start({ ...redis, categories: categories(20) });
    await until(() => other.log.of('alerts in llm_call').length > 0);
    expect(other.log.of('alerts in llm_call')).toEqual([
      expect.stringContaining('at more than 15 in 1 minute, this one at more than 20 in 1 minute'),
    ]);
    expect([...a.log.of('keyPrefix'), ...alike.log.of('keyPrefix')]).toEqual([]);
    const foreign = await start({ ...redis, categories: categories(15), service: 'billing' });
    await until(() => foreign.log.of('counts under the same keys').length > 0);
    expect(foreign.log.of('counts under the same keys')).toEqual([
      expect.stringContaining('checkout-api (test) counts under the same keys as billing (test)'),
    ]);
    // The page reads once a second.
    await until(async () => (await overviewOf(a)).instances.length === 4);
    const { instances } = await overviewOf(a);
    expect(instances.map(({ service }) => service)).toEqual([...Array<string>(3).fill('checkout-api'), 'billing']);
    expect(instances[0]).toMatchObject({ version: VERSION, host: hostname(), pid: process.pid, self: true });
    expect(instances[0]).not.toHaveProperty('thresholds');
    client.disconnect();
  });

  it('writes the last counts when the app ends', async () => {
    const { client, keyPrefix } = sharedRedis();
    const a = await start({ redis: client, keyPrefix });
    await a.post('/call', { 'x-project': 'proj_1' });
    await a.app.close();
    const [key] = await client.keys(`${keyPrefix}:usage:{llm_call:proj_1}:m/*`);
    expect(await client.get(key as string)).toMatch(/^[A-Z]{2}1$/);
    client.disconnect();
  });

  it('keeps nothing if usage is off', async () => {
    const { client, keyPrefix } = sharedRedis();
    const a = await start({ redis: client, keyPrefix, usage: false });
    await a.post('/call', { 'x-project': 'proj_1' });
    await expect(a.app.get(UsageService).top('llm_call')).rejects.toThrow('usage is off');
    expect(await overviewOf(a)).toMatchObject({ state: 'calm', rows: [] });
    await a.app.close();
    expect((await client.keys(`${keyPrefix}:*`)).filter((key) => /seen|live|\}:m\//.test(key))).toEqual([]);
    client.disconnect();
  });

  it('explains in plain words that it cannot be read while the store is away', async () => {
    const lost = new Redis({ port: await freePort(), lazyConnect: true, enableOfflineQueue: false });
    lost.on('error', () => undefined);
    const b = await start({ redis: lost });
    const usage = b.app.get(UsageService);
    // In plain words, not the client's.
    await expect(usage.top('llm_call')).rejects.toThrow(
      'Usage cannot be read: the store is away (there is no connection)',
    );
    await expect(usage.top('nothing')).rejects.toThrow(RangeError);
    lost.disconnect();
  });

  it('can be read from a terminal, from Redis alone', async () => {
    const { client, keyPrefix } = sharedRedis();
    const a = await start({ redis: client, keyPrefix, categories: calmCategories() });
    for (let i = 0; i < 16; i++) await a.post('/call', { 'x-project': 'proj_1' });
    const run = (...args: string[]) =>
      promisify(execFile)('node', ['-r', './test/support/register.js', 'src/cli/index.ts', ...args], {
        env: { ...process.env, REDIS_PASSWORD: '' },
      }).catch((error: { code: number; stdout: string; stderr: string }) => error) as Promise<{
        code?: number;
        stdout: string;
        stderr: string;
      }>;
    const url = process.env.TEST_REDIS_URL as string;
    await until(async () => (await client.keys(`${keyPrefix}:usage:{LLM_CALL}:live/*`)).length > 0);
    // A search for a category finds the keys of its tenants, mostly counters.
    const found = (await client.keys(`${keyPrefix}*llm_call*`)).map((key) => key.slice(keyPrefix.length));
    expect(found.filter((key) => !/^(:usage)?:\{llm_call:proj_1\}:(\d+|m\/\d+)$/.test(key))).toEqual([]);
    expect(found.length).toBeGreaterThan(0);
    const json = JSON.parse((await run('top', '--redis', url, '--prefix', keyPrefix, '--json')).stdout);
    expect(json.rows).toMatchObject([
      { category: 'llm_call', tenant: 'proj_1', name: 'Name of proj_1', count: expect.any(Number), threshold: 15 },
    ]);
    const { stdout } = await run('top', '--redis', url, '--prefix', keyPrefix);
    expect(stdout).toMatch(
      /^TENANT +ID +CATEGORY +COUNT +RATIO +SHARE +OVER SINCE\nName of proj_1 +proj_1 +llm_call +\d+ of 15 +1\.\dx +100 %( +\d\d:\d\d UTC)?\n$/,
    );
    const away = await run('top', '--redis', 'redis://:s3cret@127.0.0.1:1');
    expect([away.code, away.stdout + away.stderr]).toEqual([1, expect.not.stringContaining('s3cret')]);
    const wrong = await run('top', '--pasword=s3cret');
    expect([wrong.code, wrong.stderr.includes('--redis <url>'), wrong.stderr.includes('s3cret')]).toEqual([
      2,
      true,
      false,
    ]);
    client.disconnect();
  });
});
