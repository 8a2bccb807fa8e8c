import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

import type { Cluster, Redis } from 'ioredis';

import type { LiveRow } from '../../src/cli/rows-from-redis.js';
import { RedisCounterStore, type WindowOptions } from '../../src/index.js';
import type { Category } from '../../src/model/category.js';
import { completed } from '../support/complete-options.js';
import { minuteLetters } from '../../src/store/redis/usage-scripts.js';
import { freePort } from '../support/free-port.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { RedisServer } from '../support/redis-server.js';
import { RedisSentinel } from '../support/redis-sentinel.js';
import { sharedRedis } from '../support/redis.js';
import { until } from '../support/until.js';
import { UsageReplica, type TestClock } from '../support/replica-with-usage.js';

const MINUTE = 60_000;
const CLI = ['-r', './test/support/register.js', 'src/cli/index.ts', 'top'];
const URL = process.env.TEST_REDIS_URL as string;

interface Look {
  rows: LiveRow[];
}

async function top(...args: string[]): Promise<string> {
  return (await promisify(execFile)('node', [...CLI, ...args])).stdout;
}

/** The exit code, stdout, and the first line of stderr. */
async function refused(...args: string[]): Promise<[number, string, string]> {
  const failure = (await top(...args).catch((error: unknown) => error)) as Record<'stdout' | 'stderr', string>;
  return [(failure as unknown as { code: number }).code, failure.stdout, failure.stderr.split('\n')[0] as string];
}

/** A category with windows of a minute and an hour, counted by an app whose clock a test moves. */
async function counted(
  client: Redis | Cluster,
  keyPrefix: string,
  // The hour may have begun with the last minute that is counted.
  windows: WindowOptions[] = [{ threshold: 10 }, { threshold: 20, windowMs: 60 * MINUTE }],
) {
  const categories = completed({ categories: { llm_call: { windows } } }).categories as Map<string, Category>;
  const store = new RedisCounterStore(client, keyPrefix);
  await new Promise<void>((resolve) => store.open(resolve));
  // Early in a minute, so that its counts are still live when they are read.
  const clock: TestClock = { now: Date.now() - 6 * MINUTE };
  const replica = new UsageReplica('a', store, categories, clock);
  const minute = async (counts: Record<string, number>): Promise<void> => {
    for (const [tenant, count] of Object.entries(counts)) await replica.count('llm_call', tenant, count);
    await replica.recorder.look();
  };
  return { store, replica, clock, minute };
}

/** Far from the next minute, and late enough for the last one to be in the history. */
const early = () => until(() => Date.now() % MINUTE > 2_000 && Date.now() % MINUTE < 50_000);

describe('the command line', () => {
  it('shows since when a tenant is over, including minutes that are not in the history yet, and refreshes', async () => {
    await early();
    const { client, keyPrefix } = sharedRedis();
    const { store, clock, minute } = await counted(client, keyPrefix);
    const now = clock.now + 6 * MINUTE;
    for (let i = 0; i < 3; i++) {
      await minute({ long: 21 });
      clock.now += MINUTE;
    }
    await minute({ long: 21, short: 5, 'under@x': 3 });
    clock.now += MINUTE;
    await minute({ long: 21, short: 20, 'under@x': 3 });
    clock.now += MINUTE;
    await minute({ long: 21, short: 2, 'under@x': 3 });
    clock.now += MINUTE;
    await minute({ long: 21, short: 20, 'under@x': 3 });
    // The history is written in the minute after.
    const last = [1, 2].map((ago) => minuteLetters((Math.floor(now / MINUTE) - ago) % 480));
    const histories = await client.keys(`${keyPrefix}:usage:{llm_call:long}:m/*`);
    expect(histories).not.toEqual([]);
    for (const history of histories) {
      const points = ((await client.get(history)) as string).match(/[A-Z]{2}[^A-Z]+/g) ?? [];
      await client.set(history, points.filter((point) => !last.includes(point.slice(0, 2))).join(''));
    }
    const cli = spawn('node', [...CLI, '--redis', URL, '--prefix', keyPrefix, '--json', '--watch']);
    const ended = once(cli, 'exit');
    let out = '';
    cli.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    const looks = () =>
      out
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Look);
    await until(() => looks().length > 0);
    const start = (time: number) => new Date(Math.floor(time / MINUTE) * MINUTE).toISOString();
    const rows = looks()[0]?.rows.map(({ window, tenant, count, since }) => [window, tenant, count, since]);
    expect(rows?.filter(([window]) => window === 'minute')).toEqual([
      ['minute', 'long', 21, start(now - 6 * MINUTE)],
      ['minute', 'short', 20, start(now)],
      ['minute', 'under@x', 3, undefined],
    ]);
    const hour = new Date(Math.floor(now / (60 * MINUTE)) * 60 * MINUTE).toISOString();
    expect(rows?.find(([window, tenant]) => window === 'hour' && tenant === 'long')?.[3]).toBe(hour);
    await minute({ late: 40 });
    await until(() => looks().some(({ rows }) => rows.some(({ tenant }) => tenant === 'late')));
    cli.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
    // Nobody is counted in the window that is running then.
    clock.now -= 10 * MINUTE;
    await client.del(`${keyPrefix}:usage:{LLM_CALL}:about`);
    await minute({ gone: 20 });
    expect(await top('--redis', URL, '--prefix', keyPrefix, '--category', 'llm_call')).not.toMatch(/gone .*minute/);
    await store.close();
    await client.quit();
  });

  it('shows the worst first, even one that is near a low threshold of its own while 250 others are busier', async () => {
    await early();
    const { client, keyPrefix } = sharedRedis();
    const { store, replica, clock } = await counted(client, keyPrefix);
    clock.now += 6 * MINUTE;
    for (let i = 0; i < 250; i++) await replica.count('llm_call', `busy_${i}`, 4);
    await replica.count('llm_call', 'trial: {1}', 3, { name: 'Trial', threshold: 4 });
    await replica.recorder.look();
    const { rows } = JSON.parse(await top('--redis', URL, '--prefix', keyPrefix, '--json', '--limit', '2')) as Look;
    expect(
      rows.filter(({ window }) => window === 'minute').map(({ name, count, ratio }) => [name, count, ratio]),
    ).toEqual([
      ['Trial', 3, 0.75],
      [undefined, 4, 0.4],
    ]);
    await store.close();
    await client.quit();
  });

  it('shows a tenant that is still over in a sliding window, even if nobody was counted in its running part', async () => {
    const { client, keyPrefix } = sharedRedis();
    const { store, clock, replica, minute } = await counted(client, keyPrefix, [
      { threshold: 10, windowMs: 60 * MINUTE, sliding: true },
    ]);
    // The running part and, by the test's clock, the one before.
    clock.now = Date.now() - 10 * MINUTE;
    await minute({ burst: 30, calm: 1 });
    for (let i = 0; i < 3; i++) await replica.count('llm_call', 'trial', 1, { threshold: 4 });
    await replica.recorder.look();
    const look = async () =>
      (JSON.parse(await top('--redis', URL, '--prefix', keyPrefix, '--json', '--limit', '2')) as Look).rows.map(
        ({ tenant, count, since }) => [tenant, count, since !== undefined],
      );
    const worst = [
      ['burst', 30, true],
      ['trial', 3, false],
    ];
    expect(await look()).toEqual(worst);
    clock.now = Date.now();
    await minute({ calm: 2 });
    expect(await look()).toEqual(worst);
    await store.close();
    await client.quit();
  });

  it('shows the minute in which a long window was crossed, even the running one', async () => {
    await early();
    const { client, keyPrefix } = sharedRedis();
    // An hour that did not begin within the last minutes.
    const windowMs = [24, 25, 26].map((hours) => hours * 60 * MINUTE).find((ms) => Date.now() % ms > 10 * MINUTE);
    const { store, clock, minute } = await counted(client, keyPrefix, [{ threshold: 20, windowMs: windowMs }]);
    const [crossed, last] = [clock.now + MINUTE, clock.now + 6 * MINUTE];
    const counts: Record<string, number>[] = [
      { slow: 15 },
      { slow: 6 },
      { slow: 1 },
      {},
      {},
      { other: 1 },
      { burst: 30 },
    ];
    for (const each of counts) {
      // Copies the minute before.
      await minute({});
      await minute(each);
      clock.now += MINUTE;
    }
    const { rows } = JSON.parse(await top('--redis', URL, '--prefix', keyPrefix, '--json')) as Look;
    const minuteOf = (time: number) => new Date(Math.floor(time / MINUTE) * MINUTE).toISOString();
    expect(rows.flatMap(({ tenant, since }) => (since === undefined ? [] : [[tenant, since]])).sort()).toEqual([
      ['burst', minuteOf(last)],
      ['slow', minuteOf(crossed)],
    ]);
    await store.close();
    await client.quit();
  });

  it('shows a tenant with its own threshold in each window', async () => {
    await early();
    const { client, keyPrefix } = sharedRedis();
    const { store, clock, minute } = await counted(client, keyPrefix);
    clock.now += 6 * MINUTE;
    await minute({ own: 5 });
    const [seen] = await client.keys(`${keyPrefix}:usage:{LLM_CALL}:seen/*`);
    await client.hset(seen as string, 'own', '7,40 Own');
    const { rows } = JSON.parse(await top('--redis', URL, '--prefix', keyPrefix, '--json')) as Look;
    expect(rows.map(({ window, name, threshold }) => [window, name, threshold]).sort()).toEqual([
      ['hour', 'Own', 40],
      ['minute', 'Own', 7],
    ]);
    await store.close();
    await client.quit();
  });

  it('shows nobody as over a threshold that cannot be exceeded, whether all tenants share it or not', async () => {
    await early();
    const { client, keyPrefix } = sharedRedis();
    const { store, clock, minute } = await counted(client, keyPrefix, [{ threshold: Infinity }]);
    clock.now += 6 * MINUTE;
    await minute({ shared: 5, own: 4 });
    const [seen] = await client.keys(`${keyPrefix}:usage:{LLM_CALL}:seen/*`);
    await client.hset(seen as string, 'own', 'Infinity Own');
    const row = { category: 'llm_call', window: '' };
    const { rows } = JSON.parse(await top('--redis', URL, '--prefix', keyPrefix, '--json')) as Look;
    expect(rows).toEqual([
      { ...row, tenant: 'shared', count: 5, share: 5 / 9 },
      { ...row, tenant: 'own', name: 'Own', count: 4, share: 4 / 9 },
    ]);
    await store.close();
    await client.quit();
  });

  it('refuses a category that was never counted, and names those that were', async () => {
    await early();
    const { client, keyPrefix } = sharedRedis();
    const at = ['--redis', URL, '--prefix', keyPrefix];
    const nothing = `nothing was counted with the prefix ${keyPrefix}, check --redis and --prefix`;
    expect(await refused(...at, '--category', 'llm_call')).toEqual([2, '', `Unknown category: ${nothing}`]);
    expect(await top(...at)).toBe(`No tenant to show: ${nothing}\n`);
    expect(JSON.parse(await top(...at, '--json'))).toMatchObject({ rows: [] });
    const { store, clock, minute } = await counted(client, keyPrefix);
    clock.now += 6 * MINUTE;
    await minute({ t: 1 });
    for (const wrong of ['llm', 'LLM_CALL', '', '*'])
      expect(await refused(...at, '--json', '--category', wrong)).toEqual([
        2,
        '',
        'Unknown category: write one of llm_call',
      ]);
    await store.close();
    await client.quit();
  });

  it('treats an empty REDIS_URL as not set', async () => {
    const env = { ...process.env, REDIS_URL: ' ' };
    const looking = promisify(execFile)('node', [...CLI, '--prefix', 'nobody_counts_here'], { env });
    // At the default address there may be a Redis, or none.
    const said = await looking.catch((error: unknown) => error as Record<'stdout' | 'stderr', string>);
    expect(said.stdout + said.stderr).toMatch(/^(No tenant to show|Redis could not be read: .*127\.0\.0\.1:6379)/);
  });

  it('names the option that is wrong, and ends when its reader does', async () => {
    const limit = '--limit is wrong: write a whole number from 1 to 999';
    for (const wrong of ['0', '1000', 'x']) {
      expect((await refused(`--limit=${wrong}`)).slice(0, 3)).toEqual([2, '', limit]);
    }
    expect(await refused('--limit')).toEqual([2, '', "Option '--limit <value>' argument missing"]);
    expect(await refused('--json=s3cret')).toEqual([2, '', "Option '--json' does not take an argument"]);
    expect(await refused('--s3cret')).toEqual([2, '', 'Unknown option']);
    expect(await refused('more')).toEqual([2, '', 'The only command is top']);
    const { stderr } = await promisify(execFile)('sh', [
      '-c',
      `node ${CLI.join(' ')} --watch --redis ${URL} | head -1`,
    ]);
    expect(stderr).toBe('');
  });

  it('fails if its output cannot be written, as on a full disk', async () => {
    const full = promisify(execFile)('sh', ['-c', `node ${CLI.join(' ')} --redis ${URL} >/dev/full`]);
    await expect(full).rejects.toMatchObject({
      code: 1,
      stderr: 'The output could not be written: ENOSPC: no space left on device, write\n',
    });
  });

  it('says why Redis cannot be read, and repeats no part of an address that may hold a password', async () => {
    const port = await freePort();
    const failed = async (url: string): Promise<[unknown, string]> => {
      const failure = (await top('--redis', url).catch((error: unknown) => error)) as { code: number; stderr: string };
      return [failure.code, failure.stderr];
    };
    expect(await failed(`redis://:s3cret@127.0.0.1:${port}`)).toEqual([
      1,
      `Redis could not be read: connect ECONNREFUSED 127.0.0.1:${port}\n`,
    ]);
    for (const url of [
      'redis://user:s3 cret@@host:99999',
      'redis://:s3cret%zz@host',
      'http://:s3cret@host',
      's3cret',
      'redis://:s3cret@host/first',
    ]) {
      const [code, stderr] = await failed(url);
      expect([code, stderr]).toEqual([2, expect.stringContaining('Write redis://user:password@host:6379')]);
      expect(stderr).not.toMatch(/s3|cret/);
    }
    // Not silently database 0.
    expect(await failed(`${URL.replace(/\/\d*$/, '')}/99`)).toEqual([1, expect.stringContaining('out of range')]);
  });

  it('says that a hanging Redis does not answer, and ends at once if interrupted', async () => {
    const server = await RedisServer.start();
    const watching = async (): Promise<[ChildProcess, Promise<unknown[]>, () => string]> => {
      const cli = spawn('node', [...CLI, '--redis', server.url, '--watch']);
      let failed = '';
      cli.stderr.on('data', (chunk: Buffer) => (failed += String(chunk)));
      const ended = once(cli, 'exit');
      await once(cli.stdout, 'data');
      return [cli, ended, () => failed];
    };
    const [[left, leftEnded], [stopped, stoppedEnded, failed]] = [await watching(), await watching()];
    try {
      server.freeze();
      await pause(1_500);
      left.kill('SIGINT');
      expect(await Promise.race([leftEnded, pause(3_000)])).toEqual([0, null]);
      expect(await stoppedEnded).toEqual([1, null]);
      expect(failed()).toBe('Redis could not be read: Command timed out\n');
    } finally {
      for (const cli of [left, stopped]) cli.kill('SIGKILL');
      server.thaw();
      await server.kill();
    }
  });

  it('refuses a Sentinel, which has no counts, and says what to pass instead', async () => {
    const sentinel = await RedisSentinel.start();
    try {
      const address = `redis://127.0.0.1:${sentinel.port}/1`;
      expect(await refused('--redis', address)).toEqual([2, '', 'This is a Sentinel: give the address of its master']);
    } finally {
      await sentinel.stop();
    }
  });

  it('reads the user from the address and the password from the variable', async () => {
    const { client, keyPrefix } = sharedRedis();
    const user = `top_${Date.now()}`;
    await client.call('acl', 'setuser', user, 'on', '>s3cret', '~*', '+@all');
    const address = new globalThis.URL(URL);
    address.username = user;
    const shown = async (variable: string): Promise<string> => {
      const env = { ...process.env, REDIS_PASSWORD: variable };
      const args = [...CLI, '--redis', address.href, '--prefix', keyPrefix];
      return (await promisify(execFile)('node', args, { env })).stdout;
    };
    try {
      expect(await shown('s3cret')).toContain('No tenant to show');
      address.password = 's3cret';
      expect(await shown('wrong')).toContain('No tenant to show');
    } finally {
      await client.call('acl', 'deluser', user);
      client.disconnect();
    }
  });

  it('reads all nodes of a Cluster with the password of one, and prints it nowhere', async () => {
    await early();
    const cluster = await RedisCluster.start();
    const client = cluster.client();
    try {
      await client.connect();
      const { store, clock, minute } = await counted(client, 'k');
      clock.now += 6 * MINUTE;
      await minute(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`t${i}`, 11 + i])));
      const nodes = client.nodes('master');
      for (const node of nodes) await node.config('SET', 'requirepass', 's3cr%t');
      const { host, port } = nodes[0]?.options as { host: string; port: number };
      const out = await top(
        '--redis',
        `redis://:s3cr%25t@${host}:${port}`,
        '--cluster',
        '--prefix',
        'k',
        '--limit',
        '3',
      );
      expect(out.split('\n').map((line) => line.split(/ {2,}/)[0])).toEqual([
        ...['TENANT', 't19', 't18', 't17', 't19', 't18', 't17', ''],
      ]);
      expect(out).not.toContain('s3cr');
      const wrong = top('--redis', `redis://:wr0ng@${host}:${port}`, '--cluster');
      const { stderr } = (await wrong.catch((error: unknown) => error)) as { stderr: string };
      // More than that no node answered properly.
      expect(stderr).toMatch(/^Redis could not be read: .*(WRONGPASS|NOAUTH)/);
      expect(stderr).not.toContain('wr0ng');
      // Alone it has only a part of the tenants.
      expect(await refused('--redis', `redis://:s3cr%25t@${host}:${port}`, '--prefix', 'k')).toEqual([
        ...[2, '', 'This is a node of a Cluster: add --cluster'],
      ]);
      await store.close();
    } finally {
      client.disconnect();
      await cluster.stop();
    }
  });
});
