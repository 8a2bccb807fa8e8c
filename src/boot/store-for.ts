import type { ModuleRef } from '@nestjs/core';
import type { Cluster, Redis } from 'ioredis';

import type { CounterStore } from '../store/counter-store.js';
import type { Clock } from '../counter/clock.js';
import { MemoryCounterStore } from '../store/memory/memory-counter-store.js';
import { RedisCounterStore } from '../store/redis/redis-counter-store.js';
import { nestRedisClient } from '../util/optional-peers.js';
import type { CompleteOptions } from '../options/with-defaults.js';
import { shownOption } from '../util/text.js';
import { RateMonitorConfigError } from '../model/config-error.js';

/**
 * Where to count: the `store` or `redis` of the options, else the client of nestjs-redis, else memory.
 *
 * @throws RateMonitorConfigError if nestjs-redis has no client with the given namespace.
 */
export function storeFor({ store, redis, keyPrefix }: CompleteOptions, app: ModuleRef, clock: Clock): CounterStore {
  if (store) return store;
  const client = isClient(redis) ? redis : ofNestRedis(app, redis?.namespace);
  return client ? new RedisCounterStore(client, keyPrefix) : new MemoryCounterStore(() => clock.now());
}

/** Not `{ namespace }`: a client may have a property of that name too, but no text in it. */
function isClient(redis: CompleteOptions['redis']): redis is Redis | Cluster {
  return redis !== undefined && typeof (redis as { namespace?: unknown }).namespace !== 'string';
}

function ofNestRedis(app: ModuleRef, namespace?: string): Redis | Cluster | undefined {
  const client = nestRedisClient(app, namespace);
  if (client || namespace === undefined) return client;
  throw new RateMonitorConfigError([
    `redis.namespace is '${shownOption(namespace)}', which nestjs-redis does not have: install @liaoliaots/nestjs-redis and set that namespace in ` +
      'RedisModule.forRoot({ config: { namespace } }), or pass an ioredis client as redis',
  ]);
}
