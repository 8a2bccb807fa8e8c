import { Injectable } from '@nestjs/common';
import { Redis } from 'ioredis';

import {
  AlertService,
  MemoryCounterStore,
  RateCounterService,
  type AlertChannel,
  type RateAlert,
  type RateMonitorOptions,
} from '../../src/index.js';
import { CapturingChannel, startApp, type TestApp, type TestAppOptions } from '../support/app.js';
import { ApiController, LlmController } from '../support/controllers.js';
import { RedisServer } from '../support/redis-server.js';
import { sharedRedis } from '../support/redis.js';
import { calmCategories, calmWindowMs } from '../support/calm-window.js';
import { endsWithin, until } from '../support/until.js';

const acme = { 'x-project': 'proj_1', 'x-name': 'Acme' };
const start = (options: RateMonitorOptions = {}, more: TestAppOptions = {}): Promise<TestApp> =>
  startApp({ metadata: { controllers: [ApiController, LlmController] }, options, ...more });

async function call(
  app: TestApp,
  times: number,
  path = '/llm/call',
  headers: Record<string, string> = acme,
): Promise<void> {
  for (let i = 0; i < times; i++) expect((await app.post(path, headers)).status).toBe(201);
}

describe('an alert', () => {
  let redis: { client: Redis; keyPrefix: string };
  let app: TestApp;

  beforeEach(() => (redis = sharedRedis()));
  afterEach(async () => {
    await app.close();
    await redis.client.quit();
  });

  it("about a calendar window shows the window's time zone", async () => {
    const day = { threshold: 1, period: 'day', timeZone: 'Asia/Kolkata' } as const;
    const evaluations = { threshold: 3 };
    app = await start({ categories: { llm_call: day, evaluations, collections: { threshold: 9 } } });
    await call(app, 2);
    await until(() => app.alerts.length === 1);
    expect(app.alerts[0]).toMatchObject({ timeZone: 'Asia/Kolkata', windowMs: 86_400_000 });
    expect(app.alerts[0]?.windowEnd?.toISOString()).toMatch(/T18:30:00.000Z$/);
  });

  describe.each(['redis', 'memory'])('counted in %s', (where) => {
    const store = (): RateMonitorOptions =>
      where === 'redis' ? { redis: redis.client, keyPrefix: redis.keyPrefix, categories: calmCategories() } : {};

    it('comes at threshold + 1, not before and not again, and names who, where and how much', async () => {
      const startedAt = Date.now();
      app = await start(store(), where === 'memory' ? { clock: { now: () => startedAt } } : {});
      await call(app, 15);
      expect(app.alerts).toEqual([]);
      await call(app, 1);
      expect(app.alerts).toEqual([
        {
          id: expect.any(String),
          service: expect.any(String),
          environment: 'test',
          category: 'llm_call',
          tenant: { id: 'proj_1', name: 'Acme' },
          count: 16,
          threshold: 15,
          level: { at: 1, severity: 'warning' },
          windowStart: expect.any(Date),
          windowEnd: expect.any(Date),
          windowMs: expect.any(Number),
          route: { method: 'POST', path: '/llm/call', handler: 'LlmController.call' },
          countedBy: 'all',
        },
      ]);
      const { windowStart, windowMs } = app.alerts[0] as RateAlert;
      expect(windowMs).toBe(where === 'redis' ? calmWindowMs() : 60_000);
      expect(windowStart.getTime()).toBe(startedAt - (startedAt % windowMs));
      await call(app, 3);
      expect(app.alerts).toHaveLength(1);
    });

    it('is about one tenant and category only', async () => {
      app = await start(store());
      await call(app, 3, '/evaluations');
      await call(app, 3, '/evaluations', { 'x-project': 'proj_2' });
      await call(app, 3, '/projects/9/collections');
      expect(app.alerts).toEqual([]);
      await call(app, 2, '/projects/9/collections');
      expect(app.alerts).toEqual([expect.objectContaining({ category: 'collections', count: 4 })]);
      expect(app.alerts[0]?.route?.path).toBe('/projects/:id/collections');
    });

    it('comes again in the next window', async () => {
      let now = Date.UTC(2026, 0, 1);
      const channel = new CapturingChannel();
      app = await start({ channels: [channel] }, { clock: { now: () => now } });
      await call(app, 5, '/evaluations');
      now += 60_000;
      await call(app, 3, '/evaluations');
      expect(channel.alerts).toHaveLength(1);
      await call(app, 2, '/evaluations');
      expect(channel.alerts.map(({ windowStart }) => windowStart.toISOString())).toEqual([
        '2026-01-01T00:00:00.000Z',
        '2026-01-01T00:01:00.000Z',
      ]);
    });

    it('comes once for each level, at the highest if several are crossed at once', async () => {
      const categories: RateMonitorOptions['categories'] = {
        ...calmCategories(),
        llm_call: {
          windowMs: calmWindowMs(),
          threshold: 10,
          levels: [
            { at: 5, severity: 'critical' },
            { at: 0.5, severity: 'info' },
            { at: 1, severity: 'warning' },
          ],
        },
      };
      app = await start({ ...store(), categories });
      await call(app, 12);
      expect(app.alerts.map(({ count, level }) => [count, level.severity])).toEqual([
        [6, 'info'],
        [11, 'warning'],
      ]);
      await app.app.get(RateCounterService).increment('llm_call', 'other', 100);
      expect(app.alerts.slice(2)).toEqual([
        expect.objectContaining({ count: 100, tenant: { id: 'other' }, level: { at: 5, severity: 'critical' } }),
      ]);
    });

    it('comes with the first request if the threshold is 0', async () => {
      app = await start({
        ...store(),
        categories: { ...calmCategories(), llm_call: { threshold: 0, windowMs: calmWindowMs() } },
      });
      await call(app, 2);
      expect(app.alerts.map(({ count }) => count)).toEqual([1]);
    });

    it("uses the tenant's threshold, known at once or later", async () => {
      const of = (tenant: { id: string }): number => (tenant.id === 'proj_1' ? 1 : 4);
      app = await start({
        ...store(),
        categories: {
          ...calmCategories(),
          llm_call: { threshold: of, windowMs: calmWindowMs() },
          evaluations: { threshold: (tenant) => Promise.resolve(of(tenant)), windowMs: calmWindowMs() },
        },
      });
      for (const path of ['/llm/call', '/evaluations']) {
        await call(app, 2, path);
        await call(app, 4, path, { 'x-project': 'proj_2' });
      }
      expect(app.alerts.map(({ category, threshold, count }) => [category, threshold, count])).toEqual([
        ['llm_call', 1, 2],
        ['evaluations', 1, 2],
      ]);
    });

    it('names the tenant even if its threshold is known only after it was counted', async () => {
      const later = (): Promise<number> => new Promise((resolve) => setTimeout(resolve, 50, 3));
      const evaluations = { threshold: later, windowMs: calmWindowMs() };
      app = await start({ ...store(), waitAtMostMs: 10, categories: { ...calmCategories(), evaluations } });
      await call(app, 1, '/evaluations');
      await app.app.get(RateCounterService).increment('evaluations', { id: 'proj_2', name: 'Umbra' }, 5);
      await until(() => app.alerts.length === 1);
      expect(app.alerts[0]).toMatchObject({ tenant: { id: 'proj_2', name: 'Umbra' }, count: 5 });
    });

    it('does not come if the threshold is unavailable, which is logged once; counting continues', async () => {
      app = await start({
        ...store(),
        categories: {
          ...calmCategories(),
          llm_call: { threshold: () => Promise.reject(new Error('no plan')), windowMs: calmWindowMs() },
          evaluations: { threshold: () => -1, windowMs: calmWindowMs() },
        },
      });
      await call(app, 3);
      await call(app, 3, '/evaluations');
      expect(app.alerts).toEqual([]);
      expect(app.log.of('No threshold')).toEqual([
        expect.stringContaining('(no plan)'),
        expect.stringContaining('returned -1'),
      ]);
      expect(await app.app.get(RateCounterService).read('llm_call', 'proj_1')).toBe(3);
    });

    it('comes in background mode too', async () => {
      app = await start({ ...store(), counting: 'background', flushIntervalMs: 10 });
      await call(app, 20);
      await until(() => app.alerts.length > 0);
      expect(app.alerts).toHaveLength(1);
      expect(await app.app.get(RateCounterService).read('llm_call', 'proj_1')).toBe(20);
    });
  });

  it('is on one line of the log, in these words', async () => {
    app = await startApp({
      metadata: { controllers: [ApiController] },
      monitor: undefined,
      options: { channels: undefined },
    });
    await call(app, 4, '/evaluations', { 'x-project': 'p1', 'x-name': 'Acme' });
    expect(app.log.of('threshold: 4')).toEqual([
      expect.stringMatching(
        /^warn RateAlert: "Acme" \(p1\) is over the evaluations threshold: 4 in 1 min, threshold 3 \| POST \/evaluations \(ApiController\.evaluate\) \| 1 min from \d{4}-\d\d-\d\dT\d\d:\d\d:00\.000Z \| [\w-]+, test$/,
      ),
    ]);
  });

  it('reaches the other channels if one throws, rejects or hangs, and the request succeeds', async () => {
    const good = new CapturingChannel();
    const bad: AlertChannel[] = [
      { name: 'throwing', send: () => JSON.parse('{') as never },
      { name: 'rejecting', send: () => Promise.reject(new Error('503')) },
      { name: 'hanging', send: () => new Promise(() => undefined) },
    ];
    app = await start({ channels: [...bad, good], shutdownFlushMs: 100 });
    await call(app, 4, '/evaluations');
    expect(good.alerts).toHaveLength(1);
    await until(() => app.log.of('could not send').length === 2);
    expect(app.log.of('could not send')).toEqual([
      expect.stringContaining('The throwing channel'),
      expect.stringContaining('The rejecting channel could not send an alert of evaluations (503): it will be retried'),
    ]);
    expect(await endsWithin(app.close(), 4_000)).toBe(true);
    expect(app.log.of('did not send 1 alert').map((line) => /The \w+/.exec(line)?.[0])).toEqual([
      'The throwing',
      'The rejecting',
      'The hanging',
    ]);
  });

  it('stops the boot if a channel cannot start', async () => {
    app = await start();
    await expect(
      start({ channels: [{ name: 'x', send: () => undefined, start: () => Promise.reject(new Error('no url')) }] }),
    ).rejects.toThrow('no url');
  });

  it('comes for what a worker counts while the app is starting', async () => {
    @Injectable()
    class Worker {
      constructor(counter: RateCounterService) {
        let times = 0;
        const counting = setInterval(() => {
          void counter.increment('evaluations', 'proj_1');
          if (++times === 20) clearInterval(counting);
        }, 5);
      }
    }
    const store = new MemoryCounterStore();
    // Hangs, so that the start takes as long as it may.
    jest.spyOn(store.state, 'list').mockReturnValue(new Promise(() => undefined));
    app = await start({ store }, { metadata: { controllers: [ApiController, LlmController], providers: [Worker] } });
    await until(() => app.alerts.length > 0);
    expect(app.alerts).toEqual([expect.objectContaining({ category: 'evaluations', count: 4 })]);
    expect(app.log.of('is away')).toEqual([]);
  });

  it('may be raised by the app itself', async () => {
    app = await start();
    app.app.get(AlertService).raise({
      category: 'x',
      tenant: { id: '1' },
      count: 2,
      threshold: 1,
      level: { at: 1, severity: 'info' },
      windowStart: new Date(),
      windowMs: 1_000,
      countedBy: 'all',
    });
    await until(() => app.alerts.length === 1);
  });

  it('is raised by an instance alone while the store is away, and not again when it is back', async () => {
    const server = await RedisServer.start();
    const client = new Redis(server.url, { retryStrategy: () => 100 });
    client.on('error', () => undefined);
    app = await start({ redis: client, categories: calmCategories() });
    await server.kill();
    await call(app, 5, '/evaluations');
    await until(() => app.alerts.length > 0);
    expect(app.alerts).toEqual([expect.objectContaining({ count: 5, countedBy: 'instance' })]);
    await server.restart();
    const total = async (): Promise<number> => {
      const [key] = await client.keys('*:{evaluations:*');
      return Number(key && (await client.hget(key, 'total')));
    };
    await until(async () => client.status === 'ready' && (await total()) === 5);
    await call(app, 2, '/evaluations');
    await until(async () => (await total()) === 7);
    expect(app.alerts).toHaveLength(1);
    client.disconnect();
    await server.kill();
  });
});
