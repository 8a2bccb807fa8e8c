import type { Redis } from 'ioredis';

import { RateCounterService } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { calmCategories, calmWindowMs } from '../support/calm-window.js';
import { LlmController } from '../support/controllers.js';
import { InstanceProcess } from '../support/instance-process.js';
import { sharedRedis } from '../support/redis.js';
import { until } from '../support/until.js';

const acme = { 'x-project': 'proj_1' };

describe('replicas on one Redis', () => {
  let redis: { client: Redis; keyPrefix: string };

  beforeEach(() => (redis = sharedRedis()));
  afterEach(() => redis.client.quit());

  it('count together: two apps', async () => {
    const start = (): Promise<TestApp> =>
      startApp({
        metadata: { controllers: [LlmController] },
        options: { redis: redis.client, keyPrefix: redis.keyPrefix, categories: calmCategories(), counting: 'await' },
      });
    const apps = [await start(), await start()] as const;
    for (let i = 0; i < 16; i++) {
      expect(apps.flatMap(({ alerts }) => alerts)).toEqual([]);
      await apps[i % 2 === 0 ? 0 : 1].post('/llm/call', acme);
    }
    await apps[0].post('/llm/call', acme);
    expect(apps.flatMap(({ alerts }) => alerts)).toEqual([expect.objectContaining({ count: 16 })]);
    expect(await apps[1].app.get(RateCounterService).read('llm_call', 'proj_1')).toBe(17);
    await Promise.all(apps.map((app) => app.close()));
  });

  it('count in one window and alert once even if their clocks differ', async () => {
    const windowMs = calmWindowMs();
    const start = (skewMs: number): Promise<TestApp> =>
      startApp({
        metadata: { controllers: [LlmController] },
        options: { redis: redis.client, keyPrefix: redis.keyPrefix, categories: calmCategories(), counting: 'await' },
        clock: { now: () => Date.now() + skewMs },
      });
    const apps = [await start(windowMs), await start(-windowMs)] as const;
    for (let i = 0; i < 9; i++) for (const app of apps) await app.post('/llm/call', acme);
    expect(apps.flatMap(({ alerts }) => alerts)).toHaveLength(1);
    expect(await redis.client.keys(`${redis.keyPrefix}:{llm_call:proj_1}:[0-9]*`)).toHaveLength(1);
    await Promise.all(apps.map((app) => app.close()));
  });

  it.each(['await', 'background'] as const)(
    'add up to the last request and alert once: four processes, counting %s',
    async (counting) => {
      const options = { counting, keyPrefix: redis.keyPrefix, categories: calmCategories() };
      const instances = await Promise.all(
        Array.from({ length: 4 }, () => InstanceProcess.start(process.env.TEST_REDIS_URL as string, options)),
      );
      const call = async (url: string): Promise<void> => {
        for (let i = 0; i < 50; i++) {
          const answers = await Promise.all(
            Array.from({ length: 5 }, () => fetch(`${url}/llm/call`, { method: 'POST', headers: acme })),
          );
          expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
        }
      };
      await Promise.all(instances.map(({ url }) => call(url)));
      const sum = async (): Promise<number> => {
        const [key] = await redis.client.keys(`${redis.keyPrefix}:{llm_call:proj_1}:[0-9]*`);
        return Number(key && (await redis.client.hget(key, 'total')));
      };
      await until(async () => (await sum()) === 1_000);
      await Promise.all(instances.map((instance) => instance.stop()));
      expect(await sum()).toBe(1_000);
      expect(instances.flatMap(({ alerts }) => alerts)).toEqual([
        expect.objectContaining({ category: 'llm_call', countedBy: 'all' }),
      ]);
    },
  );
});
