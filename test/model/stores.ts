import type { Redis } from 'ioredis';

import { MemoryCounterStore, RedisCounterStore } from '../../src/index.js';
import type { CounterStore } from '../../src/store/counter-store.js';
import { sharedRedis } from '../support/redis.js';

/** A store that many worlds count in, one after the other. */
export interface PlayedStore {
  /** As one world has it. */
  begin(now: () => number): CounterStore;
  /** All it holds is gone; what it gives back goes on. */
  lose(now: () => number): Promise<CounterStore>;
  /** All counters of a tenant are gone. */
  evict(store: CounterStore, tenant: string): Promise<void>;
  close(): Promise<void>;
}

export function memory(): Promise<PlayedStore> {
  const begin = (now: () => number): CounterStore => new MemoryCounterStore(now);
  return Promise.resolve({
    begin,
    lose: (now) => Promise.resolve(begin(now)),
    evict: (store, tenant) => {
      const { windows } = store as unknown as { windows: Map<string, { counters: Map<string, unknown> }> };
      for (const { counters } of windows.values()) counters.delete(tenant);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  });
}

export async function redis(): Promise<PlayedStore> {
  const { client, keyPrefix } = sharedRedis();
  const store = new RedisCounterStore(client, keyPrefix);
  await new Promise<void>((resolve) => store.open(resolve));
  return {
    begin: () => store,
    lose: async () => {
      await forget(client, keyPrefix, '*');
      return store;
    },
    evict: (_, tenant) => forget(client, keyPrefix, `{llm_call:${tenant}}:*`),
    close: async () => {
      await forget(client, keyPrefix, '*');
      await store.close();
      client.disconnect();
    },
  };
}

async function forget(client: Redis, keyPrefix: string, which: string): Promise<void> {
  const keys = await client.keys(`${keyPrefix}:${which}`);
  if (keys.length > 0) await client.unlink(keys);
}
