import { MemoryCounterStore, RedisCounterStore, type CounterStore } from '../../src/index.js';
import { minuteLetters } from '../../src/store/redis/usage-scripts.js';
import { BLOCK_SLOTS, MAX_LIVE, MAX_PEAKS, type UsageStore, type UsageUnit } from '../../src/store/usage-store.js';
import { NO_LEVELS } from '../../src/threshold/levels.js';
import { fixedSpans } from '../../src/model/window-spans.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { sharedRedis } from '../support/redis.js';
import { until } from '../support/until.js';

interface Opened {
  store: CounterStore & { usage: UsageStore };
  close(): Promise<unknown>;
}

async function opened(store: RedisCounterStore, close: () => unknown): Promise<Opened> {
  let ready = false;
  store.open(() => (ready = true));
  await until(() => ready);
  return { store, close: async () => void (await store.close(), await close()) };
}

const PLACES: Record<string, () => Promise<Opened>> = {
  memory: async () => ({ store: new MemoryCounterStore(), close: async () => undefined }),
  Redis: async () => {
    const { client, keyPrefix } = sharedRedis();
    return opened(new RedisCounterStore(client, keyPrefix), () => client.quit());
  },
  'Redis, with a prefix of the client': async () => {
    const { client, keyPrefix } = sharedRedis();
    const prefixed = client.duplicate({ keyPrefix: 'app:' });
    return opened(new RedisCounterStore(prefixed, keyPrefix), () => Promise.all([client.quit(), prefixed.quit()]));
  },
  'Redis Cluster': async () => {
    const cluster = await RedisCluster.start();
    const client = cluster.client();
    return opened(new RedisCounterStore(client), async () => void (client.disconnect(), await cluster.stop()));
  },
};

const RETENTION = { retentionMs: 24 * 3_600_000, hourlyRetentionMs: 30 * 24 * 3_600_000 };
const SLOT = 29_400_007;
const BLOCK = Math.floor(SLOT / BLOCK_SLOTS);
const LEASE_MS = 5_000;

describe.each(Object.keys(PLACES))('usage in %s', (place) => {
  let store: Opened['store'];
  let usage: UsageStore;
  let close: Opened['close'];
  let category: string;
  let tests = 0;
  beforeAll(async () => {
    ({ store, close } = await (PLACES[place] as () => Promise<Opened>)());
    ({ usage } = store);
  });
  beforeEach(() => (category = `category_${tests++}`));
  afterAll(() => close());

  const count = (tenant: string, total: number, window = SLOT, instance = 'a.0') =>
    store.publish(
      [
        {
          category,
          tenant,
          instance,
          total,
          sent: 0,
          others: 0,
          levels: NO_LEVELS,
          announced: 0,
          window: fixedSpans(60_000)(window * 60_000),
          keepMs: 120_000,
        },
      ],
      window * 60_000,
    );
  const unit = (slot = SLOT, counters = [slot]): UsageUnit => ({
    category,
    key: String(slot),
    slot,
    counters: counters.map(String),
  });
  const report = (what: Partial<Parameters<UsageStore['report']>[0]>, instance = 'a.0') =>
    usage.report({ category, instance, sums: [], active: [], seen: [], tops: [], about: [], ...what }, RETENTION);
  const waits = (tenants: string[], of = unit()) => report({ active: [{ unit: of, tenants }] });
  const counts = async (tenants: string[], from = SLOT, to = SLOT) =>
    (await usage.history(category, tenants, from, to)).map((found) => Object.fromEntries(found));

  it('copies waiting tenants into the history, whether called once, late or again', async () => {
    await Promise.all([count('one', 7), count('zwei: {2}', 3)]);
    await waits(['one', 'zwei: {2}', 'gone']);
    expect(await usage.claimCopy(unit(), 'a', LEASE_MS)).toBe(3);
    const copied = await usage.copy(unit(), 100, 0, RETENTION);
    expect(copied.sort((a, b) => b.count - a.count)).toEqual([
      { tenant: 'one', count: 7 },
      { tenant: 'zwei: {2}', count: 3 },
    ]);
    expect(await usage.claimCopy(unit(), 'a', LEASE_MS)).toBe(0);
    expect(await counts(['one', 'zwei: {2}', 'gone'])).toEqual([{ [SLOT]: 7 }, { [SLOT]: 3 }, {}]);
    await count('one', 9);
    await waits(['one']);
    await usage.copy(unit(), 100, 0, RETENTION);
    await usage.copy(unit(), 100, 0, RETENTION);
    expect(await counts(['one'])).toEqual([{ [SLOT]: 9 }]);
  });

  it('returns only counts above the given one, and copies the others too, whatever characters their ids have', async () => {
    const ids = ['plain', 'prüfung 1 %41', '{a}:b/%u0041', '\u{1f600}', 'half \ud800'];
    await Promise.all(ids.map((id, i) => count(id, i + 1)));
    await waits(ids);
    const copied = await usage.copy(unit(), 100, 3, RETENTION);
    expect(copied.sort((a, b) => a.count - b.count)).toEqual([
      { tenant: ids[3], count: 4 },
      { tenant: ids[4], count: 5 },
    ]);
    expect(await counts(ids)).toEqual(ids.map((_, i) => ({ [SLOT]: i + 1 })));
  });

  it('never lowers a count in the history', async () => {
    await count('one', 9);
    await waits(['one']);
    await usage.copy(unit(), 100, 0, RETENTION);
    await count('one', 2, SLOT + 1);
    await waits(['one'], unit(SLOT, [SLOT + 1]));
    await usage.copy(unit(SLOT, [SLOT + 1]), 100, 0, RETENTION);
    expect(await counts(['one'])).toEqual([{ [SLOT]: 9 }]);
  });

  it('adds up the parts of a sliding window', async () => {
    await Promise.all([count('one', 4), count('one', 5, SLOT + 1)]);
    await waits(['one'], unit(SLOT, [SLOT, SLOT + 1, SLOT + 2]));
    await usage.copy(unit(SLOT, [SLOT, SLOT + 1, SLOT + 2]), 100, 0, RETENTION);
    expect(await counts(['one'])).toEqual([{ [SLOT]: 9 }]);
  });

  it('keeps the highest of several windows of a minute, and in Redis writes only what is higher', async () => {
    const totals = [3, 7, 5, 7, 9];
    for (const [i, total] of totals.entries()) {
      await count('one', total, SLOT + i);
      const short = { ...unit(SLOT, [SLOT + i]), key: `short ${i}`, sharesSlot: true };
      await waits(['one'], short);
      await usage.copy(short, 100, 0, RETENTION);
    }
    expect(await counts(['one'])).toEqual([{ [SLOT]: 9 }]);
    if (place !== 'Redis') return;
    const { client } = sharedRedis();
    const [key] = await client.keys(`*usage:{${category}:one}:m/*`);
    const minute = minuteLetters(SLOT % BLOCK_SLOTS);
    expect(await client.get(key as string)).toBe(`${minute}3${minute}7${minute}9`);
    await client.quit();
  });

  it('copies a limited number at a time', async () => {
    const tenants = Array.from({ length: 25 }, (_, i) => `t${i}`);
    await Promise.all(tenants.map((tenant) => count(tenant, 1)));
    await waits(tenants);
    const sizes: number[] = [];
    while ((await usage.claimCopy(unit(), 'a', LEASE_MS)) > 0)
      sizes.push((await usage.copy(unit(), 10, 0, RETENTION)).length);
    expect(sizes).toEqual([10, 10, 5]);
  });

  it('copies each of many tenants once, some at a time', async () => {
    const tenants = Array.from({ length: 500 }, (_, i) => `tenant ${i}`);
    await Promise.all(tenants.map((tenant) => count(tenant, 1)));
    await waits(tenants.slice(0, 300));
    await waits(tenants.slice(200));
    const copied: string[] = [];
    while ((await usage.claimCopy(unit(), 'a', LEASE_MS)) > 0) {
      const some = await usage.copy(unit(), 100, 0, RETENTION);
      expect(some.length).toBeLessThanOrEqual(100);
      copied.push(...some.map(({ tenant }) => tenant));
    }
    expect(copied.sort()).toEqual(tenants.sort());
    expect((await counts(tenants)).every((found) => found[SLOT] === 1)).toBe(true);
  });

  it('reads history over blocks, whole and in part', async () => {
    const first = BLOCK * BLOCK_SLOTS;
    for (const slot of [first - 1, first, first + 200]) {
      await count('one', slot - first + 2, slot);
      await waits(['one'], unit(slot));
      await usage.copy(unit(slot), 100, 0, RETENTION);
    }
    expect(await counts(['one'], first - 480, first + 479)).toEqual([
      { [first - 1]: 1, [first]: 2, [first + 200]: 202 },
    ]);
    expect(await counts(['one'], first, first + 199)).toEqual([{ [first]: 2 }]);
  });

  it('lets one replica copy at a time', async () => {
    if (place === 'memory') return;
    await waits(['one']);
    expect(await usage.claimCopy(unit(), 'a', 300)).toBe(1);
    expect(await usage.claimCopy(unit(), 'b', 300)).toBe(-1);
    expect(await usage.claimCopy(unit(), 'a', 300)).toBe(1);
    await until(async () => (await usage.claimCopy(unit(), 'b', 300)) === 1);
  });

  it('lets nobody wait for a replica that is shutting down', async () => {
    await waits(['one']);
    expect(await usage.claimCopy(unit(), 'a', LEASE_MS)).toBe(1);
    expect(await usage.claimCopy(unit(), 'a', 0)).toBe(1);
    expect(await usage.claimCopy(unit(), 'b', LEASE_MS)).toBe(1);
  });

  it.each([
    ['finds again what a replica took and did not copy', undefined, LEASE_MS],
    ['gives a replica that ends also what another one holds and has taken', LEASE_MS, 0],
  ])('%s', async (_, held, leaseMs) => {
    if (place !== 'Redis') return;
    const { client } = sharedRedis();
    await count('one', 3);
    await waits(['one']);
    if (held !== undefined) await usage.claimCopy(unit(), 'a', held);
    const key = (await client.keys(`*{${category.toUpperCase()}}:waiting/*`))[0] as string;
    await client.rename(key, key.replace(/waiting\/(.*)\/\d+$/, 'copying/$1'));
    expect(await usage.claimCopy(unit(), 'b', leaseMs)).toBe(1);
    expect(await usage.copy(unit(), 100, 0, RETENTION)).toEqual([{ tenant: 'one', count: 3 }]);
    expect(await usage.claimCopy(unit(), 'b', leaseMs)).toBe(0);
    await client.quit();
  });

  it('adds up what instances counted, each once', async () => {
    await report({ sums: [{ slot: SLOT, count: 5 }] });
    await report({ sums: [{ slot: SLOT, count: 7 }] });
    await report({ sums: [{ slot: SLOT, count: 4 }] }, 'b.0');
    expect(await usage.totals(category, SLOT - 1, SLOT)).toEqual(new Map([[SLOT, 11]]));
    await usage.closeSum(category, SLOT, RETENTION);
    await usage.closeSum(category, SLOT, RETENTION);
    expect(await usage.totals(category, SLOT - 480, SLOT + 10)).toEqual(new Map([[SLOT, 11]]));
  });

  it('ranks the busiest tenants of a window by the highest count reported for each', async () => {
    const tell = (counted: Record<string, number>) =>
      report({
        tops: [
          {
            window: '',
            span: '7',
            keepMs: 60_000,
            counts: Object.entries(counted).map(([tenant, number]) => ({ tenant, count: number })),
            near: [],
          },
        ],
      });
    await tell({ a: 3, b: 9 });
    await tell({ a: 5, b: 2, c: 1 });
    expect(await usage.top(category, '', '7', 2)).toEqual([
      { tenant: 'b', count: 9 },
      { tenant: 'a', count: 5 },
    ]);
    expect(await usage.top(category, '', '8', 2)).toEqual([]);
    await tell(Object.fromEntries(Array.from({ length: MAX_LIVE + 5 }, (_, i) => [`t${i}`, 10 + i])));
    const all = await usage.top(category, '', '7', 1_000);
    expect([all.length, all[0], all.at(-1)]).toEqual([
      MAX_LIVE,
      { tenant: `t${MAX_LIVE + 4}`, count: MAX_LIVE + 14 },
      { tenant: 't5', count: 15 },
    ]);
  });

  it('knows who came nearest to a threshold, as many tenants as the busiest', async () => {
    const tell = (ratios: Record<string, number>, counts: Record<string, number> = {}) =>
      report({
        tops: [
          {
            window: '',
            span: '7',
            keepMs: 60_000,
            counts: Object.entries(counts).map(([tenant, number]) => ({ tenant, count: number })),
            near: Object.entries(ratios).map(([tenant, ratio]) => ({ tenant, ratio })),
          },
        ],
      });
    await tell({ 'a: {1}': 0.5, b: 1.25 }, { c: 900 });
    await tell({ 'a: {1}': 0.75, b: 0.5 });
    expect(await usage.near(category, '', '7')).toEqual(['b', 'a: {1}']);
    expect(await usage.near(category, '', '8')).toEqual([]);
    await tell(Object.fromEntries(Array.from({ length: MAX_LIVE + 5 }, (_, i) => [`t${i}`, 2 + i / 8])));
    const all = await usage.near(category, '', '7');
    expect([all.length, all[0], all.at(-1)]).toEqual([MAX_LIVE, `t${MAX_LIVE + 4}`, 't5']);
  });

  it('knows who was seen, with their names and thresholds', async () => {
    const tenants = new Map([
      ['a', { name: 'A: a name, with 1 2 3' }],
      ['b', { name: '', thresholds: [3, 100] }],
    ]);
    await report({ seen: [{ block: BLOCK, tenants }] });
    expect(await usage.seen(category, BLOCK)).toEqual(tenants);
    expect(await usage.seenOf(category, BLOCK, ['b', 'c'])).toEqual([{ name: '', thresholds: [3, 100] }, undefined]);
    expect([await usage.seenCount(category, BLOCK), await usage.seenCount(category, BLOCK + 1)]).toEqual([2, 0]);
    await report({ seen: [{ block: BLOCK, tenants: new Map([['a', { name: '' }]]) }] });
    expect((await usage.seenOf(category, BLOCK, ['a']))[0]).toEqual({ name: 'A: a name, with 1 2 3' });
    await report({ seen: [{ block: BLOCK, tenants: new Map([['a', { name: 'Other' }]]) }] });
    expect((await usage.seenOf(category, BLOCK, ['a']))[0]).toEqual({ name: 'Other' });
  });

  it('keeps the highest counts of an hour', async () => {
    const hour = Math.floor(SLOT / 60);
    const most = Array.from({ length: 3 * MAX_PEAKS }, (_, i) => ({ tenant: `t${i}`, count: i + 1 }));
    await usage.addPeaks(category, hour, most, RETENTION);
    await usage.addPeaks(category, hour, [{ tenant: 't5', count: 999 }], RETENTION);
    await usage.addPeaks(category, hour, [{ tenant: 't5', count: 5 }], RETENTION);
    const [peaks, none] = await usage.peaks(category, [hour, hour + 1]);
    expect([peaks?.length, peaks?.[0], peaks?.[1], none]).toEqual([
      MAX_PEAKS,
      { tenant: 't5', count: 999 },
      { tenant: `t${3 * MAX_PEAKS - 1}`, count: 3 * MAX_PEAKS },
      [],
    ]);
  });

  it('estimates its storage', async () => {
    await count('one', 9);
    await report({
      seen: [{ block: BLOCK, tenants: new Map([['one', { name: '' }]]) }],
      active: [{ unit: unit(), tenants: ['one'] }],
    });
    await usage.copy(unit(), 100, 0, RETENTION);
    expect(await usage.bytes(category, SLOT * 60_000, RETENTION)).toBeGreaterThan(30);
  });

  it('leaves no key without an expiry', async () => {
    if (place !== 'Redis') return;
    const { client } = sharedRedis();
    await count('one', 3);
    await report({
      sums: [{ slot: SLOT, count: 3 }],
      seen: [{ block: BLOCK, tenants: new Map([['one', { name: '' }]]) }],
      active: [{ unit: unit(), tenants: ['one', 'two'] }],
      tops: [{ window: '', span: '7', keepMs: 60_000, counts: [{ tenant: 'one', count: 3 }], near: [] }],
    });
    await usage.claimCopy(unit(), 'a', LEASE_MS);
    await usage.copy(unit(), 1, 0, RETENTION);
    await usage.copy(unit(), 1, 0, RETENTION);
    await waits(['three']);
    await usage.closeSum(category, SLOT, RETENTION);
    await usage.addPeaks(category, 1, [{ tenant: 'one', count: 3 }], RETENTION);
    const patterns = [category, category.toUpperCase()].map((name) => client.keys(`*{${name}*`));
    const keys = (await Promise.all(patterns)).flat();
    expect(keys.map((key) => key.split('}:')[1]?.split('/')[0]).sort()).toEqual(
      ['copier', 'live', 'm', 'peaks', 'seen', 'sums', 'totals', 'waiting', String(SLOT)].sort(),
    );
    for (const key of keys) expect([key, await client.pttl(key)]).toEqual([key, expect.any(Number)]);
    for (const key of keys) expect(await client.pttl(key)).toBeGreaterThan(0);
    await client.quit();
  });
});
