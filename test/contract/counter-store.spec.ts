import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { inspect } from 'node:util';

import { Redis } from 'ioredis';

import {
  MemoryCounterStore,
  RedisCounterStore,
  type Counted,
  type CounterKey,
  type CounterStore,
  type OwnTotal,
} from '../../src/index.js';
import type { WindowSpan } from '../../src/model/window.js';
import { levelsOf, NO_LEVELS } from '../../src/threshold/levels.js';
import { plus } from '../../src/util/plus.js';
import { RedisServer } from '../support/redis-server.js';
import { sharedRedis } from '../support/redis.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

/** The time of publishes that are not late. */
const NOW = Date.now() + 600_000;
const STEPS = [
  { at: 1, severity: 'warning' as const },
  { at: 5, severity: 'critical' as const },
];

function span(number: number): WindowSpan {
  return { key: String(number), start: number * 60_000, end: (number + 1) * 60_000 };
}

function ownTotal(given: Partial<OwnTotal>): OwnTotal {
  return {
    category: 'llm_call',
    tenant: 'p1',
    window: span(7),
    instance: 'a',
    total: 0,
    sent: 0,
    others: 0,
    levels: NO_LEVELS,
    announced: 0,
    keepMs: 120_000,
    ...given,
  };
}

interface Subject {
  store: CounterStore;
  close(): Promise<void>;
}

const subjects: Record<string, () => Promise<Subject>> = {
  memory: () => Promise.resolve({ store: new MemoryCounterStore(), close: () => Promise.resolve() }),
  redis: async () => {
    const { client, keyPrefix } = sharedRedis();
    const store = new RedisCounterStore(client, keyPrefix);
    await new Promise<void>((resolve) => store.open(resolve));
    return {
      store,
      close: async () => {
        await store.close();
        client.disconnect();
      },
    };
  },
};

describe.each(Object.keys(subjects))('the %s store', (name) => {
  let subject: Subject;
  let key: CounterKey;

  beforeAll(async () => (subject = await (subjects[name] as () => Promise<Subject>)()));
  afterAll(() => subject.close());
  beforeEach(() => (key = { category: 'llm_call', tenant: randomUUID(), window: span(7) }));

  const publish = async (
    instance: string,
    total: number,
    more: Partial<OwnTotal> = {},
    now = NOW,
  ): Promise<Counted> => {
    const [answer] = await subject.store.publish([ownTotal({ ...key, instance, total, ...more })], now);
    return answer as Counted;
  };
  const read = async (of: CounterKey = key): Promise<number> => (await subject.store.read([of]))[0] as number;

  it('sums the totals of all instances', async () => {
    expect((await publish('a', 3)).count).toBe(3);
    expect((await publish('b', 4)).count).toBe(7);
    expect((await publish('a', 5)).count).toBe(9);
    expect(await read()).toBe(9);
  });

  it('counts a total once if it comes twice, late or out of order', async () => {
    await publish('a', 5);
    await publish('a', 5);
    expect((await publish('a', 2)).count).toBe(5);
    expect(await read()).toBe(5);
  });

  it('keeps fractions and large numbers exact', async () => {
    expect((await publish('a', 0.5)).count).toBe(0.5);
    expect((await publish('b', 2 ** 50)).count).toBe(2 ** 50 + 0.5);
  });

  it('has no count before the first publish', async () => {
    expect(await read()).toBe(0);
  });

  it('tells tenants, categories and windows apart', async () => {
    await publish('a', 1);
    await publish('a', 2, { tenant: `${key.tenant}-2` });
    await publish('a', 3, { category: 'evaluations' });
    await publish('a', 4, { window: span(8) });
    expect(await read()).toBe(1);
    expect(await read({ ...key, tenant: `${key.tenant}-2` })).toBe(2);
    expect(await read({ ...key, category: 'evaluations' })).toBe(3);
    expect(await read({ ...key, window: span(8) })).toBe(4);
  });

  it('answers many totals in the order in which they were sent', async () => {
    const categories = ['llm_call', 'evaluations'];
    const totals = Array.from({ length: 50 }, (_, i) =>
      ownTotal({ ...key, tenant: `${key.tenant}-${i}`, category: categories[i % 2], total: i }),
    );
    const answers = (await subject.store.publish(totals, NOW)) as Counted[];
    expect(answers.map(({ count }) => count)).toEqual(totals.map(({ total }) => total));
  });

  describe('announcing', () => {
    const levels = levelsOf(3, STEPS);

    it('gives the level out above the threshold, not at it, and to one instance only', async () => {
      expect((await publish('a', 3, { levels })).announce).toBe(0);
      expect(await publish('b', 1, { levels })).toEqual({ count: 4, announced: 0, announce: 1 });
      expect(await publish('a', 4, { levels })).toEqual({ count: 5, announced: 0, announce: 0 });
    });

    it('repeats its answer to an instance until that one confirms: the reply may have been lost', async () => {
      await publish('a', 4, { levels });
      expect((await publish('a', 4, { levels })).announce).toBe(1);
      expect((await publish('a', 5, { levels })).announce).toBe(1);
      expect((await publish('a', 6, { levels, announced: 1 })).announce).toBe(0);
    });

    it('gives each level once, and the highest of those crossed at once', async () => {
      expect((await publish('a', 4, { levels })).announce).toBe(1);
      expect(await publish('b', 20, { levels })).toEqual({ count: 24, announced: 0, announce: 5 });
      expect((await publish('c', 20, { levels })).announce).toBe(0);
    });

    it('keeps a level for its instance while another instance gets the next level', async () => {
      await publish('a', 4, { levels });
      await publish('b', 20, { levels });
      expect(await publish('a', 4, { levels })).toEqual({ count: 24, announced: 0, announce: 1 });
    });

    it('reports a level to the others once its instance has confirmed the announcement', async () => {
      await publish('a', 4, { levels });
      expect((await publish('b', 1, { levels })).announced).toBe(0);
      expect((await publish('a', 4, { levels, announced: 1 })).announced).toBe(1);
      expect((await publish('b', 1, { levels })).announced).toBe(1);
    });

    it('accepts an announcement that an instance made alone, and gives that level to no other', async () => {
      expect(await publish('a', 4, { levels, announced: 1 })).toEqual({ count: 4, announced: 1, announce: 0 });
      expect(await publish('b', 4, { levels })).toEqual({ count: 8, announced: 1, announce: 0 });
    });

    it('does not give out a level that an instance has announced on its own', async () => {
      expect((await publish('b', 6, { levels })).announce).toBe(1);
      await publish('a', 4, { levels, announced: 1 });
      expect(await publish('b', 7, { levels })).toEqual({ count: 11, announced: 1, announce: 0 });
      expect((await publish('b', 13, { levels, announced: 1 })).announce).toBe(5);
    });

    it('alerts on the first request where the threshold is 0', async () => {
      expect((await publish('a', 1, { levels: levelsOf(0, STEPS.slice(0, 1)) })).announce).toBe(1);
    });

    it('gives a level to one of many instances that ask at the same time', async () => {
      const asked = await Promise.all(Array.from({ length: 20 }, (_, i) => publish(`i${i}`, 1, { levels })));
      expect(asked.filter(({ announce }) => announce === 1)).toHaveLength(1);
      expect(await read()).toBe(20);
    });
    it('gives a level to another instance if it was not confirmed for 5 s', async () => {
      expect((await publish('a', 4, { levels })).announce).toBe(1);
      expect((await publish('b', 1, { levels }, NOW + 4_999)).announce).toBe(0);
      expect(await publish('b', 1, { levels }, NOW + 5_000)).toMatchObject({ announce: 1, takenOver: true });
      expect((await publish('b', 1, { levels }, NOW + 5_000)).takenOver).toBeUndefined();
      expect((await publish('a', 4, { levels }, NOW + 5_001)).announce).toBe(0);
      expect((await publish('b', 1, { levels, announced: 1 }, NOW + 5_002)).announce).toBe(0);
      expect((await publish('a', 4, { levels }, NOW + 60_000)).announce).toBe(0);
    });

    it('counts the 5 s of a level from the request for it, even if a publish arrives a minute late', async () => {
      // Its sender has given up on this one, and asks again.
      expect((await publish('a', 4, { levels }, NOW - 60_000)).announce).toBe(1);
      expect((await publish('a', 4, { levels }, NOW)).announce).toBe(1);
      expect((await publish('b', 1, { levels }, NOW + 10)).announce).toBe(0);
      expect((await publish('b', 1, { levels }, NOW + 5_000)).announce).toBe(1);
    });

    it('identifies a level by its value, for any list of levels', async () => {
      const longer = levelsOf(3, [{ at: 0.5, severity: 'info' }, ...STEPS]);
      expect((await publish('a', 4, { levels })).announce).toBe(1);
      expect(await publish('b', 1, { levels: longer, announced: 0 })).toMatchObject({ announced: 0, announce: 0 });
      await publish('a', 4, { levels, announced: 1 });
      expect(await publish('b', 12, { levels: longer })).toMatchObject({ announced: 1, announce: 5 });
      expect(await publish('a', 5, { levels })).toMatchObject({ announced: 1, announce: 0 });
    });

    it('treats a threshold of Infinity as one that no count exceeds', async () => {
      expect((await publish('a', 1e9, { levels: levelsOf(Infinity, STEPS) })).announce).toBe(0);
    });
  });

  describe('a counter that was lost', () => {
    it('starts with the counts of the other instances, and counts none of them twice', async () => {
      expect(await publish('a', 5, { sent: 3, others: 7 })).toEqual({
        count: 12,
        announced: 0,
        announce: 0,
        lost: true,
      });
      expect((await publish('b', 6, { sent: 4, others: 5 })).count).toBe(14);
      expect((await publish('c', 3, { sent: 3, others: 9 })).count).toBe(14);
      expect((await publish('b', 7, { sent: 6, others: 8 })).count).toBe(15);
    });

    it('has what the best-informed instance knew, however late that one returns, and counts none of it twice', async () => {
      // Of 20, an instance that is gone had counted 9; b heard of 2 of them, c of all, d of none.
      expect((await publish('b', 4, { sent: 4, others: 2 })).count).toBe(6);
      expect(await publish('c', 3, { sent: 3, others: 17 })).toMatchObject({ count: 20, lost: true });
      expect((await publish('d', 4, { sent: 4 })).count).toBe(20);
      expect((await publish('d', 6, { sent: 4 })).count).toBe(22);
      expect((await publish('b', 5, { sent: 4, others: 16 })).count).toBe(23);
      // A new instance knows no more than the store.
      expect((await publish('e', 2, { sent: 0 })).count).toBe(25);
      expect((await publish('c', 4, { sent: 3, others: 17 })).count).toBe(26);
    });

    it('never falls below the stored sum', async () => {
      await publish('a', 5, { sent: 3, others: 1 });
      expect((await publish('b', 6, { sent: 6 })).count).toBe(11);
    });

    it('counts nothing twice from a publish that is older than the restored counter', async () => {
      await publish('a', 5, { sent: 5, others: 7 });
      // The first publish of an instance whose 7 the others know already arrives again, late.
      expect((await publish('b', 7, { sent: 0 }, NOW - 1_200_000)).count).toBe(12);
    });

    it('is not reported as lost to an instance that publishes for the first time', async () => {
      expect(await publish('a', 5)).not.toHaveProperty('lost');
      expect(await publish('b', 5)).not.toHaveProperty('lost');
    });
  });

  describe('a sliding window', () => {
    const levels = levelsOf(3, STEPS);
    const earlier = [span(6), span(5)];

    it('adds its earlier parts', async () => {
      await publish('a', 2, { window: span(5) });
      await publish('a', 1, { window: span(6) });
      expect(await publish('a', 1, { earlier, levels })).toEqual({ count: 1, earlier: 3, announced: 0, announce: 1 });
    });

    it('is announced once while the part that crossed the level still counts', async () => {
      expect((await publish('a', 4, { window: span(6), levels, earlier: [span(5), span(4)] })).announce).toBe(1);
      expect((await publish('b', 1, { earlier, levels })).announce).toBe(0);
      await publish('a', 4, { window: span(6), levels, announced: 1, earlier: [span(5), span(4)] });
      expect(await publish('b', 1, { earlier, levels }, NOW + 6_000)).toMatchObject({ announced: 1, announce: 0 });
      expect((await publish('b', 4, { window: span(9), earlier: [span(8), span(7)], levels })).announce).toBe(1);
    });
  });

  it('keeps sums of fractions free of rounding errors', async () => {
    let total = 0;
    for (let i = 0; i < 100; i++) total = plus(total, 0.07);
    expect(total).toBe(7);
    const levels = levelsOf(7, STEPS);
    expect((await publish('a', total, { levels })).announce).toBe(0);
    await publish('b', 0.1, { tenant: `${key.tenant}-2` });
    await publish('c', 0.2, { tenant: `${key.tenant}-2` });
    expect(await read({ ...key, tenant: `${key.tenant}-2` })).toBe(0.3);
    expect((await publish('a', plus(total, 0.07), { levels })).announce).toBe(1);
  });
});

describe('the redis store alone', () => {
  let redis: { client: Redis; keyPrefix: string };
  let store: RedisCounterStore;
  const at = (number: number): WindowSpan => ({ key: String(number), start: number * 200, end: (number + 1) * 200 });
  const total = ownTotal({
    category: 'llm_call',
    tenant: 'p1',
    window: at(7),
    keepMs: 60_000,
    total: 1,
    levels: levelsOf(0, STEPS.slice(0, 1)),
  });

  beforeEach(async () => {
    redis = sharedRedis();
    store = new RedisCounterStore(redis.client, redis.keyPrefix);
    await new Promise<void>((resolve) => store.open(resolve));
  });
  afterEach(async () => {
    await store.close();
    await redis.client.quit();
  });

  const keyName = () => `${redis.keyPrefix}:{llm_call:p1}:7`;

  it('sets the expiry with the key: two windows, and never again', async () => {
    const began = performance.now();
    await store.publish([total], NOW);
    const first = await redis.client.pttl(keyName());
    expect(first).toBeGreaterThan(59_990 - (performance.now() - began));
    expect(first).toBeLessThanOrEqual(60_000);
    await redis.client.pexpire(keyName(), 30_000);
    await store.publish([{ ...total, total: 2, sent: 1 }], NOW);
    expect(await redis.client.pttl(keyName())).toBeLessThanOrEqual(30_000);
  });

  it('writes no key for a total of nothing', async () => {
    await store.publish([{ ...total, total: 0 }], NOW);
    expect(await redis.client.exists(keyName())).toBe(0);
  });

  it('continues after the scripts were flushed', async () => {
    await store.publish([total], NOW);
    await redis.client.script('FLUSH');
    expect(await store.publish([{ ...total, total: 2, sent: 1 }], NOW)).toEqual([
      { count: 2, announced: 0, announce: 1 },
    ]);
  });

  it('refuses a key that holds something else, and accepts the others', async () => {
    await redis.client.set(keyName(), 'not ours');
    const [refused, taken] = await store.publish([total, { ...total, window: at(8) }], NOW);
    expect(refused).toEqual({ refused: expect.stringContaining('WRONGTYPE'), ofKey: true });
    expect(taken).toEqual({ count: 1, announced: 0, announce: 1 });
    expect(await redis.client.get(keyName())).toBe('not ours');
  });

  it('reads 0 from a key that holds something else, and the true counts of the others', async () => {
    await redis.client.set(keyName(), 'not ours');
    await store.publish([{ ...total, window: at(8) }], NOW);
    const keys = [7, 8].map((number) => ({ category: 'llm_call', tenant: 'p1', window: at(number) }));
    expect(await store.read(keys)).toEqual([0, 1]);
  });

  it('reports that the connection was lost in its own words, before ioredis notices', async () => {
    await store.publish([total], NOW);
    const { connection } = store as unknown as { connection: { status: string; stream: Socket } };
    connection.stream.end();
    expect(connection.status).toBe('ready');
    expect(await store.publish([{ ...total, total: 2, sent: 1 }], NOW)).toEqual([
      { refused: 'the connection was lost', ofKey: false },
    ]);
  });

  it.each<[reply: unknown]>([
    [null],
    [7],
    [[]],
    [['1', '1', '1']],
    [[null]],
    [['']],
    [[1]],
    [['nan']],
    [['1 x']],
    [['-5']],
    [['Infinity']],
  ])('rejects a reply that the script never gives, such as one of a proxy: %j', async (reply) => {
    const { connection } = store as unknown as { connection: Record<string, unknown> };
    connection.rateMonitorPublish = () => Promise.resolve(reply);
    const refused = expect.stringMatching(/^(odd answer: |BROKEN )-?\w/) as string;
    expect(await store.publish([total], NOW)).toEqual([{ refused, ofKey: true }]);
    // Of several totals, too.
    expect(await store.publish([total, { ...total, window: at(8) }], NOW)).toEqual(
      expect.arrayContaining([{ refused, ofKey: true }]),
    );
  });

  it('opens a new connection if replies no longer match their commands, and uses none of those replies', async () => {
    const proxy = await TcpProxy.start(Number(new URL(process.env.TEST_REDIS_URL as string).port));
    const client = new Redis({ port: proxy.port, lazyConnect: true });
    const behind = new RedisCounterStore(client, redis.keyPrefix);
    const { connection } = behind as unknown as { connection: Redis };
    let ready = 0;
    await new Promise<void>((resolve) => behind.open(() => void (ready++, resolve())));
    await behind.publish([total], NOW);
    const other = { ...total, window: at(8), total: 7 };
    await behind.publish([other], NOW);
    // The reply to this command is lost on the way: those that follow are taken for the replies to earlier ones.
    proxy.loseNext = true;
    const lost = connection.echo('lost').catch(() => undefined);
    await until(() => !proxy.loseNext);
    const wrong = await Promise.all([behind.read([total]), behind.time(), behind.publish([total], NOW)]).catch(
      (error: Error) => error.message,
    );
    expect(wrong).toMatch(/^odd answer: /);
    await until(() => ready === 2);
    await lost;
    expect([await behind.read([total]), await behind.publish([other], NOW)]).toEqual([
      [1],
      [expect.objectContaining({ count: 7 })],
    ]);
    await behind.close();
    client.disconnect();
    await proxy.close();
  });

  it('reports in the same words a connection that is lost before it is ready', async () => {
    const proxy = await TcpProxy.start(Number(new URL(process.env.TEST_REDIS_URL as string).port));
    proxy.silence();
    const client = new Redis({ port: proxy.port, lazyConnect: true });
    const cutOff = new RedisCounterStore(client, redis.keyPrefix);
    const { connection } = cutOff as unknown as { connection: Redis };
    const errors: Error[] = [];
    connection.on('error', (error: Error) => errors.push(error));
    cutOff.open(() => undefined);
    await until(() => connection.status === 'connect' && proxy.opened === 1);
    proxy.hangUp();
    await until(() => errors.length > 0);
    expect(await cutOff.publish([total], NOW)).toEqual([{ refused: 'the connection was lost', ofKey: false }]);
    await cutOff.close();
    client.disconnect();
    await proxy.close();
  });

  it('keeps a hash small and its sum right, however many instances write to it', async () => {
    const long = { ...total, window: { key: 'long', start: 0, end: 86_400_000 }, keepMs: 60_000 };
    for (let i = 0; i < 500; i++) await store.publish([{ ...long, instance: `i${i}`, total: 2 }], NOW);
    const fields = await redis.client.hgetall(`${redis.keyPrefix}:{llm_call:p1}:long`);
    expect([Object.keys(fields).length <= 76, fields.total]).toEqual([true, '1000']);
    // A live instance whose field was folded is counted once.
    expect(await store.publish([{ ...long, instance: 'i3', total: 5, sent: 2 }], NOW)).toEqual([
      expect.objectContaining({ count: 1_003 }),
    ]);
  });

  it.each(
    ['total', 'base', 'self'].flatMap((field) =>
      ['abc', '-5', 'inf', '-inf', 'nan'].map((value) => ({ field, value })),
    ),
  )('holds back a hash whose $field is $value, and accepts the others', async ({ field, value }) => {
    await redis.client.hset(keyName(), { total: 1, [field === 'self' ? `~${total.instance}` : field]: value });
    const [refused, taken] = await store.publish([total, { ...total, window: at(8) }], NOW);
    expect(refused).toEqual({ refused: expect.stringContaining('BROKEN'), ofKey: true });
    expect(taken).toMatchObject({ count: 1 });
  });

  it.each(['told', 'given'].flatMap((field) => ['abc', '-5', 'inf', '-inf', 'nan'].map((value) => ({ field, value }))))(
    'gives a level out even if the $field of a hash, or of an earlier span, is $value',
    async ({ field, value }) => {
      const spoiled = { total: 1, level: 0.5, [field]: value };
      await redis.client.hset(keyName(), spoiled);
      await redis.client.hset(`${redis.keyPrefix}:{llm_call:p1}:9`, spoiled);
      const over = { ...total, levels: levelsOf(1, STEPS), total: 2 };
      const given = expect.objectContaining({ announced: 0, announce: 1 });
      expect(await store.publish([over, { ...over, window: at(10), earlier: [at(9)] }], NOW)).toEqual([given, given]);
      await store.publish([{ ...over, announced: 1 }], NOW);
      expect(await redis.client.hmget(keyName(), 'told', 'given')).toEqual(['1', '1']);
    },
  );

  it.each(['1', undefined])(
    'gives a level out to an instance that alone exceeds it, even if the hash has the sum %s',
    async (sum) => {
      const over = { ...total, levels: levelsOf(3, STEPS), total: 4 };
      await store.publish([{ ...over, levels: NO_LEVELS }], NOW);
      await (sum === undefined ? redis.client.hdel(keyName(), 'total') : redis.client.hset(keyName(), 'total', sum));
      expect(await store.publish([over], NOW)).toEqual([expect.objectContaining({ count: 4, announce: 1 })]);
      expect(await store.publish([{ ...over, total: 5, sent: 4 }], NOW)).toEqual([
        expect.objectContaining({ count: 5 }),
      ]);
      expect(await redis.client.hget(keyName(), 'total')).toBe('5');
    },
  );

  it('accepts the other totals of a call if the user may not write one of them', async () => {
    const [user, allowed] = [`u${Date.now()}`, `${redis.keyPrefix}:{llm_call:p1}:8`];
    await redis.client.call('ACL', 'SETUSER', user, 'on', 'nopass', '+@all', `~${allowed}`);
    const limited = new Redis(process.env.TEST_REDIS_URL as string, { username: user, password: 'any' });
    const other = new RedisCounterStore(limited, redis.keyPrefix);
    await new Promise<void>((resolve) => other.open(resolve));
    const [refused, taken] = await other.publish([total, { ...total, window: at(8) }], NOW);
    expect(refused).toEqual({ refused: expect.stringContaining('NOPERM'), ofKey: true });
    expect(taken).toMatchObject({ count: 1 });
    await other.close();
    limited.disconnect();
    await redis.client.call('ACL', 'DELUSER', user);
  });

  it("returns Redis's time", async () => {
    const [seconds] = await redis.client.time();
    expect(Math.abs((await store.time()) / 1_000 - Number(seconds))).toBeLessThan(5);
  });

  it('shows no part of the command if Redis refuses to return its time', async () => {
    const { connection } = store as unknown as { connection: Record<string, unknown> };
    const command = { name: 'auth', args: ['monitor', 'a-secret-of-ours'] };
    const refused = Object.assign(new Error('WRONGPASS invalid username-password pair'), {
      name: 'ReplyError',
      command,
    });
    connection.time = () => Promise.reject(refused);
    const error: unknown = await store.time().catch((reason: unknown) => reason);
    expect(inspect(error, { depth: null })).toMatch(/WRONGPASS(?![^]*a-secret)/);
  });

  it.each([[null], [7], [[]], [['x', 'y']], [['1']]])('does not accept %j as a time', async (answer) => {
    const { connection } = store as unknown as { connection: Record<string, unknown> };
    connection.time = () => Promise.resolve(answer);
    await expect(store.time()).rejects.toThrow(/^odd answer: .* for the time$/);
  });

  it('sends one command for many totals', async () => {
    // On a separate server: the statistics of the shared one include all tests' commands.
    const server = await RedisServer.start();
    const client = new Redis(server.url);
    const alone = new RedisCounterStore(client, 'test');
    await new Promise<void>((resolve) => alone.open(resolve));
    await alone.publish(
      Array.from({ length: 100 }, (_, window) => ({ ...total, window: at(window) })),
      NOW,
    );
    await alone.publish(
      Array.from({ length: 100 }, (_, window) => ({ ...total, window: at(window), total: 2 })),
      NOW,
    );
    const stats = await client.info('commandstats');
    expect([/cmdstat_eval:calls=1,/.test(stats), /cmdstat_evalsha:calls=1,/.test(stats)]).toEqual([true, true]);
    await alone.close();
    client.disconnect();
    await server.kill();
  });
});
