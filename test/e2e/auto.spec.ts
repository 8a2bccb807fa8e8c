import { Redis } from 'ioredis';

import { RateCounterService, type RateMonitorOptions } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { calmCategories } from '../support/calm-window.js';
import { LlmController } from '../support/controllers.js';
import { RedisServer } from '../support/redis-server.js';
import { sharedRedis } from '../support/redis.js';
import { endsWithin, until } from '../support/until.js';

const acme = { 'x-project': 'proj_1' };

describe.each(['memory', 'Redis'])('counting auto, the default, in %s', (where) => {
  let redis: { client: Redis; keyPrefix: string };
  const apps: TestApp[] = [];

  const start = async (options: RateMonitorOptions = {}): Promise<TestApp> => {
    const { client, keyPrefix } = redis;
    const app = await startApp({
      metadata: { controllers: [LlmController] },
      options: {
        ...(where === 'Redis' ? { redis: client, keyPrefix } : {}),
        categories: calmCategories(),
        flushIntervalMs: 60_000,
        ...options,
      },
    });
    apps.push(app);
    // On a busy machine, an app may start before it is connected, and does not wait for answers until then.
    const counter = app.app.get(RateCounterService);
    await counter.increment('collections', 'first');
    await until(() => counter.flush());
    return app;
  };

  beforeEach(() => (redis = sharedRedis()));
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
    await redis.client.quit();
  });

  it('sends the alert before the response to the request that crossed', async () => {
    const app = await start();
    for (let i = 0; i < 15; i++) await app.post('/llm/call', acme);
    expect(app.alerts).toEqual([]);
    await app.post('/llm/call', acme);
    expect(app.alerts).toEqual([expect.objectContaining({ count: 16, threshold: 15 })]);
  });

  it('publishes totals close to a level at once, and others with the next flush', async () => {
    const app = await start();
    const counter = app.app.get(RateCounterService);
    const add = (): Promise<number> => counter.increment('llm_call', 'acme');
    // In one turn of the event loop, so that the store cannot answer in between.
    const waits = async (added: Promise<number>): Promise<boolean> => {
      let isOver = false;
      void added.then(() => (isOver = true));
      for (let i = 0; i < 20; i++) await Promise.resolve();
      return !isOver;
    };
    // Until the store has answered once: in a longer window others may have counted the tenant before.
    const first = [add(), add(), add()];
    expect(await Promise.all(first.map(waits))).toEqual([true, true, true]);
    await Promise.all(first);
    for (let i = 0; i < 12; i++) expect(await waits(add())).toBe(false);
    expect(await waits(add())).toBe(true);
    // The level is being announced: nothing more to wait for.
    expect(await waits(add())).toBe(false);
  });
});

describe('counting auto, with several instances', () => {
  it('alerts before the response if a new instance sees a tenant that other instances brought close to a level', async () => {
    const { client, keyPrefix } = sharedRedis();
    const options = {
      redis: client,
      keyPrefix,
      flushIntervalMs: 100,
      categories: { llm_call: { threshold: 2_000, windowMs: 86_400_000 } },
    };
    const categories = { ...options.categories, evaluations: { threshold: 3 } };
    const launch = () => startApp({ metadata: { controllers: [LlmController] }, options: { ...options, categories } });
    const first = await launch();
    await first.app.get(RateCounterService).increment('llm_call', 'proj_1', 2_000);
    const second = await launch();
    await second.post('/llm/call', acme);
    await until(() => [...first.alerts, ...second.alerts].length > 0);
    expect([first.alerts.length, second.alerts]).toEqual([0, [expect.objectContaining({ count: 2_001 })]]);
    await Promise.all([first.close(), second.close()]);
    await client.quit();
  });
});

describe('counting auto, with four instances on one Redis', () => {
  const FLUSH_MS = 200;
  const THRESHOLD = 37;
  const apps: TestApp[] = [];
  let server: RedisServer;
  let redis: { client: Redis; keyPrefix: string };
  let windowMs: number;

  beforeEach(async () => {
    server = await RedisServer.start();
    redis = { client: new Redis(server.url), keyPrefix: 'test' };
    const { llm_call, evaluations } = calmCategories();
    windowMs = llm_call.windowMs;
    const categories = { llm_call: { ...llm_call, threshold: THRESHOLD }, evaluations };
    const options = { redis: redis.client, keyPrefix: redis.keyPrefix, flushIntervalMs: FLUSH_MS, categories };
    for (let i = 0; i < 4; i++) apps.push(await startApp({ metadata: { controllers: [LlmController] }, options }));
  });
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
    redis.client.disconnect();
    await server.kill();
  });

  const post = async (from: number, to: number): Promise<void> => {
    for (let i = from; i < to; i++) await apps[i % apps.length]?.post('/llm/call', acme);
  };
  const alerts = () => apps.flatMap((app) => app.alerts);
  const sum = async (): Promise<number> => {
    const key = `${redis.keyPrefix}:{llm_call:proj_1}:${Math.floor(Date.now() / windowMs)}`;
    return Number(await redis.client.hget(key, 'total'));
  };

  it('alerts no later than one flush after the request that crossed, on the exact sum', async () => {
    await post(0, THRESHOLD);
    expect(alerts()).toEqual([]);
    await post(THRESHOLD, THRESHOLD + 1);
    // A busy machine makes the flush itself later.
    expect(
      await endsWithin(
        until(() => alerts().length > 0),
        FLUSH_MS + 300,
      ),
    ).toBe(true);
    expect(alerts()).toEqual([expect.objectContaining({ count: THRESHOLD + 1, countedBy: 'all' })]);
    await post(0, 10);
    await until(async () => (await sum()) === THRESHOLD + 11);
    expect(alerts()).toHaveLength(1);
  });

  it('restores what a live Redis lost, with the complete sum and no second alert', async () => {
    await post(0, THRESHOLD + 3);
    await until(() => alerts().length > 0);
    // The others learn of the alert within a moment, while Redis is there.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await redis.client.flushall();
    await post(0, 4);
    await until(async () => (await sum()) === THRESHOLD + 7);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(await sum()).toBe(THRESHOLD + 7);
    expect(alerts()).toHaveLength(1);
    // All instances of a process write to one log: each reports the loss once.
    const lines = apps.flatMap((app) => app.log.of('has lost counters'));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThanOrEqual(apps.length);
  });
});
