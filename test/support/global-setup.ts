// Jest does not map module names here, so imports of `.js` files would fail.
import { binaryOf } from './binary';
import { unpackV01 } from './v0-1';
import { RedisServer } from './redis-server';

/**
 * Provides a Redis (the one at TEST_REDIS_URL, or one of our own) and version 0.1 of this package, and makes sure that the programs that
 * tests start are installed.
 */
export default async function setUp(): Promise<void> {
  process.env.REDIS_SERVER_BINARY ??= binaryOf({
    names: ['redis-server', 'valkey-server'],
    apt: 'redis-server',
    brew: 'redis',
    why: 'The tests start, stop and kill their own Redis servers',
  });
  process.env.ALERTMANAGER_BINARY = binaryOf({
    names: ['prometheus-alertmanager', 'alertmanager'],
    apt: 'prometheus-alertmanager',
    brew: 'alertmanager',
    why: 'The tests send alerts to their own Alertmanager',
  });
  unpackV01();
  if (process.env.TEST_REDIS_URL) return;
  const server = await RedisServer.start();
  process.env.TEST_REDIS_URL = server.url;
  Object.assign(globalThis, { testRedis: server });
}
