import { randomUUID } from 'node:crypto';

import type { Redis } from 'ioredis';

import { RedisCounterStore, type Counted } from '../../src/index.js';
import { LEVEL_LEASE_MS } from '../../src/store/counter-store.js';
import { levelsOf } from '../../src/threshold/levels.js';
import { v01Store, type V01Store } from '../support/v0-1.js';
import { sharedRedis } from '../support/redis.js';

const WINDOW_MS = 60_000;
const WINDOW = 7;
/** Levels over 5 and over 10. */
const LEVELS = levelsOf(5, [
  { at: 1, severity: 'warning' },
  { at: 2, severity: 'critical' },
]);

/** An instance of either version, as far as a store sees it: what it has counted, and what it has announced and knows of. */
interface Replica {
  /** Counts so many more and publishes; the answer is the sum that it is given. */
  count(more: number, now?: number): Promise<number>;
  /** Levels that it was to announce, by their value. Each is announced at once, and the next publish confirms it. */
  readonly announced: number[];
}

describe('0.1 and this version on one Redis', () => {
  let client: Redis;
  let keyPrefix: string;
  let store: RedisCounterStore;
  let old: V01Store;
  let tenant: string;
  let now: number;

  beforeAll(async () => {
    ({ client, keyPrefix } = sharedRedis());
    store = new RedisCounterStore(client, keyPrefix);
    await new Promise<void>((resolve) => store.open(resolve));
    old = await v01Store(client, keyPrefix);
  });
  afterAll(async () => {
    await Promise.all([store.close(), old.close()]);
    client.disconnect();
  });
  beforeEach(() => ([tenant, now] = [randomUUID(), Date.now()]));

  const first = (): Replica => {
    const [instance, announced] = [randomUUID(), [] as number[]];
    let [total, known] = [0, 0];
    const count = async (more: number): Promise<number> => {
      total += more;
      const own = { category: 'llm_call', tenant, window: WINDOW, windowMs: WINDOW_MS, instance, total };
      const [answer] = await old.publish([{ ...own, levels: LEVELS.counts, announced: known }]);
      if (!answer || 'refused' in answer) throw new Error(JSON.stringify(answer));
      if (answer.announce > known) announced.push(LEVELS.steps[answer.announce - 1]?.at as number);
      // Of a place that this version wrote it takes the fraction along.
      known = Math.max(known, answer.announced, answer.announce);
      return answer.count;
    };
    return { count, announced };
  };

  const second = (): Replica => {
    const [instance, announced] = [randomUUID(), [] as number[]];
    let [total, sent, others, known] = [0, 0, 0, 0];
    const count = async (more: number, at = now): Promise<number> => {
      total += more;
      const span = { key: String(WINDOW), start: WINDOW * WINDOW_MS, end: (WINDOW + 1) * WINDOW_MS };
      const own = { category: 'llm_call', tenant, window: span, instance, total, sent, others, levels: LEVELS };
      const [answer] = await store.publish([{ ...own, announced: known, keepMs: 2 * WINDOW_MS }], at);
      if ('refused' in (answer as object)) throw new Error(JSON.stringify(answer));
      const counted = answer as Counted;
      sent = total;
      others = counted.count - total;
      if (counted.announce > known) announced.push(counted.announce);
      known = Math.max(known, counted.announced, counted.announce);
      return counted.count;
    };
    return { count, announced };
  };

  const VERSIONS = { first, second };
  const ORDERS: [string, keyof typeof VERSIONS, keyof typeof VERSIONS][] = [
    ['0.1, then this one', 'first', 'second'],
    ['this version, then 0.1', 'second', 'first'],
  ];

  describe.each(ORDERS)('%s', (_order, before, after) => {
    it('have one exact sum, in any order of publishes', async () => {
      const [one, two] = [VERSIONS[before](), VERSIONS[after]()];
      expect(await one.count(1)).toBe(1);
      expect(await two.count(2)).toBe(3);
      expect(await one.count(4)).toBe(7);
      expect(await two.count(0.5)).toBe(7.5);
      expect(await one.count(0)).toBe(7.5);
    });

    it('announce each level once between them', async () => {
      const [one, two] = [VERSIONS[before](), VERSIONS[after]()];
      await one.count(4);
      await two.count(2);
      for (const replica of [one, two, one, two]) await replica.count(1);
      expect(await one.count(3)).toBe(13);
      for (const replica of [two, one, two, one]) await replica.count(1);
      expect([...one.announced, ...two.announced].sort()).toEqual([1, 2]);
    });

    it('announce each level once if the previous version crossed all of them and has stopped', async () => {
      const [one, two] = [VERSIONS[before](), VERSIONS[after]()];
      await one.count(20);
      await one.count(0);
      for (let i = 0; i < 4; i++) await two.count(1, now + i * 2 * LEVEL_LEASE_MS);
      expect(one.announced).toEqual([2]);
      expect(two.announced).toEqual([]);
    });

    it('keep the sum and the announced levels through a deployment and its rollback', async () => {
      const [one, two] = [VERSIONS[before](), VERSIONS[after]()];
      await one.count(3);
      await two.count(3);
      await two.count(0);
      const back = VERSIONS[before]();
      expect(await back.count(1)).toBe(7);
      expect(await back.count(5)).toBe(12);
      await back.count(0);
      const again = VERSIONS[after]();
      expect(await again.count(1)).toBe(13);
      expect([one, two, back, again].map(({ announced }) => announced)).toEqual([[], [1], [2], []]);
    });
  });
});
