import { execFileSync } from 'node:child_process';

// Here jest maps no names: a .js would be looked for as such.
import { RedisServer } from './redis-server';

/** Makes sure there are a Redis to test against, that of TEST_REDIS_URL or one of our own, and a server for tests to stop and kill. */
export default async function setUp(): Promise<void> {
  process.env.REDIS_SERVER_BINARY = binary() ?? install();
  if (process.env.TEST_REDIS_URL) return;
  const server = await RedisServer.start();
  process.env.TEST_REDIS_URL = server.url;
  Object.assign(globalThis, { testRedis: server });
}

function binary(): string | undefined {
  for (const name of ['redis-server', 'valkey-server']) {
    try {
      return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

function install(): string {
  const ways = [
    [
      'apt-get',
      'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server',
    ],
    ['brew', 'brew install redis'],
  ] as const;
  for (const [manager, command] of ways) {
    try {
      execFileSync('sh', ['-c', `command -v ${manager} && ${command}`], { stdio: 'ignore' });
    } catch {
      continue;
    }
    const installed = binary();
    if (installed) return installed;
  }
  throw new Error(
    'The tests start, stop and kill Redis servers of their own, and there is none here. Install one: ' +
      '`sudo apt-get install redis-server` or `brew install redis`',
  );
}
