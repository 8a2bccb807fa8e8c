// Here jest maps no names: a .js would be looked for as such.
import { binaryOf } from './binary';
import { RedisServer } from './redis-server';

/** Makes sure there are a Redis to test against, that of TEST_REDIS_URL or one of our own, and a server for tests to stop and kill. */
export default async function setUp(): Promise<void> {
  process.env.REDIS_SERVER_BINARY = binaryOf({
    names: ['redis-server', 'valkey-server'],
    apt: 'redis-server',
    brew: 'redis',
    why: 'The tests start, stop and kill Redis servers of their own',
  });
  process.env.ALERTMANAGER_BINARY = binaryOf({
    names: ['prometheus-alertmanager', 'alertmanager'],
    apt: 'prometheus-alertmanager',
    brew: 'alertmanager',
    why: 'The tests tell a real Alertmanager of their own',
  });
  if (process.env.TEST_REDIS_URL) return;
  const server = await RedisServer.start();
  process.env.TEST_REDIS_URL = server.url;
  Object.assign(globalThis, { testRedis: server });
}
