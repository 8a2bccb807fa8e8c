import type { RedisServer } from './redis-server';

/** Stops the Redis that global-setup.ts started, if it started one. */
export default async function tearDown(): Promise<void> {
  await (globalThis as { testRedis?: RedisServer }).testRedis?.kill();
}
