import { Controller, Post } from '@nestjs/common';

import { Redis } from 'ioredis';

import { MonitorRate, RateCounterService } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { calmCategories, calmWindowMs } from '../support/calm-window.js';
import { RedisServer } from '../support/redis-server.js';
import { sharedRedis } from '../support/redis.js';
import { endsWithin, until } from '../support/until.js';

@Controller()
class BusyController {
  @Post('busy')
  @MonitorRate('llm_call')
  busy(): void {
    const end = performance.now() + 15;
    while (performance.now() < end);
  }
}

describe('what is not the fault of Redis', () => {
  let app: TestApp;
  let redis: ReturnType<typeof sharedRedis>;

  beforeEach(() => (redis = sharedRedis()));
  afterEach(async () => {
    await app.close();
    redis.client.disconnect();
  });

  it.each(['await', 'auto'] as const)('a busy event loop is not blamed on it, in %s', async (counting) => {
    const { keyPrefix, client } = redis;
    const options = { counting, redis: client, keyPrefix, waitAtMostMs: 100, categories: calmCategories() };
    app = await startApp({
      options: { ...options, tenant: () => 'acme' },
      metadata: { controllers: [BusyController] },
    });
    const [clients, each] = [20, 3];
    const statuses = await Promise.all(
      Array.from({ length: clients }, async () => {
        const own: number[] = [];
        for (let i = 0; i < each; i++) own.push((await app.post('/busy')).status);
        return own;
      }),
    );
    expect(statuses.flat()).toEqual(Array(clients * each).fill(201));
    expect([...app.log.of(' is away '), ...app.log.of('too slowly')]).toEqual([]);
    expect(await app.app.get(RateCounterService).read('llm_call', 'acme')).toBe(clients * each);
    expect(app.alerts).toHaveLength(1);
  });

  it('nor is an event loop that is blocked until the client drops answers that have arrived', async () => {
    const { keyPrefix, client } = redis;
    app = await startApp({ options: { redis: client, keyPrefix, categories: calmCategories() } });
    const counter = app.app.get(RateCounterService);
    const hold = (): void => {
      const end = performance.now() + 1_700;
      while (performance.now() < end);
    };
    // With requests, and without, when the store is only asked for its time.
    for (const [command, ask] of [
      ['evalsha', () => void counter.increment('llm_call', 'acme')],
      ['time', () => undefined],
    ] as const) {
      const sent = jest.spyOn(Redis.prototype, 'sendCommand');
      const send = sent.getMockImplementation() as Redis['sendCommand'];
      const held = new Promise<void>((resolve) => {
        sent.mockImplementation(function (this: Redis, ...args) {
          if (args[0].name === command) {
            sent.mockRestore();
            process.nextTick(() => resolve(hold()));
          }
          return send.apply(this, args);
        });
      });
      ask();
      await held;
      // The line about a store that is away waits for 250 ms.
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    expect([...app.log.of(' is away '), ...app.log.of(' is back ')]).toEqual([]);
    expect(await counter.read('llm_call', 'acme')).toBe(1);
  });

  it('a local clock that jumps an hour, back or forth, moves no window', async () => {
    const hour = 3_600_000;
    let jumpedMs = 0;
    const clock = { now: () => Date.now() + jumpedMs, monotonic: () => performance.now() };
    const windowMs = calmWindowMs();
    const categories = { llm_call: { threshold: 3, windowMs } };
    app = await startApp({ clock, options: { redis: redis.client, keyPrefix: redis.keyPrefix, categories } });
    const counter = app.app.get(RateCounterService);
    const windowStart = new Date(Math.floor(Date.now() / windowMs) * windowMs);
    await counter.increment('llm_call', 'acme');
    for (jumpedMs of [hour, -hour]) {
      await counter.increment('llm_call', 'acme');
      // By then it has noticed, and asked Redis for its time once more.
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      await counter.increment('llm_call', 'other');
    }
    expect(app.alerts).toEqual([]);
    expect(await counter.increment('llm_call', 'acme')).toBe(4);
    await until(() => app.alerts.length === 1);
    expect(app.alerts[0]).toMatchObject({ tenant: { id: 'acme' }, count: 4, windowStart });
  });

  it('a flood in a category of long windows hides nobody in another, and does not fill Redis', async () => {
    const maxTrackedTenants = 2_000;
    const { client, keyPrefix } = redis;
    const categories = {
      exports: { windows: [{ period: 'month' as const, threshold: 100 }] },
      llm_call: { threshold: 15, windowMs: calmWindowMs() },
    };
    app = await startApp({ options: { redis: client, keyPrefix, categories, maxTrackedTenants } });
    const counter = app.app.get(RateCounterService);
    await counter.increment('exports', 'before', 7);
    let id = 0;
    // 5,000 a second.
    const flood = setInterval(() => {
      for (let i = 0; i < 50; i++) void counter.increment('exports', `invented_${id++}`);
    }, 10);
    let counted = 0;
    const end = performance.now() + 2_000;
    // A busy machine floods more slowly.
    while (performance.now() < end || id <= 2 * maxTrackedTenants || counted <= 15) {
      await counter.increment('llm_call', 'acme');
      expect(await counter.read('llm_call', 'acme')).toBe(++counted);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    clearInterval(flood);
    expect(app.alerts).toMatchObject([{ category: 'llm_call', tenant: { id: 'acme' }, count: 16, countedBy: 'all' }]);
    expect(await counter.read('exports', 'before')).toBe(7);
    expect(app.log.of('2000 tenants are tracked in exports')).toHaveLength(1);
    await app.close();
    const lost = /: ([\d,]+) requests were not counted in exports/.exec(app.log.of('not counted in exports')[0] ?? '');
    const keys = (await client.keys(`${keyPrefix}:{exports:*}:month:*`)).length;
    expect(keys).toBeLessThanOrEqual(maxTrackedTenants);
    expect(keys + Number(lost?.[1]?.replaceAll(',', ''))).toBe(id + 1);
  });

  it('counters that Redis evicts for lack of memory are restored, with complete sums and no second alert', async () => {
    const server = await RedisServer.start('--maxmemory', '6mb', '--maxmemory-policy', 'allkeys-lru');
    const client = new Redis(server.url);
    try {
      app = await startApp({ options: { redis: client, keyPrefix: 'full', categories: calmCategories() } });
      const counter = app.app.get(RateCounterService);
      await counter.increment('llm_call', 'over', 16);
      await counter.increment('llm_call', 'near', 12);
      await until(() => app.alerts.length === 1);
      // The announcement is in Redis, and known here.
      await new Promise((resolve) => setTimeout(resolve, 600));
      const left = (): Promise<string[]> => client.keys('full:{llm_call:*}:*');
      expect(await left()).toHaveLength(2);
      for (let i = 0; (await left()).length > 0; i++) await client.set(`of the app ${i}`, 'x'.repeat(20_000));
      // One tenant is counted again; the other is restored with it, without a request.
      await counter.increment('llm_call', 'over', 1);
      const sums = async (): Promise<(string | null)[]> =>
        Promise.all((await left()).sort().map((key) => client.hget(key, 'total')));
      await until(async () => String(await sums()) === '12,17');
      await counter.increment('llm_call', 'near', 4);
      await until(() => app.alerts.length === 2);
      await new Promise((resolve) => setTimeout(resolve, 1_800));
      expect(app.alerts).toMatchObject([
        { tenant: { id: 'over' }, count: 16 },
        { tenant: { id: 'near' }, count: 16 },
      ]);
      expect(app.log.of('has lost counters')).toHaveLength(1);
    } finally {
      client.disconnect();
      await server.kill();
    }
  });

  it.each<[what: string, taken: string[], returned: string[]]>([
    ['its keys', ['resetkeys', '~other:*'], ['~blip:*']],
    ['the script', ['-eval', '-evalsha'], ['+@all']],
    ['a command of the script', ['-hset'], ['+@all']],
  ])(
    'a right that is revoked and granted again causes one log line and one alert, and no count is lost: %s',
    async (_, taken, returned) => {
      const server = await RedisServer.start();
      const admin = new Redis(server.url);
      const setUser = (...rules: string[]): Promise<unknown> => admin.call('ACL', 'SETUSER', 'counts', ...rules);
      await setUser('on', '>password', '~blip:*', '+@all');
      const client = new Redis({ port: server.port, username: 'counts', password: 'password', lazyConnect: true });
      const options = { keyPrefix: 'blip', categories: calmCategories() };
      const other = await startApp({ options: { ...options, redis: admin } });
      try {
        app = await startApp({ options: { ...options, redis: client } });
        const [counter, theirs] = [app, other].map((each) => each.app.get(RateCounterService)) as [
          RateCounterService,
          RateCounterService,
        ];
        await Promise.all([counter.increment('evaluations', 'acme', 2), counter.increment('llm_call', 'calm')]);
        await setUser(...taken);
        for (let i = 0; i < 40; i++) {
          expect(await counter.increment('evaluations', 'acme')).toBe(3 + i);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        expect(app.alerts).toMatchObject([{ tenant: { id: 'acme' }, count: 4, countedBy: 'instance' }]);
        // Each refusal is in this log, by the key if it was a key that was refused.
        const log = (await admin.call('ACL', 'LOG')) as string[][];
        const refusals = log.map(
          (entry) => new Map(entry.flatMap((name, at) => (at % 2 ? [] : [[name, entry[at + 1]]]))),
        );
        const ofCounter = refusals.filter((entry) => String(entry.get('object')).startsWith('blip:{evaluations:acme}'));
        if (taken[0] === 'resetkeys') expect(ofCounter.map((entry) => Number(entry.get('count')))).toEqual([1]);
        await setUser(...returned);
        const sum = (): Promise<number> => theirs.read('evaluations', 'acme');
        expect(
          await endsWithin(
            until(async () => (await sum()) === 42),
            6_000,
          ),
        ).toBe(true);
        expect(await theirs.increment('evaluations', 'acme')).toBe(43);
        await counter.increment('evaluations', 'acme');
        expect(
          await endsWithin(
            until(async () => (await sum()) === 44),
            2_000,
          ),
        ).toBe(true);
        expect(await counter.read('llm_call', 'calm')).toBe(1);
        expect([app.alerts.length, other.alerts.length]).toEqual([1, 0]);
        const lines = [...app.log.of('was refused'), ...app.log.of(' is away ')];
        expect(lines).toEqual([
          expect.stringMatching(
            /^error .*A counter of evaluations was refused \(.*Grant its user the rights that the docs list/,
          ),
        ]);
      } finally {
        await other.close();
        client.disconnect();
        admin.disconnect();
        await server.kill();
      }
    },
  );
});
