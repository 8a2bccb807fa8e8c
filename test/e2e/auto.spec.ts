import type { Redis } from 'ioredis';

import { RateCounterService, type RateMonitorOptions } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { calmCategories } from '../support/calm-window.js';
import { LlmController } from '../support/controllers.js';
import { sharedRedis } from '../support/redis.js';
import { until } from '../support/until.js';

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
        ...{ categories: calmCategories(), flushIntervalMs: 60_000, ...options },
      },
    });
    apps.push(app);
    return app;
  };

  beforeEach(() => (redis = sharedRedis()));
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
    await redis.client.quit();
  });

  it('has the alert out before the response that crossed', async () => {
    const app = await start();
    for (let i = 0; i < 15; i++) await app.post('/llm/call', acme);
    expect(app.alerts).toEqual([]);
    await app.post('/llm/call', acme);
    expect(app.alerts).toEqual([expect.objectContaining({ count: 16, threshold: 15 })]);
  });

  it('publishes what is close to a level at once, and what is far from one with the next flush', async () => {
    const app = await start();
    const counter = app.app.get(RateCounterService);
    const waits = (): boolean => counter.add('llm_call', { id: 'acme' }, 1) !== undefined;
    // The first: in a longer window others may have counted the tenant before.
    expect(waits()).toBe(true);
    expect(Array.from({ length: 14 }, waits)).toEqual(Array(14).fill(false));
    expect(waits()).toBe(true);
    // The level is being announced: nothing more to wait for.
    expect(waits()).toBe(false);
  });
});

describe('counting auto, with several instances', () => {
  it('alerts before the response if a new instance sees a tenant that the others brought close to its level', async () => {
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
    await until(() => [...first.alerts, ...second.alerts].length > 0, 1_000);
    expect([first.alerts.length, second.alerts]).toEqual([0, [expect.objectContaining({ count: 2_001 })]]);
    await Promise.all([first.close(), second.close()]);
    await client.quit();
  });
});
