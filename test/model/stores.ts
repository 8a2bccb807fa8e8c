import type { Redis } from 'ioredis';

import { MemoryCounterStore, RedisCounterStore } from '../../src/index.js';
import type { CounterStore } from '../../src/store/counter-store.js';
import { publishScript } from '../../src/store/redis/publish-script.js';
import { sharedRedis } from '../support/redis.js';

/** A store that many worlds count in, one after the other. */
export interface PlayedStore {
  /** As one world has it. */
  begin(now: () => number): CounterStore;
  /** A store that loses all data but keeps working. */
  lose(now: () => number): Promise<CounterStore>;
  /** All counters of a tenant are gone. */
  evict(store: CounterStore, tenant: string): Promise<void>;
  close(): Promise<void>;
  /** Counts may come out too low if a request is lost, or an instance dies: never too high. */
  readonly folds?: boolean;
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

/** Folds the fields of instances as soon as there are two: as a counter is that very many instances have written. */
class FoldingStore extends RedisCounterStore {
  protected override get script(): string {
    return publishScript(5);
  }
}

export function redis(): Promise<PlayedStore> {
  return inRedis(RedisCounterStore);
}

export async function folding(): Promise<PlayedStore> {
  return { ...(await inRedis(FoldingStore)), folds: true };
}

async function inRedis(Store: typeof RedisCounterStore): Promise<PlayedStore> {
  const { client, keyPrefix } = sharedRedis();
  const store = new Store(client, keyPrefix);
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
