import { Records } from '../../src/store/records.js';
import { MemorySharedState } from '../../src/store/memory/memory-shared-state.js';
import type { SharedState } from '../../src/store/shared-state.js';
import { RedisCounterStore } from '../../src/index.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { sharedRedis } from '../support/redis.js';
import { until } from '../support/until.js';

interface Opened {
  state: SharedState;
  /** Loses all keys, as a FLUSHALL would, or those that end so. */
  lose?: (end?: string) => Promise<unknown>;
  close(): Promise<void>;
}

async function opened(store: RedisCounterStore, close: () => Promise<unknown>): Promise<Opened> {
  let ready = false;
  store.open(() => (ready = true));
  await until(() => ready);
  return { state: store.state, close: async () => void (await store.close(), await close()) };
}

const PLACES: Record<string, () => Promise<Opened>> = {
  memory: () => Promise.resolve({ state: new MemorySharedState(), close: () => Promise.resolve() }),
  Redis: async () => {
    const { client, keyPrefix } = sharedRedis();
    const lose = async (end = '') => client.del(...(await client.keys(`${keyPrefix}:*${end}`)));
    return { ...(await opened(new RedisCounterStore(client, keyPrefix), () => client.quit())), lose };
  },
  'Redis Cluster': async () => {
    const cluster = await RedisCluster.start();
    const client = cluster.client();
    return opened(new RedisCounterStore(client), async () => void (client.disconnect(), await cluster.stop()));
  },
};

const SWAPPED = { swapped: true };
const found = (text: string | undefined) => ({ swapped: false, found: text });

describe.each(Object.keys(PLACES))('shared state in %s', (place) => {
  let state: SharedState;
  let lose: Opened['lose'];
  let close: Opened['close'];
  beforeAll(async () => void ({ state, lose, close } = await (PLACES[place] as () => Promise<Opened>)()));
  afterAll(() => close());

  it('replaces a record if it is the expected one, and otherwise returns the one that is there', async () => {
    expect(await state.swap('a', '1', undefined, 'x')).toEqual(SWAPPED);
    expect(await state.swap('a', '1', undefined, 'y')).toEqual(found('x'));
    expect(await state.swap('a', '1', 'x', 'z')).toEqual(SWAPPED);
    expect(await state.swap('a', '2', 'x', 'z')).toEqual(found(undefined));
    expect(await state.read('a', ['2', '1'])).toEqual([undefined, 'z']);
    expect([await state.read('b', ['1']), await state.read('a', [])]).toEqual([[undefined], []]);
    expect(await state.swap('a', '1', 'x', undefined)).toEqual(found('z'));
    expect(await state.swap('a', '1', 'z', undefined)).toEqual(SWAPPED);
    expect(await state.size('a')).toBe(0);
  });

  it('swaps many records at a time, each with its own outcome', async () => {
    const ids = Array.from({ length: 250 }, (_, i) => `${i}`);
    await Promise.all(ids.slice(0, 100).map((id) => state.swap('many', id, undefined, 'x', 5)));
    const outcomes = await Promise.all([
      ...ids.map((id) => state.swap('many', id, undefined, `y${id}`, 5)),
      state.swap('few', '1', undefined, 'z'),
      state.swap('many', '0', 'x', undefined),
      state.swap('many', '0', 'x', 'twice in a row'),
    ]);
    expect(outcomes.slice(0, 250)).toEqual([
      ...Array<unknown>(100).fill(found('x')),
      ...Array<unknown>(150).fill(SWAPPED),
    ]);
    expect(outcomes.slice(250)).toEqual([SWAPPED, SWAPPED, found(undefined)]);
    expect((await state.due('many', 5, 500)).ids).toHaveLength(249);
    expect([await state.size('many'), await state.size('few')]).toEqual([249, 1]);
  });

  it('lists records by when they were first written, newest first, and keeps as many as wanted', async () => {
    for (const id of ['1', '2', '3', '4']) await state.swap('ages', id, undefined, `first ${id}`, 0);
    await state.swap('ages', '2', 'first 2', 'changed');
    expect([...(await state.list('ages', 3))]).toEqual([
      ['4', 'first 4'],
      ['3', 'first 3'],
      ['2', 'changed'],
    ]);
    await state.trim('ages', 2);
    expect([[...(await state.list('ages')).keys()], await state.size('ages')]).toEqual([['4', '3'], 2]);
    expect((await state.due('ages', 0, 10)).ids).toEqual(['3', '4']);
    await state.trim('ages', 2);
    expect(await state.size('ages')).toBe(2);
  });

  it('lists what is due, longest overdue first, without removed records and those that are never due', async () => {
    const due = async (until: number, most = 10) => (await state.due('dues', until, most)).ids;
    await state.swap('dues', 'late', undefined, 'x', 30);
    await state.swap('dues', 'soon', undefined, 'x', 10);
    await state.swap('dues', 'never', undefined, 'x');
    expect([await due(9), await due(10), await due(30), await due(30, 1)]).toEqual([
      [],
      ['soon'],
      ['soon', 'late'],
      ['soon'],
    ]);
    await state.swap('dues', 'soon', 'x', 'y', 40);
    await state.swap('dues', 'late', 'x', 'y');
    await state.swap('dues', 'never', 'x', undefined);
    expect(await due(100)).toEqual(['soon']);
  });

  it('shows by a new generation that due times were lost, and takes them again', async () => {
    if (!lose) return;
    const records = new Records<{ at: number }>(state, 'times', ({ at }) => at);
    await records.change('1', () => ({ at: 5 }));
    const { generation } = await state.due('times', 9, 9);
    await lose('times:due');
    const lost = await state.due('times', 9, 9);
    expect([lost.ids, lost.generation === generation]).toEqual([[], false]);
    await records.rewrite(9);
    expect(await state.due('times', 9, 9)).toEqual({ ids: ['1'], generation: lost.generation });
    expect((await state.due('times', 4, 9)).ids).toEqual([]);
  });

  it('tells the first caller that a generation is new, because nobody else may know what was lost', async () => {
    if (!lose) return;
    const isNew = async () => (await state.due('firsts', 0, 1)).isNew;
    await state.swap('firsts', '1', undefined, 'x', 5);
    expect([await isNew(), await isNew()]).toEqual([true, undefined]);
    await lose('firsts:due');
    expect([await isNew(), await isNew()]).toEqual([true, undefined]);
  });

  it('lists and counts all records even if it has lost when they were written', async () => {
    if (!lose) return;
    for (const id of ['1', '2']) await state.swap('orders', id, undefined, `of ${id}`);
    await lose('orders:written');
    await state.swap('orders', '3', undefined, 'of 3');
    expect(await state.size('orders')).toBe(3);
    expect([...(await state.list('orders')).entries()].sort()).toEqual([
      ['1', 'of 1'],
      ['2', 'of 2'],
      ['3', 'of 3'],
    ]);
    expect([...(await state.list('orders', 1)).keys()]).toEqual(['3']);
  });

  it('shows by a new generation that records were lost', async () => {
    const generation = async () => (await state.due('generations', 0, 1)).generation;
    const before = await generation();
    await state.swap('generations', '1', undefined, 'x');
    expect([await generation(), [...(await state.list('generations')).keys()]]).toEqual([before, ['1']]);
    if (!lose) return;
    await lose();
    expect(await generation()).not.toBe(before);
  });

  it('grants a lease to one owner at a time, who may extend or release it', async () => {
    expect(await Promise.all(['a', 'b', 'a'].map((owner) => state.claim('x', owner, 60_000)))).toEqual([
      true,
      false,
      true,
    ]);
    await state.release('x', 'b');
    expect(await state.claim('x', 'b', 60_000)).toBe(false);
    await state.release('x', 'a');
    expect(await state.claim('x', 'b', 30)).toBe(true);
    await until(() => state.claim('x', 'a', 30));
  });

  it('changes a record for many at once, and loses none of their changes', async () => {
    const records = new Records<{ count: number }>(state, 'counts', ({ count }) => count);
    const add = () => records.change('a', (record) => ({ count: (record?.count ?? 0) + 1 }));
    await Promise.all(Array.from({ length: 10 }, add));
    expect(await records.list()).toEqual([{ count: 10 }]);
    expect((await records.due(10, 1)).ids).toEqual(['a']);
    expect(await records.change('a', () => undefined)).toEqual({ before: { count: 10 }, after: undefined });
  });

  it('skips a record that is broken or of a newer version, replaces the former and leaves the latter', async () => {
    const records = new Records<{ count: number }>(state, 'odd');
    await state.swap('odd', 'broken', undefined, '{"count":');
    await state.swap('odd', 'newer', undefined, '{"schema":2,"counts":[1]}');
    await records.change('good', () => ({ count: 1 }));
    expect(await records.list()).toEqual([{ count: 1 }]);
    expect(await records.readAll(['newer', 'good', 'broken'])).toEqual([undefined, { count: 1 }, undefined]);
    await records.change('broken', (record) => record ?? { count: 2 });
    await expect(records.change('newer', () => undefined)).rejects.toThrow('a newer version');
    expect(await state.read('odd', ['newer'])).toEqual(['{"schema":2,"counts":[1]}']);
    expect(await records.read('broken')).toEqual({ count: 2 });
  });

  it('leaves no key without an expiry, and no key outside v2', async () => {
    if (place !== 'Redis') return;
    const { client, keyPrefix } = sharedRedis();
    const store = await opened(new RedisCounterStore(client, keyPrefix), () => client.quit());
    await store.state.due('looked', 0, 1);
    await store.state.swap('a', '1', undefined, 'x', 1);
    await store.state.claim('work', 'me', 1_000);
    const keys = await client.keys(`${keyPrefix}:*`);
    expect(keys).toHaveLength(6);
    for (const key of keys) {
      expect(key).toContain(`${keyPrefix}:{alerts}:v2:`);
      expect(await client.pttl(key)).toBeGreaterThan(0);
    }
    await store.close();
  });
});
