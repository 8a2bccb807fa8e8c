import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';

import { Cluster, Redis, type RedisOptions } from 'ioredis';

import {
  AlertService,
  RateCounterService,
  RedisCounterStore,
  ThresholdService,
  UsageService,
} from '../../src/index.js';
import { MONITOR_VIEW, type MonitorView } from '../../src/facade/monitor-view.js';
import type { Deferred } from '../../src/util/deferred.js';
import { startApp, type TestApp } from '../support/app.js';
import { calmCategories } from '../support/calm-window.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { RedisSentinel } from '../support/redis-sentinel.js';
import { freePort } from '../support/free-port.js';
import { RedisServer } from '../support/redis-server.js';
import { selfSigned } from '../support/tls.js';
import { until } from '../support/until.js';

/** The minimum rights for counting, as listed in docs/operations.md. */
const NEEDED = ['info', 'time', 'evalsha', 'eval', 'hmget', 'hget', 'hset', 'pexpire'];
/** For all else: small hashes, alerts, mutes, instances, thresholds that are set while the app runs, and usage. */
const FOR_ALL_ELSE = (
  'append del exec exists get getrange hdel hexists hgetall hlen hscan hsetnx hvals memory|usage rename sadd scard set ' +
  'sismember smembers spop srem sunionstore zadd zcard zrange zrangebyscore zrem zremrangebyrank zrevrange'
).split(' ');

type Stop = () => unknown;

describe('Redis as teams run it', () => {
  const stops: Stop[] = [];
  const after = (stop: Stop): number => stops.unshift(stop);

  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  const connect = (client: Redis): Redis => {
    client.on('error', () => undefined);
    after(() => client.status === 'end' || client.disconnect());
    return client;
  };
  const serve = async (...args: string[]): Promise<RedisServer> => {
    const server = await RedisServer.start(...args);
    after(() => server.kill());
    return server;
  };
  const start = async (redis: Redis | Cluster): Promise<{ app: TestApp; counter: RateCounterService }> => {
    const app = await startApp({ options: { redis, categories: calmCategories() } });
    after(() => app.close());
    return { app, counter: app.app.get(RateCounterService) };
  };
  /** Two instances with such a client share a count, and alert at the crossing. */
  const countsThrough = async (client: () => Redis | Cluster): Promise<TestApp> => {
    const [one, two] = [await start(client()), await start(client())];
    expect(await one.counter.increment('evaluations', 'proj_1', 3)).toBe(3);
    expect(await two.counter.increment('evaluations', 'proj_1')).toBe(4);
    await until(async () => (await one.counter.read('evaluations', 'proj_1')) === 4);
    await until(() => two.app.alerts.length === 1);
    expect(two.app.alerts).toEqual([expect.objectContaining({ count: 4, countedBy: 'all' })]);
    return one.app;
  };

  it('behind a password', async () => {
    const { port } = await serve('--requirepass', 'hunter2');
    await countsThrough(() => connect(new Redis({ port, password: 'hunter2' })));
  });

  it('with a wrong password: the log has the reason before anything is counted, for a Cluster too', async () => {
    const { port } = await serve('--requirepass', 'hunter2', '--cluster-enabled', 'yes');
    const single = connect(new Redis({ port, password: 'hunter3' }));
    const cluster = new Cluster([{ host: '127.0.0.1', port }], { redisOptions: { password: 'hunter3' } });
    cluster.on('error', () => undefined);
    after(() => cluster.disconnect());
    for (const client of [single, cluster]) {
      const { app } = await start(client);
      await until(() => app.log.of('is away').length === 1);
      expect(app.log.of('is away')).toEqual([expect.stringContaining('(WRONGPASS ')]);
    }
  });

  it('as a Cluster without a reachable node: the log has no ioredis jargon', async () => {
    const port = await freePort();
    const cluster = new Cluster([{ host: '127.0.0.1', port }], { lazyConnect: true });
    after(() => cluster.disconnect());
    const { app } = await start(cluster);
    await until(() => app.log.of('is away').length === 1);
    expect(app.log.of('is away')).toEqual([expect.stringContaining('(no connection within 1 s)')]);
  });

  it('over TLS', async () => {
    const port = await freePort();
    const { ca, args } = selfSigned(port);
    await serve(...args);
    await countsThrough(() => connect(new Redis({ host: '127.0.0.1', port, tls: { ca } })));
  });

  it('on a Unix socket', async () => {
    const path = join(tmpdir(), `redis-${randomUUID()}.sock`);
    await serve('--unixsocket', path);
    const app = await countsThrough(() => connect(new Redis({ path })));
    expect(app.log.of(`Counting in Redis ${path};`)).toHaveLength(1);
  });

  it('with a prefix of the client', async () => {
    const { port } = await serve();
    await countsThrough(() => connect(new Redis({ port, keyPrefix: 'app:' })));
    const keys = await connect(new Redis({ port })).keys('*');
    expect(keys.filter((key) => !key.startsWith('app:rate_monitor:{'))).toEqual([]);
    expect(keys.filter((key) => /^app:rate_monitor:\{evaluations:proj_1\}:\d+$/.test(key))).toHaveLength(1);
  });

  it('with numbers read as text', async () => {
    const { port } = await serve();
    const redis = connect(new Redis({ port, stringNumbers: true }));
    const app = await startApp({ options: { redis, categories: calmCategories(), incidents: true } });
    after(() => app.close());
    await app.app.get(RateCounterService).increment('evaluations', 'proj_1', 4);
    await until(() => app.alerts.length === 1);
    expect(app.alerts).toEqual([expect.objectContaining({ count: 4, incident: expect.anything() as unknown })]);
    const alerts = app.app.get(AlertService);
    await alerts.mute({ forMs: 60_000, reason: 'x' });
    expect(await alerts.unmute({})).toBe(true);
  });

  it('with replies in RESP3 shapes, as ioredis 6 returns them', async () => {
    const { port } = await serve();
    const client = (): Redis => connect(new Redis({ port, replyMapping: 'resp3' } as RedisOptions));
    const [one, two] = [await start(client()), await start(client())];
    await one.counter.increment('evaluations', 'proj_1', 3);
    const usage = two.app.app.get(UsageService);
    await until(async () => (await usage.top('evaluations')).length === 1);
    expect(await usage.top('evaluations')).toEqual([expect.objectContaining({ tenant: { id: 'proj_1' }, count: 3 })]);
    // ioredis 5 does not read the option, but keeps it.
    const { connection } = new RedisCounterStore(client()) as unknown as { connection: Redis };
    expect(connection.options).toMatchObject({ replyMapping: 'legacy' });
  });

  it('behind a Sentinel', async () => {
    const sentinel = await RedisSentinel.start();
    after(() => sentinel.stop());
    const app = await countsThrough(() => connect(sentinel.client()));
    expect(app.log.of('Counting in Redis Sentinel main;')).toHaveLength(1);
  });

  it('behind a Sentinel whose client reads from replicas', async () => {
    const sentinel = await RedisSentinel.start();
    after(() => sentinel.stop());
    await countsThrough(() => connect(sentinel.client({ role: 'slave' })));
  });

  it('as a Cluster, each of whose nodes gets a share of the tenants', async () => {
    const cluster = await RedisCluster.start();
    after(() => cluster.stop());
    const client = (): Cluster => {
      const connection = cluster.client();
      after(() => connection.disconnect());
      return connection;
    };
    await countsThrough(client);
    const { counter } = await start(client());
    const tenants = Array.from({ length: 100 }, (_, i) => `tenant_${i}`);
    expect(await Promise.all(tenants.map((tenant) => counter.increment('llm_call', tenant)))).toEqual(
      tenants.map(() => 1),
    );
    expect(await Promise.all(tenants.map((tenant) => counter.read('llm_call', tenant)))).toEqual(tenants.map(() => 1));

    const reader = client();
    await reader.connect();
    const keysByNode = (): Promise<string[][]> =>
      Promise.all(reader.nodes('master').map((node) => node.keys('rate_monitor:{llm_call:*}:[0-9]*')));
    await until(async () => (await keysByNode()).flat().length === tenants.length);
    const shares = await keysByNode();
    expect(shares.map((share) => share.length > 10)).toEqual([true, true, true]);
    const [key] = shares.flat() as [string];
    const windows = [key, key.replace(/\d+$/, '1')].map((each) => reader.cluster('KEYSLOT', each));
    const [slot, another] = await Promise.all(windows);
    expect(another).toBe(slot);
  });

  describe('with a dedicated user', () => {
    /** An app whose user may do these, and what it then was denied. */
    const deniedTo = async (allowed: readonly string[], use: (client: () => Redis) => Promise<unknown>) => {
      const { port } = await serve();
      const admin = connect(new Redis({ port }));
      const rights = ['resetkeys', 'resetchannels', '-@all', '~rate_monitor:*', ...allowed.map((name) => `+${name}`)];
      await admin.call('ACL', 'SETUSER', 'rate_monitor', 'on', '>password', ...rights);
      await use(() => connect(new Redis({ port, username: 'rate_monitor', password: 'password', lazyConnect: true })));
      return () => deniedBy(admin);
    };

    const deniedBy = async (admin: Redis): Promise<string[]> => {
      const entries = (await admin.call('ACL', 'LOG')) as string[][];
      // A client may tell its name and version; it does without.
      return entries
        .map((entry) => entry[entry.indexOf('object') + 1] as string)
        .filter((what) => what !== 'client|setinfo');
    };

    const listed = (begin: RegExp): string[] => {
      const block = new RegExp(`^ACL SETUSER rate_monitor ${begin.source}(.*)$`, 'm');
      return (block.exec(readFileSync('docs/operations.md', 'utf8'))?.[1] ?? '').trim().split(' ');
    };
    const added = (names: readonly string[]): string[] => names.map((name) => `+${name}`);

    /** Everything that the module asks of the store besides counting. */
    const everythingThrough = async (client: () => Redis | Cluster): Promise<void> => {
      const options = { redis: client(), categories: calmCategories(), incidents: true };
      const { app } = await startApp({ options });
      const [alerts, thresholds, usage] = [app.get(AlertService), app.get(ThresholdService), app.get(UsageService)];
      await app.get(RateCounterService).increment('evaluations', 'proj_1', 4);
      await alerts.mute({ forMs: 60_000, reason: 'x', by: 'test' });
      await alerts.unmute({});
      await alerts.history();
      const set = { category: 'evaluations', threshold: 50, reason: 'x', by: 'test' };
      await thresholds.set(set);
      await thresholds.remove(set);
      // The poller writes usage once a second.
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      await usage.top('evaluations');
      await usage.history('evaluations', 'proj_1', { from: new Date(Date.now() - 3_600_000), to: new Date() });
      await usage.totals('evaluations', { from: new Date(Date.now() - 3_600_000), to: new Date() });
      await app.close();
    };

    it('counts with the rights that the docs list for counting', async () => {
      expect(listed(/.*~rate_monitor:\* /)).toEqual(added(NEEDED));
      const denied = await deniedTo(NEEDED, countsThrough);
      expect((await denied()).filter((name) => !FOR_ALL_ELSE.includes(name))).toEqual([]);
    });

    it.each(NEEDED)('needs %s', async (name) => {
      const others = NEEDED.filter((other) => other !== name);
      const denied = await deniedTo(others, async (client) => {
        const { counter } = await start(client());
        await counter.increment('evaluations', 'proj_1', 4);
        await counter.read('evaluations', 'proj_1');
      });
      expect(await denied()).toContain(name);
    });

    it('sets no mute if only counting is allowed, and none appears once all rights are granted', async () => {
      const { port } = await serve();
      const admin = connect(new Redis({ port }));
      const allow = (names: readonly string[]) =>
        admin.call('ACL', 'SETUSER', 'rate_monitor', 'on', '>password', '~rate_monitor:*', ...added(names));
      await allow(NEEDED);
      const { app } = await start(connect(new Redis({ port, username: 'rate_monitor', password: 'password' })));
      const alerts = app.app.get(AlertService);
      await expect(alerts.mute({ tenant: 'proj_2', forMs: 60_000, reason: 'x' })).rejects.toThrow(
        /^The mute was not set: the store refused it/,
      );
      await allow(FOR_ALL_ELSE);
      await alerts.mute({ tenant: 'proj_1', forMs: 60_000, reason: 'x' });
      expect((await alerts.mutes()).map(({ tenant }) => tenant)).toEqual(['proj_1']);
    });

    it('is not reported as away if its user may not ask for the time', async () => {
      const others = NEEDED.filter((name) => name !== 'time');
      await deniedTo([...others, ...FOR_ALL_ELSE], async (client) => {
        const { app, counter } = await start(client());
        expect(await counter.increment('evaluations', 'proj_1')).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 2_200));
        expect(app.log.of(' is away ')).toEqual([]);
      });
    });

    it('is not reported as away if its user may no longer ask for the time', async () => {
      const { port } = await serve();
      const admin = connect(new Redis({ port }));
      const { app, counter } = await start(connect(new Redis({ port, lazyConnect: true })));
      await admin.call('ACL', 'SETUSER', 'default', '-time');
      await until(async () => (await deniedBy(admin)).includes('time'));
      // Longer than it takes to log a failure.
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(app.log.of(' is away ')).toEqual([]);
      expect(app.app.get<Deferred<MonitorView>>(MONITOR_VIEW).value?.store()).toMatchObject({ up: true });
      expect(await counter.increment('evaluations', 'proj_1', 4)).toBe(4);
      await until(() => app.alerts.length === 1);
      expect(app.alerts).toMatchObject([{ countedBy: 'all' }]);
    });

    it.each([
      ['the least rights', NEEDED],
      ['all rights', [...NEEDED, ...FOR_ALL_ELSE]],
    ])('with %s except to set an expiry, leaves no key that would stay forever', async (_, rights) => {
      let reader: Redis | undefined;
      const others = rights.filter((name) => name !== 'pexpire');
      await deniedTo(others, async (client) => {
        const redis = client();
        reader = connect(new Redis({ port: redis.options.port }));
        const { counter } = await start(redis);
        // A refused counter is tried again with the next publish.
        for (let i = 0; i < 3; i++) await counter.increment('evaluations', `proj_${i}`, 4);
        await counter.flush(500);
        // Usage is written once a second.
        await new Promise((resolve) => setTimeout(resolve, 2_500));
      });
      const keys = (await reader?.keys('*')) ?? [];
      expect(keys.filter((key) => /^rate_monitor:(\{evaluations:.*\}|usage):/.test(key))).toEqual([]);
      const left = await Promise.all(keys.map(async (key) => ((await reader?.pttl(key)) === -1 ? [key] : [])));
      expect(left.flat()).toEqual([]);
    });

    it('accepts each block of the docs as pasted into redis-cli', async () => {
      const { port } = await serve();
      const admin = connect(new Redis({ port }));
      const blocks = readFileSync('docs/operations.md', 'utf8').matchAll(/^```\n(ACL [^]*?)^```/gm);
      const lines = [...blocks].flatMap(([, block = '']) => block.trim().split('\n'));
      expect(lines).toHaveLength(2);
      for (const line of lines) {
        const [command, ...args] = line.split(' ') as [string, ...string[]];
        expect(await admin.call(command, ...args)).toBe('OK');
      }
    });

    it('needs no other rights for everything else than the docs list', async () => {
      expect(listed(/(?=\+append )/)).toEqual(added(FOR_ALL_ELSE));
      const denied = await deniedTo([...NEEDED, ...FOR_ALL_ELSE], everythingThrough);
      expect(await denied()).toEqual([]);
    });

    it('needs on a Cluster the additional rights that the docs list', async () => {
      const [line = ''] = /^A Cluster also needs .*$/m.exec(readFileSync('docs/operations.md', 'utf8')) ?? [];
      const ofCluster = line.match(/\+[a-z|]+(?=`)/g) ?? [];
      const cluster = await RedisCluster.start();
      after(() => cluster.stop());
      const rights = ['resetkeys', 'resetchannels', '-@all', '~rate_monitor:*', ...ofCluster];
      const all = [...rights, ...added([...NEEDED, ...FOR_ALL_ELSE])];
      await cluster.each((node) => node.call('ACL', 'SETUSER', 'rate_monitor', 'on', '>password', ...all));
      const clients: Cluster[] = [];
      await everythingThrough(() => {
        const client = cluster.client({ redisOptions: { username: 'rate_monitor', password: 'password' } });
        after(() => client.disconnect());
        clients.push(client);
        return client;
      });
      // Like the module's own connection, which asks any node for the slots every few seconds, replicas too.
      const [client] = clients as [Cluster];
      await client.connect();
      for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => client.refreshSlotsCache(() => resolve()));
      expect((await cluster.each(deniedBy)).flat()).toEqual([]);
    });
  });

  describe('beside an app that uses the same client', () => {
    it('leaves its subscriptions alone, and counts besides', async () => {
      const { port } = await serve();
      const client = connect(new Redis({ port }));
      const heard: string[] = [];
      client.on('message', (_channel, message) => heard.push(message));
      await client.subscribe('news');
      const { counter } = await start(client);
      expect(await counter.increment('evaluations', 'proj_1')).toBe(1);
      await connect(new Redis({ port })).publish('news', 'hello');
      await until(() => heard.length === 1);
      expect(heard).toEqual(['hello']);
    });

    it('continues when the app ends its client', async () => {
      const { port } = await serve();
      const client = connect(new Redis({ port }));
      const { counter } = await start(client);
      await client.quit();
      expect(await counter.increment('evaluations', 'proj_1', 2)).toBe(2);
      const reader = connect(new Redis({ port }));
      const [key] = (await reader.keys('rate_monitor:{evaluations:proj_1}:[0-9]*')) as [string];
      expect(await reader.hget(key, 'total')).toBe('2');
    });
  });
});
