import { RedisModule } from '@liaoliaots/nestjs-redis';
import type { INestApplication } from '@nestjs/common';
import { Redis } from 'ioredis';

import { RateCounterService, type CounterStore, type RateMonitorOptions } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { calmCategories } from '../support/calm-window.js';
import { LlmController } from '../support/controllers.js';
import { RedisServer } from '../support/redis-server.js';
import { sharedRedis } from '../support/redis.js';
import { endsWithin, until } from '../support/until.js';

const acme = { 'x-project': 'proj_1' };
const url = (): string => process.env.TEST_REDIS_URL as string;

/** The counters under a prefix: `<prefix>:{<category>:<tenant>}:<window>`. Other state has keys of other forms. */
async function countersIn(client: Redis, prefix = ''): Promise<string[]> {
  return (await client.keys('*')).filter((key) => key.startsWith(prefix) && /\{\w+:[^}]+\}:\d+$/.test(key));
}

/** Everything that runs once a second has run twice. */
const passes = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2_500));

describe('the connection to Redis', () => {
  let redis: { client: Redis; keyPrefix: string };
  let app: TestApp | undefined;

  const start = async (options: RateMonitorOptions, imports: unknown[] = []): Promise<TestApp> =>
    (app = await startApp({
      metadata: { controllers: [LlmController], imports: imports as never[] },
      options: { keyPrefix: redis.keyPrefix, categories: calmCategories(), ...options },
    }));
  const keys = (): Promise<string[]> => countersIn(redis.client, redis.keyPrefix);

  beforeEach(() => (redis = sharedRedis()));
  afterEach(async () => {
    await app?.close();
    app = undefined;
    await redis.client.quit();
  });

  it('is that of nestjs-redis if the app has it', async () => {
    await start({}, [RedisModule.forRoot({ config: { url: url() }, readyLog: false })]);
    await (app as TestApp).post('/llm/call', acme);
    expect(await keys()).toHaveLength(1);
    expect((app as TestApp).log.of('Counting in Redis 127.0.0.1:')).toHaveLength(1);
  });

  it('is the named namespace of nestjs-redis, global or not', async () => {
    const module = RedisModule.forRoot({ config: { namespace: 'counters', url: url() }, readyLog: false }, false);
    await start({ redis: { namespace: 'counters' } }, [module]);
    await (app as TestApp).post('/llm/call', acme);
    expect(await keys()).toHaveLength(1);
  });

  it.each(['redis://:kept-secret@redis.invalid:6379', 'default:kept-secret@redis.invalid'])(
    'shows no password of a client whose host is %s',
    async (host) => {
      const client = new Redis({ host, lazyConnect: true });
      await start({ redis: client });
      await (app as TestApp).post('/llm/call', acme);
      await until(() => (app as TestApp).log.of(' is away ').length === 1);
      expect((app as TestApp).log.of('Redis (an address) is away (getaddrinfo')).toHaveLength(1);
      expect((app as TestApp).log.lines.join()).not.toContain('kept-secret');
    },
  );

  it.each([7, null, undefined])('is a client that has %p as its namespace property', async (namespace) => {
    const client = Object.assign(new Redis(url(), { lazyConnect: true }), { namespace });
    await start({ redis: client });
    await (app as TestApp).post('/llm/call', acme);
    expect(await keys()).toHaveLength(1);
  });

  it('stops the boot if that namespace does not exist, and names what to install', async () => {
    await expect(start({ redis: { namespace: 'counters' } })).rejects.toThrow(
      /redis.namespace is 'counters'.* install @liaoliaots\/nestjs-redis/,
    );
    const imports = [RedisModule.forRoot({ config: { url: url(), lazyConnect: true }, readyLog: false })];
    await expect(start({ redis: { namespace: 'counters' } }, imports)).rejects.toThrow(/redis.namespace is 'counters'/);
  });

  it("is separate, with the client's prefix and database, and does not use the client", async () => {
    const client = new Redis(url(), { keyPrefix: 'app:', db: 3 });
    await start({ redis: client });
    await (app as TestApp).post('/llm/call', acme);
    await client.set(redis.keyPrefix, 'mine');
    expect(await countersIn(client, `app:${redis.keyPrefix}`)).toHaveLength(1);
    expect((app as TestApp).log.of(' db 3;')).toHaveLength(1);
    await (app as TestApp).close();
    expect([client.status, await client.get(redis.keyPrefix)]).toEqual(['ready', 'mine']);
    expect((client as unknown as Record<string, unknown>).rateMonitorPublish).toBeUndefined();
    await client.quit();
  });

  it('is closed at shutdown, after pending counts are published', async () => {
    const server = await RedisServer.start();
    const client = new Redis(server.url);
    await start({ redis: client, counting: 'background', flushIntervalMs: 60_000 });
    for (let i = 0; i < 3; i++) await (app as TestApp).post('/llm/call', acme);
    expect(await countersIn(client)).toEqual([]);
    await (app as TestApp).close();
    const [key] = (await countersIn(client)) as [string];
    expect(await client.hget(key, 'total')).toBe('3');
    expect((await client.client('LIST')) as string).not.toMatch(/id=.*\n.*id=/);
    await client.quit();
    await server.kill();
  });

  it.each(['onModuleInit', 'onApplicationBootstrap'])(
    'is closed by app.close() if the %s of another provider fails',
    async (hook) => {
      const server = await RedisServer.start();
      const client = new Redis(server.url);
      const isOpen = async (): Promise<boolean> =>
        String(await client.client('LIST'))
          .trim()
          .includes('\n');
      const provider = { provide: 'BAD', useValue: { [hook]: () => Promise.reject(new Error('not today')) } };
      let failed: INestApplication | undefined;
      const boot = startApp({
        metadata: { providers: [provider] },
        options: { redis: client },
        prepare: (created) => void (failed = created),
      });
      await expect(boot).rejects.toThrow('not today');
      expect(await isOpen()).toBe(true);
      await failed?.close();
      await until(async () => !(await isOpen()));
      client.disconnect();
      await server.kill();
    },
  );

  it('is awaited at boot, so that the first request is counted', async () => {
    await start({ redis: redis.client });
    const counter = (app as TestApp).app.get(RateCounterService);
    expect(await counter.increment('llm_call', 'proj_1')).toBe(1);
    expect(await keys()).toHaveLength(1);
  });

  it('does not keep an app from starting without Redis, and publishes once Redis is there', async () => {
    const server = await RedisServer.start();
    await server.kill();
    const client = new Redis(server.url, { lazyConnect: true });
    // Redis is started only after the app.
    await start({ redis: client });
    await until(() => (app as TestApp).log.of('is away (').length === 1);
    for (let i = 0; i < 3; i++) expect((await (app as TestApp).post('/llm/call', acme)).status).toBe(201);

    await server.restart();
    const reader = new Redis(server.url);
    await until(async () => (await countersIn(reader)).length === 1);
    const [key] = (await countersIn(reader)) as [string];
    expect(await reader.hget(key, 'total')).toBe('3');
    await until(() => (app as TestApp).log.of('is back after').length === 1);
    await reader.quit();
    client.disconnect();
    await server.kill();
  });

  it('is reported as away in one line, even after more than a minute', async () => {
    const server = await RedisServer.start();
    const client = new Redis(server.url, { lazyConnect: true });
    await start({ redis: client, contributor: () => 'dana' });
    await server.kill();
    await until(() => (app as TestApp).log.of('is away (').length === 1);
    // What runs once a second fails now, and more than a minute later.
    await passes();
    const { now } = performance;
    const later = jest.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + 90_000);
    await passes();
    later.mockRestore();
    expect((app as TestApp).log.of('for a minute')).toEqual([]);
    client.disconnect();
    await server.kill();
  });

  it('is not blamed if our keys hold something else: after a minute the log names them and the remedy', async () => {
    const { client, keyPrefix } = redis;
    const incidents = `${keyPrefix}:{alerts}:v2:incidents:api:test`;
    const about = `${keyPrefix}:usage:{LLM_CALL}:about`;
    for (const key of [incidents, about]) await client.set(key, 'not ours');
    const { log, post } = await start({ redis: client, service: 'api', environment: 'test' });
    await post('/llm/call', acme);
    await passes();
    const { now } = performance;
    const later = jest.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + 90_000);
    await until(() => log.of('for a minute').length === 2);
    later.mockRestore();
    const remedy = 'Set a keyPrefix that nothing else uses, or delete what is of the wrong type: DEL';
    expect(log.of('for a minute').sort()).toEqual([
      expect.stringMatching(
        new RegExp(`Incidents have .* \\(WRONGTYPE .*\\. ${remedy} ${incidents}, DEL ${incidents}:due\\)$`),
      ),
      expect.stringMatching(new RegExp(`Usage records have .* \\(WRONGTYPE .*\\. ${remedy} ${about}\\)$`)),
    ]);
  });

  it('is reported as back even if nothing is left to publish', async () => {
    const server = await RedisServer.start();
    const client = new Redis(server.url, { lazyConnect: true });
    const windowMs = 1_000;
    const categories = { ...calmCategories(), llm_call: { threshold: 15, windowMs } };
    await start({ redis: client, categories });
    await server.kill();
    await (app as TestApp).post('/llm/call', acme);
    await until(() => (app as TestApp).log.of('is away (').length === 1);
    // Redis's clock is used here and cannot be moved: the window ends, and so does the last attempt to publish it.
    await new Promise((resolve) => setTimeout(resolve, 2 * windowMs + 1_500));
    await server.restart();
    await until(() => (app as TestApp).log.of('is back after').length === 1);
    expect((app as TestApp).log.of('1 counted request was never published')).toHaveLength(1);
    client.disconnect();
    await server.kill();
  });

  it('shows no password, in the log or in an error', async () => {
    const server = await RedisServer.start('--requirepass', 'hunter2');
    const client = new Redis(server.port, '127.0.0.1', { password: 'wrong-hunter3' });
    client.on('error', () => undefined);
    await start({ redis: client });
    await (app as TestApp).post('/llm/call', acme);
    await until(() => (app as TestApp).log.of('is away').length === 1);
    expect((app as TestApp).log.lines.join('\n')).not.toMatch(/hunter/);
    client.disconnect();
    await server.kill();
  });

  describe('may be a store of your own', () => {
    const mine = (publish: CounterStore['publish']) => ({
      name: 'mine',
      publish,
      read: () => Promise.reject(new Error('no')),
    });

    it.each([
      ['no level to announce', { announce: undefined }],
      ['true for it', { announce: true }],
      ['no announced level', { announced: undefined }],
      ['text for earlier parts', { earlier: '1' }],
    ])('whose answers have %s: that is logged, and this instance alerts alone', async (_what, wrong) => {
      const publish: CounterStore['publish'] = (totals) =>
        Promise.resolve(totals.map(({ total }) => ({ count: total, announced: 0, announce: 0, ...(wrong as object) })));
      await start({ store: mine(publish), keyPrefix: undefined });
      for (let i = 0; i < 16; i++) await (app as TestApp).post('/llm/call', acme);
      await until(() => (app as TestApp).alerts.length > 0);
      expect((app as TestApp).alerts[0]).toMatchObject({ countedBy: 'instance' });
      expect((app as TestApp).log.of('A counter of llm_call was refused (odd answer: the ')).toHaveLength(1);
    });

    it.each([
      ['texts', ['3']],
      ['too few', []],
      ['nothing', undefined],
    ])('whose read() returns %s: that is logged once, and the local count is used', async (_what, counts) => {
      const publish: CounterStore['publish'] = (totals) =>
        Promise.resolve(totals.map(({ total }) => ({ count: total, announced: 0, announce: 0 })));
      const store = { ...mine(publish), read: () => Promise.resolve(counts as never) };
      await start({ store, keyPrefix: undefined });
      await (app as TestApp).post('/llm/call', acme);
      for (let i = 0; i < 2; i++)
        expect(await (app as TestApp).app.get(RateCounterService).read('llm_call', 'proj_1')).toBe(1);
      const line = 'mine gave an odd answer: read() must resolve to one number for each key';
      expect((app as TestApp).log.of(line)).toHaveLength(1);
    });

    it('whose clock returns seconds: that is logged', async () => {
      const time = () => Promise.resolve(Date.now() / 1_000);
      await start({ store: { ...mine(() => Promise.resolve([])), time }, keyPrefix: undefined });
      await until(() => (app as TestApp).log.of('The clock of mine is').length > 0);
      expect((app as TestApp).log.of('days behind that of this process, and windows follow it')).toHaveLength(1);
    });

    it.each([
      ['answers too little', () => Promise.resolve([])],
      ['answers nonsense', () => Promise.resolve('yes' as never)],
      ['rejects', () => Promise.reject(new Error('no'))],
      ['throws', () => JSON.parse('{') as never],
      ['never answers', () => new Promise<never>(() => undefined)],
    ])(
      'which does no harm if it %s: it is retried less and less often, and not after the shutdown',
      async (_how, answer) => {
        const published: number[] = [];
        await start({
          store: mine(() => {
            published.push(performance.now());
            return answer();
          }),
          keyPrefix: undefined,
        });
        expect((await (app as TestApp).post('/llm/call', acme)).status).toBe(201);
        expect((app as TestApp).log.of('Counting in mine;')).toHaveLength(1);
        expect(await (app as TestApp).app.get(RateCounterService).read('llm_call', 'proj_1')).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 200));
        // A busy machine makes it later, never earlier.
        const [first = 0, , , , , sixth = Infinity] = published;
        expect(sixth - first).toBeGreaterThan(200);
        await (app as TestApp).close();
        expect((app as TestApp).log.of('1 counted request was never published')).toHaveLength(1);
        const atTheEnd = published.length;
        await new Promise((resolve) => setTimeout(resolve, 500));
        expect(published).toHaveLength(atTheEnd);
      },
    );

    it.each([
      ['rejects', () => Promise.reject(new Error('no'))],
      ['throws', () => JSON.parse('{') as never],
      ['never answers', () => new Promise<never>(() => undefined)],
    ])('whose close() %s, without keeping the app from ending', async (_how, close) => {
      await start({ store: { ...mine(() => Promise.resolve([])), close }, keyPrefix: undefined });
      expect(await endsWithin((app as TestApp).close(), 3_000)).toBe(true);
      expect((app as TestApp).log.of('mine could not be closed')).toHaveLength(1);
      app = undefined;
    });
  });
});
