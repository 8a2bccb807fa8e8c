import { randomUUID } from 'node:crypto';

import { Redis } from 'ioredis';

/** A client of the suite's Redis, and a unique key prefix. */
export function sharedRedis(): { client: Redis; keyPrefix: string } {
  return { client: new Redis(process.env.TEST_REDIS_URL as string), keyPrefix: `test_${randomUUID()}` };
}
