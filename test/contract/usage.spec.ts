import { MemoryCounterStore, RedisCounterStore, type CounterStore } from '../../src/index.js';
import type { Category } from '../../src/model/category.js';
import { completed } from '../support/complete-options.js';
import type { RateMonitorOptions } from '../../src/index.js';
import { blockOf, type UsageStore } from '../../src/store/usage-store.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { sharedRedis } from '../support/redis.js';
import { until } from '../support/until.js';
import { storeReasonOf } from '../../src/util/text.js';
import { UsageReplica, type TestClock } from '../support/replica-with-usage.js';

type Store = CounterStore & { usage: UsageStore };

const cleanUp: (() => unknown)[] = [];
const open = async (store: RedisCounterStore): Promise<Store> => {
  let ready = false;
  store.open(() => (ready = true));
  cleanUp.push(() => store.close());
  await until(() => ready);
  return store;
};
let cluster: RedisCluster | undefined;

const PLACES: Record<string, (clock: TestClock, prefix: string) => Promise<Store>> = {
  memory: async (clock) => new MemoryCounterStore(() => clock.now),
  Redis: async (_, prefix) => {
    const { client } = sharedRedis();
    cleanUp.push(() => client.quit());
    return open(new RedisCounterStore(client, prefix));
  },
  'Redis Cluster': async (_, prefix) => {
    cluster ??= await RedisCluster.start();
    const client = cluster.client();
    cleanUp.push(() => client.disconnect());
    return open(new RedisCounterStore(client, prefix));
  },
};
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});
afterAll(() => cluster?.stop());

const MINUTE = 60_000;
/** A whole hour. */
const START = 1_790_002_800_000;
const categoriesOf = (categories: RateMonitorOptions['categories']) =>
  completed({ categories: categories }).categories as Map<string, Category>;

describe.each(Object.keys(PLACES))('usage of replicas that share %s', (place) => {
  let clock: TestClock;
  let store: Store;
  let prefix: string;
  beforeEach(async () => {
    clock = { now: START };
    prefix = `u_${Date.now()}_${Math.random()}`.replace('.', '');
    store = await (PLACES[place] as (clock: TestClock, prefix: string) => Promise<Store>)(clock, prefix);
  });
  const replica = (
    name: string,
    categories: RateMonitorOptions['categories'] = { llm: { threshold: 10 } },
    settings = {},
  ) => new UsageReplica(name, store, categoriesOf(categories), clock, settings);
  /** Each replica looks once a second. */
  const pass = async (ms: number, ...replicas: UsageReplica[]) => {
    for (const end = clock.now + ms; clock.now < end;) {
      clock.now += 1_000;
      for (const { recorder } of replicas) await recorder.look();
    }
  };
  const day = { from: START - 10 * MINUTE };
  const nonZero = (counts: number[]) => counts.flatMap((count, i) => (count > 0 ? [[i, count]] : []));

  it('gives the same answers from each replica, before and after a minute is copied', async () => {
    const [a, b] = [replica('a'), replica('b')];
    await a.count('llm', 'one', 7, { name: 'One' });
    await b.count('llm', 'one', 5);
    await b.count('llm', 'two', 2, { name: 'Two' });
    await pass(2_000, a, b);
    for (const when of ['running', 'over', 'copied']) {
      for (const { usage } of [a, b]) {
        const { counts, start } = await usage.history('llm', 'one', day);
        expect([when, start, nonZero(counts)]).toEqual([when, new Date(day.from), [[10, 12]]]);
        expect(nonZero((await usage.totals('llm', day)).counts)).toEqual([[10, 14]]);
        expect(await usage.active('llm', day)).toBe(2);
      }
      await pass(when === 'running' ? 59_000 : 2 * MINUTE, a, b);
    }
    expect(
      (await store.usage.history('llm', ['one', 'two'], START / MINUTE, START / MINUTE)).map((c) => [...c]),
    ).toEqual([[[START / MINUTE, 12]], [[START / MINUTE, 2]]]);
  });

  it('returns as many rows as asked for, and refuses impossible numbers and times', async () => {
    const a = replica('a');
    const { usage } = a;
    for (const [i, tenant] of ['one', 'two', 'three'].entries()) await a.count('llm', tenant, i + 1);
    await a.recorder.look();
    const ids = async (limit: number) => (await usage.top('llm', { limit })).map(({ tenant: { id } }) => id);
    expect(await ids(1.9)).toEqual(['three']);
    expect(await ids(Infinity)).toEqual(['three', 'two', 'one']);
    for (const limit of [0, -1, NaN]) await expect(ids(limit)).rejects.toThrow(RangeError);
    const noTime = new Date('');
    for (const asked of [
      () => usage.top('llm', { at: noTime }),
      () => usage.history('llm', 'one', { from: noTime }),
      () => usage.top('llm', { limit: '5' as never }),
      () => usage.top('llm', { at: '2026' as never }),
      () => usage.totals('llm', { from: START, to: NaN }),
      () => usage.totals('llm', { from: null as never }),
      () => usage.totals('llm', { from: true as never }),
      () => usage.active('llm', { from: noTime }),
      () => usage.hourlyPeaks('llm', { from: noTime }),
      () => usage.advise('llm', { over: NaN }),
      () => usage.advise('llm', { over: 0 }),
      () => usage.advise('llm', { at: [5, NaN] }),
      () => usage.advise('llm', { at: [-1] }),
      () => usage.advise('llm', { at: 5 as never }),
    ])
      await expect(asked()).rejects.toThrow(RangeError);
    for (const asked of [
      () => usage.top('llm', null as never),
      () => usage.advise('llm', 5 as never),
      () => usage.history('llm', 'one', undefined as never),
      () => usage.totals('llm', null as never),
      () => usage.hourlyPeaks('llm', undefined as never),
    ])
      await expect(asked()).rejects.toThrow(/^the options are (null|undefined|a number): write an object with /);
    for (const asked of [
      () => usage.top('llm', { limti: 5 } as never),
      () => usage.advise('llm', { limti: 5 } as never),
      () => usage.history('llm', 'one', { from: START, limti: 5 } as never),
      () => usage.totals('llm', { from: START, limti: 5 } as never),
      () => usage.active('llm', { from: START, limti: 5 } as never),
      () => usage.hourlyPeaks('llm', { from: START, limti: 5 } as never),
    ])
      await expect(asked()).rejects.toThrow(/^limti is not an option: write (limit|one of over, at|one of from, to)$/);
    for (const id of ['', null, 5, {}])
      await expect(usage.history('llm', id as never, { from: START })).rejects.toThrow(/^tenantId is .*: write the id/);
    expect(await usage.history('llm', 'one', { from: 9e15 })).toEqual({
      start: new Date(START + MINUTE),
      stepMs: MINUTE,
      counts: [],
    });
    // There is no history of less than a minute.
    expect((await usage.advise('llm', { over: 1 })).from).toEqual(new Date(START - MINUTE));
    expect(await usage.history('llm', 'one', { from: START, to: START - MINUTE })).toMatchObject({ counts: [] });
    expect(await usage.active('llm', { from: START, to: START - MINUTE })).toBe(0);
    expect((await usage.totals('llm', { from: START, to: START - MINUTE })).counts).toEqual([]);
    expect((await usage.totals('llm', { from: 9e15 })).counts).toEqual([]);
    expect(await usage.hourlyPeaks('llm', { from: START, to: START - MINUTE })).toEqual([]);
  });

  it('returns nobody for a time in the future, or too far away for a calendar', async () => {
    const monthly = replica('a', { llm: { threshold: 6, period: 'month', timeZone: 'America/St_Johns' } });
    await monthly.count('llm', 'one', 1);
    await monthly.recorder.look();
    for (const at of [8.64e15, -8.64e15, Infinity, -Infinity, START + 40 * 24 * 60 * MINUTE, -1])
      expect(await monthly.usage.top('llm', { at })).toEqual([]);
    expect(await monthly.usage.top('llm', { at: START })).toHaveLength(1);
  });

  it('gives a sliding window a start and no end', async () => {
    const sliding = replica('a', { llm: { threshold: 6, sliding: true, windowMs: 10 * MINUTE } });
    await sliding.count('llm', 'one', 1);
    await sliding.recorder.look();
    const [row] = await sliding.usage.top('llm');
    const end = Math.floor(START / 100_000) * 100_000 + 100_000;
    expect(row?.windowStart).toEqual(new Date(end - 10 * MINUTE));
    expect(row).not.toHaveProperty('windowEnd');
  });

  it('assigns what is counted while the recorder waits for the store to the right minute', async () => {
    const a = replica('a', { llm: { threshold: 6, windowMs: 5 * 60 * MINUTE } });
    const seenCount = store.usage.seenCount.bind(store.usage);
    // The process is suspended for an hour.
    const waits = jest.spyOn(store.usage, 'seenCount').mockImplementationOnce(async (...about) => {
      const count = await seenCount(...about);
      clock.now += 60 * MINUTE;
      await a.count('llm', 'one', 5);
      return count;
    });
    await a.recorder.look();
    waits.mockRestore();
    await pass(3 * MINUTE, a);
    const { counts } = await a.usage.history('llm', 'one', { from: START });
    expect(counts.findIndex((count) => count > 0)).toBe(60);
    expect(nonZero((await a.usage.totals('llm', { from: START })).counts)).toEqual([[60, 5]]);
  });

  it('follows the days of a time zone, before and after its midnight', async () => {
    const a = replica('a', { llm: { threshold: 6, period: 'day', timeZone: 'Asia/Kolkata' } });
    const midnight = Date.parse('2026-09-21T18:30:00Z');
    clock.now = midnight - 3 * MINUTE;
    await a.count('llm', 'one', 5, { threshold: 6, name: 'One' });
    await pass(110_000, a);
    await a.count('llm', 'one', 3, { threshold: 6, name: 'One' });
    await pass(10_000, a);
    const dayBefore = new Date(midnight - 24 * 60 * MINUTE);
    const [before] = await a.usage.top('llm');
    const at = new Date(midnight);
    // The day began in an earlier block of 8 hours than the one in which the tenant was seen.
    expect(before?.tenant).toEqual({ id: 'one', name: 'One' });
    const since = new Date(midnight - MINUTE);
    expect(before).toMatchObject({ count: 8, windowStart: dayBefore, windowEnd: at, since });
    await pass(MINUTE, a);
    await a.count('llm', 'one', 2, { threshold: 6 });
    await pass(2_000, a);
    const [after] = await a.usage.top('llm');
    expect(after).toMatchObject({ count: 2, windowStart: at, windowEnd: new Date(midnight + 24 * 60 * MINUTE) });
    expect(after?.since).toBeUndefined();
    expect((await a.usage.top('llm', { at: midnight - 1 }))[0]).toMatchObject({ count: 8, windowEnd: at });
    await pass(MINUTE, a);
    const { counts } = await a.usage.history('llm', 'one', { from: midnight - 3 * MINUTE, to: midnight });
    expect(counts).toEqual([5, 8, 8, 2]);
  });

  it('shows the busiest with name, threshold, share and since when', async () => {
    const a = replica('a', { llm: { threshold: ({ id }) => (id === 'own' ? 40 : 10) } });
    for (let minute = 0; minute < 4; minute++) {
      await a.count('llm', 'hot', minute === 0 ? 3 : 20, { name: 'Hot', threshold: 10 });
      await a.count('llm', 'own', 20, { threshold: 40 });
      await a.count('llm', 'cool', 1, { threshold: 10 });
      if (minute < 3) await pass(MINUTE, a);
    }
    await pass(1_000, a);
    const rows = await a.usage.top('llm', { limit: 2 });
    const at = new Date(START + 3 * MINUTE);
    const common = {
      category: 'llm',
      window: '',
      windowStart: at,
      windowEnd: new Date(at.getTime() + MINUTE),
      count: 20,
    };
    expect(rows.sort((x, y) => (y.ratio ?? 0) - (x.ratio ?? 0))).toEqual([
      {
        ...common,
        tenant: { id: 'hot', name: 'Hot' },
        threshold: 10,
        ratio: 2,
        share: 20 / 41,
        since: new Date(START + MINUTE),
      },
      { ...common, tenant: { id: 'own' }, threshold: 40, ratio: 0.5, share: 20 / 41 },
    ]);
    const [before] = await a.usage.top('llm', { at: START, limit: 1 });
    expect(before).toMatchObject({ tenant: { id: 'own' }, count: 20, windowStart: new Date(START) });
  });

  it('knows the busiest of a minute hours ago', async () => {
    const a = replica('a');
    await a.count('llm', 'one', 3);
    await a.count('llm', 'two', 4);
    await pass(3 * MINUTE, a);
    clock.now += 3 * 60 * MINUTE;
    expect(await a.usage.top('llm', { at: START })).toMatchObject([
      { tenant: { id: 'two' }, count: 4, windowStart: new Date(START) },
      { tenant: { id: 'one' }, count: 3 },
    ]);
  });

  it('ranks the busiest of a past day by their counts at its end, including those of its morning', async () => {
    const budget = { llm: { windows: [{ period: 'day' as const, threshold: 10 }] } };
    const a = replica('a', budget, { retentionMs: 60 * 24 * 60 * MINUTE });
    const at = Date.parse('2026-09-21T00:30:00Z');
    clock.now = at;
    await a.count('llm', 'early', 9);
    await a.count('llm', 'late', 1);
    await pass(2 * MINUTE, a);
    clock.now = Date.parse('2026-09-21T20:00:00Z');
    await a.count('llm', 'late', 19);
    await pass(2 * MINUTE, a);
    clock.now += 20 * 24 * 60 * MINUTE;
    expect((await a.usage.top('llm', { at })).map(({ tenant, count }) => [tenant.id, count])).toEqual([
      ['late', 20],
      ['early', 9],
    ]);
  });

  it('reads no history while a category is idle', async () => {
    const a = replica('a');
    await a.count('llm', 'one', 3);
    await pass(5 * MINUTE, a);
    const history = jest.spyOn(store.usage, 'history');
    expect(await a.usage.top('llm')).toEqual([]);
    expect(await a.usage.top('llm', { at: clock.now - MINUTE })).toEqual([]);
    expect(history).not.toHaveBeenCalled();
    history.mockRestore();
  });

  it('loses no minute to a replica that dies: another copies it', async () => {
    const [a, b] = [replica('a'), replica('b')];
    await a.count('llm', 'one', 7);
    await pass(1_000, a, b);
    // `a` was killed.
    await pass(2 * MINUTE, b);
    expect(nonZero((await b.usage.history('llm', 'one', day)).counts)).toEqual([[10, 7]]);
    expect((await store.usage.history('llm', ['one'], START / MINUTE, START / MINUTE))[0]).toEqual(
      new Map([[START / MINUTE, 7]]),
    );
  });

  it('writes the running minute when it stops', async () => {
    const a = replica('a');
    await a.count('llm', 'one', 7);
    await a.recorder.stop();
    expect((await store.usage.history('llm', ['one'], START / MINUTE, START / MINUTE))[0]).toEqual(
      new Map([[START / MINUTE, 7]]),
    );
    expect(await store.usage.totals('llm', START / MINUTE, START / MINUTE)).toEqual(new Map([[START / MINUTE, 7]]));
  });

  it('reports new tenants of a minute at once, and continuing ones every ten seconds and at its end', async () => {
    const a = replica('a');
    const reports = jest.spyOn(store.usage, 'report');
    const reported: [second: number, tenants: string[]][] = [];
    for (let second = 1; second <= 61; second++) {
      if (second < 60) await a.count('llm', 'one', 1);
      if (second === 5 || second === 7) await a.count('llm', 'two', 1);
      await pass(1_000, a);
      const active = reports.mock.calls.splice(0).flatMap(([report]) => report.active);
      if (active.length > 0) reported.push([second, active.flatMap(({ tenants }) => tenants)]);
    }
    reports.mockRestore();
    expect(reported.slice(0, 3)).toEqual([
      [1, ['one']],
      [5, ['two']],
      [12, ['one', 'two']],
    ]);
    expect(reported.map(([second]) => second)).toEqual([1, 5, 12, 23, 34, 45, 56, 60]);
    await pass(MINUTE, a);
    expect(nonZero((await a.usage.history('llm', 'one', day)).counts)).toEqual([[10, 59]]);
    expect(nonZero((await a.usage.history('llm', 'two', day)).counts)).toEqual([[10, 2]]);
  });

  it.each([
    ['ends', async (b: UsageReplica) => pass(MINUTE, b)],
    ['ends, and the other one ends too', async (b: UsageReplica) => b.recorder.stop()],
  ])('loses nothing of a minute in which a replica %s', async (_, then) => {
    const [a, b] = [replica('a'), replica('b')];
    await b.count('llm', 'one', 7);
    await b.count('llm', 'two', 1);
    await pass(1_000, a, b);
    await a.recorder.stop();
    await b.count('llm', 'one', 2);
    await pass(1_000, b);
    await b.count('llm', 'one', 1);
    await then(b);
    const read = await store.usage.history('llm', ['one', 'two'], START / MINUTE, START / MINUTE);
    expect(read.map((counts) => counts.get(START / MINUTE))).toEqual([10, 1]);
  });

  it('shuts down at once if the replica that was copying has died', async () => {
    if (place !== 'Redis') return;
    const b = replica('b');
    await b.count('llm', 'one', 7);
    const claims = jest.spyOn(store.usage, 'claimCopy');
    await pass(1_000, b);
    const { client } = sharedRedis();
    const [waiting = ''] = await client.keys(`${prefix}:*:waiting/*`);
    const copying = waiting.replace(/waiting\/(.*)\/\d+$/, 'copying/$1');
    await client.rename(waiting, copying);
    await client.set(copying.replace('copying', 'copier'), 'a', 'PX', 5_000);
    await client.quit();
    claims.mockClear();
    await b.recorder.stop();
    expect(claims.mock.calls.length).toBeLessThan(10);
    claims.mockRestore();
    const [read] = await store.usage.history('llm', ['one'], START / MINUTE, START / MINUTE);
    expect(read).toEqual(new Map([[START / MINUTE, 7]]));
  });

  it('takes a late publish into the history', async () => {
    const a = replica('a');
    await a.count('llm', 'one', 7);
    await pass(MINUTE + 10_000, a);
    const now = clock.now;
    clock.now = START + 59_000;
    await a.count('llm', 'one', 2);
    clock.now = now;
    await pass(20_000, a);
    expect((await store.usage.history('llm', ['one'], START / MINUTE, START / MINUTE))[0]).toEqual(
      new Map([[START / MINUTE, 9]]),
    );
    expect(nonZero((await a.usage.totals('llm', day)).counts)).toEqual([[10, 9]]);
  });

  it.each(['about', 'seen', 'sums'])(
    'of one category goes on while the %s key of another holds something else',
    async (kind) => {
      if (place !== 'Redis') return;
      const a = replica('a', { broken: { threshold: 10 }, llm: { threshold: 10 } });
      const { client } = sharedRedis();
      cleanUp.push(() => client.quit());
      const rest = { about: 'about', seen: `seen/${blockOf(START / MINUTE)}`, sums: `sums/${START / MINUTE}` }[kind];
      await client.set(`${prefix}:usage:{BROKEN}:${rest}`, 'not ours');
      await a.count('broken', 'one', 7);
      await a.count('llm', 'one', 7);
      for (; clock.now < START + MINUTE + 30_000; clock.now += 1_000) {
        // What fails is reported by the poller.
        await a.recorder.look().catch((error: Error) => expect(error.message).toContain('WRONGTYPE'));
      }
      expect((await store.usage.history('llm', ['one'], START / MINUTE, START / MINUTE))[0]).toEqual(
        new Map([[START / MINUTE, 7]]),
      );
      expect(nonZero((await a.usage.totals('llm', day)).counts)).toEqual([[10, 7]]);
      expect(await client.get(`${prefix}:usage:{BROKEN}:${rest}`)).toBe('not ours');
    },
  );

  it('adds peaks once it can, and fails each look until then: a key holds something else', async () => {
    if (place !== 'Redis') return;
    const a = replica('a');
    const { client } = sharedRedis();
    cleanUp.push(() => client.quit());
    const key = `${prefix}:usage:{LLM}:peaks/${START / (60 * MINUTE)}`;
    await client.set(key, 'not ours');
    await a.count('llm', 'one', 7);
    const refusals: string[] = [];
    const looks = async (many: number) => {
      for (let i = 0; i < many; i++) {
        clock.now += 1_000;
        await a.recorder.look().catch((error: Error) => refusals.push(storeReasonOf(error)));
      }
    };
    await looks(65);
    expect(refusals.length).toBeGreaterThan(0);
    const before = refusals.length;
    await looks(20);
    expect(refusals.length - before).toBe(20);
    expect(refusals.at(-1)).toContain(`DEL ${key}`);
    expect(nonZero((await a.usage.history('llm', 'one', day)).counts)).toEqual([[10, 7]]);
    await client.del(key);
    await looks(20);
    expect(refusals.length - before).toBe(20);
    const [peaks] = await a.usage.hourlyPeaks('llm', { from: START - MINUTE });
    expect(peaks?.tenants).toEqual([{ tenant: { id: 'one' }, count: 7 }]);
  });

  it('reports again what the store did not take', async () => {
    const a = replica('a');
    await a.count('llm', 'one', 7, { name: 'One' });
    const failing = jest.spyOn(store.usage, 'report').mockRejectedValueOnce(new Error('away'));
    await expect(a.recorder.look()).rejects.toThrow('away');
    await a.count('llm', 'two', 1);
    await pass(2 * MINUTE, a);
    failing.mockRestore();
    expect(nonZero((await a.usage.history('llm', 'one', day)).counts)).toEqual([[10, 7]]);
    expect(nonZero((await a.usage.history('llm', 'two', day)).counts)).toEqual([[10, 1]]);
    expect(nonZero((await a.usage.totals('llm', day)).counts)).toEqual([[10, 8]]);
    expect(await a.usage.top('llm', { at: START })).toMatchObject([{ tenant: { id: 'one', name: 'One' } }, {}]);
  });

  it('keeps the highest of windows shorter than a minute', async () => {
    const a = replica('a', { fast: { threshold: 10, windowMs: 10_000 } });
    for (const more of [3, 9, 5]) {
      await a.count('fast', 'one', more);
      await pass(10_000, a);
    }
    expect(nonZero((await a.usage.history('fast', 'one', day)).counts)).toEqual([[10, 9]]);
    await pass(MINUTE, a);
    expect(nonZero((await a.usage.history('fast', 'one', day)).counts)).toEqual([[10, 9]]);
    expect(nonZero((await a.usage.totals('fast', day)).counts)).toEqual([[10, 17]]);
  });

  it('keeps the running count of a longer window', async () => {
    const a = replica('a', { slow: { threshold: 10, windowMs: 60 * MINUTE } });
    await a.count('slow', 'one', 3);
    await pass(3 * MINUTE, a);
    await a.count('slow', 'one', 4);
    await pass(2 * MINUTE, a);
    expect((await a.usage.history('slow', 'one', { from: START - MINUTE })).counts).toEqual([0, 3, 3, 3, 7, 7, 7]);
    expect(nonZero((await a.usage.totals('slow', { from: START })).counts)).toEqual([
      [0, 3],
      [3, 4],
    ]);
    clock.now = START + 61 * MINUTE;
    expect((await a.usage.history('slow', 'one', { from: clock.now - 2 * MINUTE })).counts).toEqual([7, 0, 0]);
    expect((await a.usage.advise('slow')).percentiles.max).toBe(7);
  });

  it('keeps the peaks of each hour', async () => {
    const a = replica('a');
    for (const more of [5, 9, 2]) {
      await a.count('llm', 'one', more);
      await pass(MINUTE, a);
    }
    clock.now = START + 60 * MINUTE;
    await a.count('llm', 'one', 1);
    await pass(2 * MINUTE, a);
    expect(await a.usage.hourlyPeaks('llm', day)).toEqual([
      { hour: new Date(START), tenants: [{ tenant: { id: 'one' }, count: 9 }] },
      { hour: new Date(START + 60 * MINUTE), tenants: [{ tenant: { id: 'one' }, count: 1 }] },
    ]);
  });

  it('keeps the present threshold of a tenant without a name after an override was removed', async () => {
    const a = replica('a');
    for (const threshold of [20, 10]) {
      await a.count('llm', 'one', 1, { threshold });
      await a.recorder.look();
    }
    const [seen] = await store.usage.seenOf('llm', Math.floor(START / MINUTE / 480), ['one']);
    expect(seen?.thresholds ?? [10]).toEqual([10]);
  });

  it('notes a new name, a threshold of its own, and the shared one again', async () => {
    const a = replica('a');
    const seen: unknown[] = [];
    for (const about of [{ name: 'One' }, { name: 'Uno' }, {}, { threshold: 5 }, { threshold: 10, name: 'Uno' }]) {
      await a.count('llm', 'one', 1, about);
      await pass(1_000, a);
      seen.push(...(await store.usage.seenOf('llm', blockOf(START / MINUTE), ['one'])));
    }
    expect(seen).toEqual([
      { name: 'One' },
      { name: 'Uno' },
      { name: 'Uno' },
      { name: 'Uno', thresholds: [5] },
      { name: 'Uno', thresholds: [10] },
    ]);
  });

  it('gives no history to ids beyond the limit, unless they are near their threshold', async () => {
    const a = replica('a', { llm: { threshold: 10 } }, { maxTenants: 5 });
    for (let i = 0; i < 9; i++) await a.count('llm', `t${i}`, 1);
    await a.count('llm', 'hot', 8);
    await pass(2 * MINUTE, a);
    expect(await a.usage.active('llm', day)).toBe(6);
    expect(nonZero((await a.usage.history('llm', 'hot', day)).counts)).toEqual([[10, 8]]);
    expect(nonZero((await a.usage.totals('llm', day)).counts)).toEqual([[10, 17]]);
    expect(a.log).toEqual([expect.stringMatching(/^Usage of llm is full/)]);
  });

  it('advises from complete history', async () => {
    const a = replica('a');
    for (let minute = 0; minute < 12; minute++) {
      for (let i = 0; i < 10; i++) await a.count('llm', `t${i}`, 1 + (i % 3), { name: `T${i}` });
      await a.count('llm', 'always', 30);
      await pass(MINUTE, a);
    }
    const advice = await a.usage.advise('llm', { at: [29] });
    expect(advice).toMatchObject({ category: 'llm', threshold: 10, samples: 132, percentiles: { p50: 2, max: 30 } });
    expect(advice.alwaysOver).toEqual([{ tenant: { id: 'always' }, windowsOver: 12, windows: 12, p95: 30 }]);
    expect(advice.candidates.find(({ threshold }) => threshold === 29)).toEqual({
      threshold: 29,
      alerts: 12,
      tenants: 1,
      whom: [{ tenant: { id: 'always' }, alerts: 12 }],
    });
    expect(advice.suggestion?.threshold).toBe(3);
  });

  it('spreads copying thousands of tenants over half a minute', async () => {
    if (place === 'Redis Cluster') return;
    const a = replica('a');
    for (let i = 0; i < 2_500; i++) await a.count('llm', `t${i}`, 1 + (i % 7));
    await pass(60_000, a);
    const copy = jest.spyOn(store.usage, 'copy');
    const perLook: number[] = [];
    for (let second = 0; second < 40; second++) {
      copy.mockClear();
      await pass(1_000, a);
      perLook.push(copy.mock.calls.length);
    }
    copy.mockRestore();
    expect(Math.max(...perLook)).toBeLessThanOrEqual(2);
    expect(await a.usage.active('llm', day)).toBe(2_500);
    const [counts] = await store.usage.history('llm', ['t2499'], START / MINUTE, START / MINUTE);
    expect(counts).toEqual(new Map([[START / MINUTE, 1]]));
  });
});

it('knows the tenants and their names again after Redis lost its data, though nothing is new about them', async () => {
  const clock = { now: START };
  const { client, keyPrefix } = sharedRedis();
  cleanUp.push(() => client.quit());
  const store = await open(new RedisCounterStore(client, keyPrefix));
  const replicas = ['a', 'b'].map(
    (name) => new UsageReplica(name, store, categoriesOf({ llm: { threshold: 10 } }), clock),
  );
  const [a, b] = replicas as [UsageReplica, UsageReplica];
  const look = async () => {
    clock.now += 1_000;
    for (const { recorder } of replicas) await recorder.look();
  };
  await a.count('llm', 'one', 7, { name: 'One' });
  for (let i = 0; i < 30; i++) await b.count('llm', `t${i}`, 1, { name: `T${i}` });
  await look();
  await client.del(...(await client.keys(`${keyPrefix}:*`)));
  await a.count('llm', 'one', 7, { name: 'One' });
  await b.count('llm', 't0', 1, { name: 'T0' });
  await look();
  await look();
  expect((await a.usage.top('llm')).map(({ tenant, count }) => [tenant.name, count])).toEqual([
    ['One', 14],
    ['T0', 2],
  ]);
  expect((await a.usage.seenSince('llm', START)).size).toBe(31);
  // The minute's history too, of those that have counted since.
  for (let second = 0; second < 90; second++) await look();
  const kept = await store.usage.history('llm', ['one', 't0'], START / MINUTE, START / MINUTE);
  expect(kept.map((counts) => counts.get(START / MINUTE))).toEqual([14, 2]);
  // Redis forgets the tenants of 8 hours that are long over, and nobody brings them back.
  clock.now += 33 * 60 * MINUTE;
  await client.del(...(await client.keys(`${keyPrefix}:*`)));
  await look();
  expect(await client.keys(`${keyPrefix}:*seen*`)).toEqual([]);
});
