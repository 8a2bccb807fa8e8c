import { asked } from '../support/counted.js';
import { randomUUID } from 'node:crypto';

import { Logger } from '@nestjs/common';
import fc from 'fast-check';

import { MemoryCounterStore, RedisCounterStore } from '../../src/index.js';
import { Counter } from '../../src/counter/counter.js';
import type { Breach } from '../../src/model/breach.js';
import type { CountedCategory } from '../../src/model/window.js';
import type { CounterStore } from '../../src/store/counter-store.js';
import { levelsFor } from '../../src/threshold/levels.js';
import { SLIDING_PARTS, slidingSpans } from '../../src/model/window-spans.js';
import { sharedRedis } from '../support/redis.js';

const WINDOW_MS = 60_000;
const THRESHOLD = 10;
const OPTIONS = { counting: 'await', waitAtMostMs: 10_000, flushIntervalMs: 100, maxTrackedTenants: 1_000 } as const;

const category: CountedCategory = {
  name: 'llm_call',
  maxCost: 1e9,
  windows: [
    {
      name: '',
      lengthName: 'minute',
      spanAt: slidingSpans(WINDOW_MS),
      parts: SLIDING_PARTS,
      levelsFor: levelsFor({ threshold: THRESHOLD, levels: [{ at: 1, severity: 'warning' }] }, asked()),
    },
  ],
};

const partOf = (at: number): number => Math.floor((at * SLIDING_PARTS) / WINDOW_MS);

/** Some requests: how long after the one before, how many at once, and which of two instances counts them. */
const traffic = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 0, max: 25_000 })),
    cost: fc.integer({ min: 1, max: 4 }),
    instance: fc.integer({ min: 0, max: 1 }),
  }),
  { minLength: 5, maxLength: 40 },
);

describe.each<[string, number, (now: () => number) => Promise<CounterStore>]>([
  ['memory', 200, (now) => Promise.resolve(new MemoryCounterStore(now))],
  [
    'Redis',
    30,
    async () => {
      const { client, keyPrefix } = sharedRedis();
      const store = new RedisCounterStore(client, keyPrefix);
      await new Promise<void>((resolve) => store.open(resolve));
      client.disconnect();
      // The test moves the clock.
      return Object.assign(store, { time: undefined });
    },
  ],
])('a sliding window in %s', (_store, numRuns, open) => {
  let now = Math.floor(Date.now() / WINDOW_MS) * WINDOW_MS;
  let store: CounterStore;
  let counters: Counter[];
  const breaches: (Breach & { at: number })[] = [];

  beforeAll(async () => {
    store = await open(() => now);
    counters = Array.from({ length: 2 }, () => {
      const raise = (breach: Breach): Promise<void> => {
        breaches.push({ ...breach, at: now });
        return Promise.resolve();
      };
      const clock = { now: () => now, monotonic: () => now };
      return new Counter(
        store,
        new Map([[category.name, category]]),
        OPTIONS,
        clock,
        new Logger('RateMonitor'),
        raise,
        () => undefined,
      );
    });
  });
  afterAll(async () => {
    for (const counter of counters) await counter.close();
    await store.close?.();
  });

  it('is never above the exact count, and alerts whenever five sixths of it hold more than the threshold', async () => {
    let alerts = 0;
    await fc.assert(
      fc.asyncProperty(traffic, async (requests) => {
        const tenant = randomUUID();
        const log: { at: number; cost: number }[] = [];
        const within = (ms: number): number =>
          log.filter(({ at }) => at > now - ms).reduce((sum, { cost }) => sum + cost, 0);
        breaches.length = 0;
        now += 3 * WINDOW_MS;
        for (const { afterMs, cost, instance } of requests) {
          now += afterMs;
          log.push({ at: now, cost });
          const raisedBefore = breaches.length;
          const count = await (counters[instance] as Counter).increment(category.name, tenant, cost);
          expect(count).toBeLessThanOrEqual(within(WINDOW_MS));
          expect(count).toBeGreaterThanOrEqual(within((WINDOW_MS * 5) / 6));
          for (const breach of breaches.slice(raisedBefore)) {
            expect(breach.count).toBeGreaterThan(THRESHOLD);
            expect(breach.count).toBeLessThanOrEqual(within(WINDOW_MS));
          }
          // One alert is enough until the window has slid over it.
          const isAlerted = breaches.some(({ at }) => partOf(at) > partOf(now) - SLIDING_PARTS);
          if (within((WINDOW_MS * 5) / 6) > THRESHOLD) expect(isAlerted).toBe(true);
        }
        alerts += breaches.length;
      }),
      { numRuns },
    );
    // Otherwise nothing was tried.
    expect(alerts).toBeGreaterThan(numRuns / 4);
  });
});
