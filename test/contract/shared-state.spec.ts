import { Records } from '../../src/store/records.js';
import { MemorySharedState } from '../../src/store/memory/memory-shared-state.js';
import type { SharedState } from '../../src/store/shared-state.js';
import { RedisCounterStore } from '../../src/index.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { sharedRedis } from '../support/redis.js';
import { until } from '../support/until.js';

interface Opened {
  state: SharedState;
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
  Redis: () => {
    const { client, keyPrefix } = sharedRedis();
    return opened(new RedisCounterStore(client, keyPrefix), () => client.quit());
  },
  'Redis Cluster': async () => {
    const cluster = await RedisCluster.start();
    const client = cluster.client();
    return opened(new RedisCounterStore(client), async () => void (client.disconnect(), await cluster.stop()));
  },
};

describe.each(Object.keys(PLACES))('shared state in %s', (place) => {
  let state: SharedState;
  let close: Opened['close'];
  beforeAll(async () => void ({ state, close } = await (PLACES[place] as () => Promise<Opened>)()));
  afterAll(() => close());

  it('puts a record where it is still as it was read, and nowhere else', async () => {
    expect(await state.swap('incidents', 'a', undefined, '1')).toBe(true);
    expect(await state.swap('incidents', 'a', undefined, '2')).toBe(false);
    expect(await state.swap('incidents', 'a', '1', '3')).toBe(true);
    expect([await state.read('incidents', 'a'), await state.read('mutes', 'a')]).toEqual(['3', undefined]);
    expect(await state.list('incidents')).toEqual(new Map([['a', '3']]));
    expect(await state.swap('incidents', 'a', '1', undefined)).toBe(false);
    expect(await state.swap('incidents', 'a', '3', undefined)).toBe(true);
    expect(await state.list('incidents')).toEqual(new Map());
  });

  it('changes a record for many at once, and loses none of their changes', async () => {
    const records = new Records<{ count: number }>(state, 'counts');
    const add = () => records.change('a', (record) => ({ count: (record?.count ?? 0) + 1 }));
    await Promise.all(Array.from({ length: 10 }, add));
    expect(await records.list()).toEqual([{ count: 10 }]);
    expect(await records.change('a', () => undefined)).toEqual({ before: { count: 10 }, after: undefined });
  });

  it('keeps the newest entries of a log', async () => {
    await state.append('history', ['1', '2', '3'], 4);
    await state.append('history', ['4', '5'], 4);
    expect(await state.newest('history')).toEqual(['5', '4', '3', '2']);
  });

  it('leaves nothing behind for ever', async () => {
    if (place !== 'Redis') return;
    const { client, keyPrefix } = sharedRedis();
    const store = await opened(new RedisCounterStore(client, keyPrefix), () => client.quit());
    await store.state.swap('incidents', 'a', undefined, '1');
    await store.state.append('history', ['1'], 4);
    await store.state.claim('sweep', 1_000);
    const keys = await client.keys(`${keyPrefix}:*`);
    expect(keys).toHaveLength(3);
    for (const key of keys) expect(await client.pttl(key)).toBeGreaterThan(0);
    await store.close();
  });

  it('gives work to one of those that ask, for a time', async () => {
    if (place === 'memory') return expect(await state.claim('sweep', 1)).toBe(true);
    expect(await Promise.all([1, 2, 3].map(() => state.claim('sweep', 60)))).toEqual([true, false, false]);
    await until(() => state.claim('sweep', 60));
  });
});
