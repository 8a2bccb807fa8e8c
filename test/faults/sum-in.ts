import type { Redis } from 'ioredis';

import { redisKey } from '../../src/store/redis/counter-key.js';

/** The sums of tenants in the current window, by tenant. */
export async function sumIn(
  reader: Redis,
  tenants: readonly string[],
  windowMs: number,
): Promise<Record<string, number>> {
  const window = Math.floor(Date.now() / windowMs);
  const sums = tenants.map(async (tenant) => {
    const key = redisKey('rate_monitor', { category: 'llm_call', tenant }, String(window));
    return [tenant, Number(await reader.hget(key, 'total'))] as const;
  });
  return Object.fromEntries(await Promise.all(sums));
}
