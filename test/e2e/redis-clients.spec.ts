import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

import { Redis, type Cluster } from 'ioredis';

import { RateCounterService, RateMonitorConfigError, RedisCounterStore } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { calmCategories } from '../support/calm-window.js';
import { freePort } from '../support/free-port.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { RedisSentinel } from '../support/redis-sentinel.js';
import { RedisServer } from '../support/redis-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { timers } from '../support/timers.js';
import { until } from '../support/until.js';

const start = (redis: Redis | Cluster): Promise<TestApp> =>
  startApp({ options: { redis, categories: calmCategories(), counting: 'await' } });

/** Closes an app once its log says that Redis is away. Jest complains if a timer is left after a second, which is a hundred looks. */
const leavesNoTimer = async (app: TestApp, before: number): Promise<void> => {
  await until(() => app.log.of(' is away ').length === 1);
  await app.close();
  let looks = 0;
  await until(() => ++looks > 0 && timers() <= before);
  expect(looks).toBeLessThan(100);
};

describe('Redis clients as people have them', () => {
  it('counts on all nodes with a Cluster client that pipelines automatically and reads from replicas', async () => {
    const cluster = await RedisCluster.start();
    const given = cluster.client();
    const client = given.duplicate([], { enableAutoPipelining: true, scaleReads: 'slave' });
    const app = await start(client);
    const counter = app.app.get(RateCounterService);
    for (let round = 0; round < 3; round++)
      await Promise.all(Array.from({ length: 12 }, (_, i) => counter.increment('llm_call', `p${i}`)));
    const counts = await Promise.all(Array.from({ length: 12 }, (_, i) => counter.read('llm_call', `p${i}`)));
    expect(counts).toEqual(Array(12).fill(3));
    expect(app.log.of(' is away ')).toEqual([]);
    await app.close();
    for (const each of [given, client]) each.disconnect();
    await cluster.stop();
  }, 60_000);

  it('follows a password that the app rotates', async () => {
    const server = await RedisServer.start('--requirepass', 'token-1');
    const client = new Redis({ port: server.port, password: 'token-1', lazyConnect: true });
    const app = await start(client);
    const counter = app.app.get(RateCounterService);
    await counter.increment('llm_call', 'proj_1');
    const admin = new Redis({ port: server.port, password: 'token-1' });
    await admin.config('SET', 'requirepass', 'token-2');
    client.options.password = 'token-2';
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await counter.increment('llm_call', 'proj_1');
    const key = (await admin.keys('*{llm_call:*}:[0-9]*'))[0] as string;
    await until(async () => (await admin.hget(key, 'total')) === '2');
    await app.close();
    for (const each of [client, admin]) each.disconnect();
    await server.kill();
  });

  it("keeps reconnecting even if the client's strategies give up", async () => {
    const server = await RedisServer.start();
    const client = new Redis({ port: server.port, lazyConnect: true, retryStrategy: () => null });
    const app = await start(client);
    const counter = app.app.get(RateCounterService);
    await server.kill();
    await counter.increment('llm_call', 'proj_1');
    await server.restart();
    await until(() => app.log.of(' is back after ').length === 1);
    await app.close();
    client.disconnect();
    await server.kill();
  });

  it('skips a Sentinel that accepts connections and never answers', async () => {
    const [sentinel, frozen] = [await RedisSentinel.start(), createServer().listen(0, '127.0.0.1')];
    await once(frozen, 'listening');
    const sockets = new Set<Socket>();
    frozen.on('connection', (socket) => sockets.add(socket));
    const ports = [(frozen.address() as AddressInfo).port, sentinel.port];
    const sentinels = ports.map((port) => ({ host: '127.0.0.1', port }));
    const client = new Redis({ sentinels, name: RedisSentinel.NAME, lazyConnect: true });
    const app = await start(client);
    await app.app.get(RateCounterService).increment('llm_call', 'proj_1');
    await until(() => app.log.of(' is back after ').length === 1);
    expect(await app.app.get(RateCounterService).read('llm_call', 'proj_1')).toBe(1);
    await app.close();
    client.disconnect();
    for (const socket of sockets) socket.destroy();
    frozen.close();
    await sentinel.stop();
  });

  it('logs one outage if a connection breaks during a command, with any socketTimeout of the client', async () => {
    const server = await RedisServer.start();
    const proxy = await TcpProxy.start(server.port);
    const client = new Redis({ port: proxy.port, lazyConnect: true, socketTimeout: 300 });
    const app = await start(client);
    const counter = app.app.get(RateCounterService);
    await counter.increment('llm_call', 'proj_1');
    proxy.silence();
    const underWay = counter.increment('llm_call', 'proj_1');
    await new Promise((resolve) => setTimeout(resolve, 30));
    proxy.speak();
    proxy.drop();
    await underWay;
    const opened = proxy.opened;
    await until(() => app.log.of(' is back after ').length === 1);
    // A timer of the broken connection would end the one that followed.
    for (let i = 0; i < 40; i++) {
      await counter.increment('llm_call', 'proj_2');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(proxy.opened - opened).toBeLessThanOrEqual(1);
    expect(app.log.of(' is away ').length + app.log.of(' is back ').length).toBe(2);
    await app.close();
    client.disconnect();
    await proxy.close();
    await server.kill();
  });

  it('gives the reason of an unknown command without its arguments, which name tenants', async () => {
    const server = await RedisServer.start('--rename-command', 'EVAL', '');
    const client = new Redis({ port: server.port, lazyConnect: true });
    const app = await start(client);
    await app.app.get(RateCounterService).increment('llm_call', 'proj_1');
    await until(() => app.log.of(' is away ').length === 1);
    expect(app.log.of(' is away ')).toEqual([
      expect.stringContaining("(ERR unknown command 'eval'): requests continue"),
    ]);
    await app.close();
    client.disconnect();
    await server.kill();
  });

  it('names the client to use instead of a node-redis client or a partial one', () => {
    const nodeRedis = { duplicate: () => ({}), sendCommand: () => undefined, options: {} };
    const half = { duplicate: () => ({}), defineCommand: () => 1, disconnect: () => 1, on: () => 1, options: {} };
    for (const client of [nodeRedis, half, {}]) {
      expect(() => new RedisCounterStore(client as unknown as Redis)).toThrow(RateMonitorConfigError);
      expect(() => new RedisCounterStore(client as unknown as Redis)).toThrow('package ioredis');
    }
  });

  it("gives the reason if a client of the app's own class cannot be duplicated", () => {
    class Own extends Redis {
      override duplicate(): never {
        throw new Error('made for each request');
      }
    }
    expect(() => new RedisCounterStore(new Own({ lazyConnect: true }))).toThrow(
      /redis is a client that cannot be duplicated \(made for each request\): pass one whose duplicate\(\) works/,
    );
  });

  it('leaves no timer behind when the app is closed with Redis away', async () => {
    const sockets = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
    const server = await RedisServer.start();
    const client = new Redis({ port: server.port, lazyConnect: true });
    // Timers of other tests' kept-alive connections.
    const before = sockets();
    const app = await start(client);
    server.freeze();
    await app.app.get(RateCounterService).increment('llm_call', 'proj_1');
    await app.close();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(sockets()).toBeLessThanOrEqual(before);
    client.disconnect();
    await server.kill();
  });

  it('asks a loading Redis every half second, however long it says it will take, and leaves no timer behind', async () => {
    const info = 'loading:1\r\nloading_eta_seconds:60';
    let asked = 0;
    const loading = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        for (const command of data.toString().split(/^\*/m).slice(1)) {
          const asks = /\binfo\b/i.test(command);
          if (asks) asked++;
          // Redis answers HELLO, too, while it is loading.
          if (/\bhello\b/i.test(command)) socket.write('%1\r\n+proto\r\n:3\r\n');
          else
            socket.write(
              asks ? `$${info.length}\r\n${info}\r\n` : '-LOADING Redis is loading the dataset in memory\r\n',
            );
        }
      });
    });
    await once(loading.listen(0, '127.0.0.1'), 'listening');
    const client = new Redis({ port: (loading.address() as AddressInfo).port, lazyConnect: true });
    const before = timers();
    const app = await start(client);
    // By itself, ioredis would ask again after 10 s.
    await until(() => asked >= 3, 5_000);
    await leavesNoTimer(app, before);
    client.disconnect();
    loading.close();
  });

  it('leaves no timer behind when all Sentinels are away', async () => {
    const sentinels = await Promise.all([1, 2, 3].map(async () => ({ host: '127.0.0.1', port: await freePort() })));
    const client = new Redis({ sentinels, name: RedisSentinel.NAME, lazyConnect: true });
    const before = timers();
    const app = await start(client);
    await leavesNoTimer(app, before);
    client.disconnect();
  });
});
