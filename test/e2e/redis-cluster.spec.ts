import { inspect } from 'node:util';

import { Redis, type Cluster } from 'ioredis';

import { RateCounterService, RedisCounterStore, ThresholdService, UsageService } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { calmCategories } from '../support/calm-window.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { sharedRedis } from '../support/redis.js';
import { until } from '../support/until.js';

const TENANTS = 12;

describe('a Redis Cluster', () => {
  let cluster: RedisCluster;
  const apps: TestApp[] = [];
  const clients: (Redis | Cluster)[] = [];
  const start = async (redis: Redis | Cluster, keyPrefix: string): Promise<TestApp> => {
    const app = await startApp({ options: { redis, keyPrefix, categories: calmCategories() } });
    apps.push(app);
    return app;
  };
  const counterOf = ({ app }: TestApp): RateCounterService => app.get(RateCounterService);
  const clientOf = <T extends Redis | Cluster>(client: T): T => {
    clients.push(client);
    return client;
  };

  beforeAll(async () => (cluster = await RedisCluster.start()));
  afterEach(async () => {
    for (const { app } of apps.splice(0)) await app.close();
    for (const client of clients.splice(0)) client.disconnect();
  });
  afterAll(() => cluster.stop());

  it('reached through a plain client: the keys of that node are counted, the others alone, and the log has the remedy', async () => {
    const plain = (): Redis => clientOf(new Redis({ port: cluster.port, lazyConnect: true }));
    const [one, other] = [await start(plain(), 'plain'), await start(plain(), 'plain')];
    const tenants = Array.from({ length: TENANTS }, (_, i) => `p${i}`);
    // Together: one call for keys of many slots.
    for (const app of [one, other])
      for (let i = 0; i < 3; i++)
        await Promise.all(tenants.map((tenant) => counterOf(app).increment('evaluations', tenant)));
    const alerts = (): string[] =>
      [one, other].flatMap((app) => app.alerts.map(({ tenant, countedBy }) => `${tenant.id} ${countedBy}`));
    const counts = await Promise.all(tenants.map((tenant) => counterOf(other).read('evaluations', tenant)));
    const shared = counts.filter((count) => count === 6).length;
    expect(shared).toBeGreaterThan(0);
    expect(shared).toBeLessThan(TENANTS);
    // Those of other nodes are known by what each instance counted itself.
    expect(counts.filter((count) => count === 3)).toHaveLength(TENANTS - shared);
    expect(alerts().filter((alert) => alert.endsWith('all'))).toHaveLength(shared);
    for (const tenant of tenants) await counterOf(one).increment('evaluations', tenant);
    await until(() => alerts().length === TENANTS);
    // The lines of both are in the log of the app that started last.
    const said = (text: string): string[] => [one, other].flatMap(({ log }) => log.of(text));
    expect(said('its client is not a Cluster client (CROSSSLOT)')).toHaveLength(2);
    const refused = said('A counter of evaluations was refused');
    expect(refused).toHaveLength(2);
    for (const line of refused) {
      expect(line).toMatch(/refused \(MOVED \d+ 127\.0\.0\.1:\d+\).* retries every few seconds\. /);
      expect(line).toMatch(/another node of a Cluster.*: pass an ioredis Cluster as redis$/);
    }
    const lines = [...one.log.lines, ...other.log.lines];
    expect(lines.filter((line) => line.includes(' is away '))).toEqual([]);
  });

  describe('of one shard, reached through a plain client', () => {
    let oneShard: RedisCluster;

    beforeAll(async () => (oneShard = await RedisCluster.start(1)));
    afterAll(() => oneShard.stop());

    it('all is counted, and the log says once which client to pass', async () => {
      const app = await start(clientOf(new Redis({ port: oneShard.port, lazyConnect: true })), 'plain');
      const tenants = Array.from({ length: TENANTS }, (_, i) => `p${i}`);
      for (let i = 0; i < 4; i++)
        await Promise.all(tenants.map((tenant) => counterOf(app).increment('evaluations', tenant)));
      expect(await Promise.all(tenants.map((tenant) => counterOf(app).read('evaluations', tenant)))).toEqual(
        Array<number>(TENANTS).fill(4),
      );
      await until(() => app.alerts.length === TENANTS);
      expect(app.alerts.map(({ countedBy }) => countedBy)).toEqual(Array(TENANTS).fill('all'));
      expect(app.log.of('(CROSSSLOT)')).toEqual([
        expect.stringMatching(
          /^warn .* is a node of a Cluster, but its client is not a Cluster client .* Pass an ioredis Cluster as redis$/,
        ),
      ]);
      expect(app.log.lines.filter((line) => / was refused | is away /.test(line))).toEqual([]);
    });

    it('with {} in its keyPrefix: windows of a tenant in several slots are counted alone, and the log has the remedy', async () => {
      const redis = clientOf(new Redis({ port: oneShard.port, lazyConnect: true, keyPrefix: '{}' }));
      const categories = { evaluations: { threshold: 3, windowMs: 3_600_000, sliding: true } };
      const app = await startApp({ options: { redis, keyPrefix: 'tagged', categories } });
      apps.push(app);
      for (let i = 0; i < 4; i++) await counterOf(app).increment('evaluations', 'acme');
      await until(() => app.alerts.length === 1);
      expect(app.alerts).toEqual([expect.objectContaining({ count: 4, countedBy: 'instance' })]);
      expect(app.log.of('was refused')).toEqual([
        expect.stringMatching(
          /^error RateMonitor: A counter of evaluations was refused \(.*CROSSSLOT.* remove \{\} from the keyPrefix/,
        ),
      ]);
      expect(app.log.lines.filter((line) => line.includes(' is away '))).toEqual([]);
    });
  });

  it.each([{ keyPrefix: '{}' }, { redisOptions: { keyPrefix: 'app{}:' } }])(
    'whose client has {} in its prefix stops the boot: %j',
    async (options) => {
      await expect(start(clientOf(cluster.client(options)), 'tagged')).rejects.toThrow(
        /has the keyPrefix '.*\{\}.*Remove \{\} from it/,
      );
    },
  );

  it.each(['{app}', 'app{', '}{', 'a}{b}{}'])(
    'counts all windows of a tenant behind the prefix %s of its client',
    async (keyPrefix) => {
      const redis = clientOf(cluster.client({ keyPrefix }));
      const categories = { evaluations: { threshold: 3, windowMs: 3_600_000, sliding: true } };
      const app = await startApp({ options: { redis, keyPrefix: 'tagged', categories } });
      apps.push(app);
      expect(await counterOf(app).increment('evaluations', 'acme', 4)).toBe(4);
      await until(() => app.alerts.length === 1);
      expect(app.alerts).toEqual([expect.objectContaining({ count: 4, countedBy: 'all' })]);
      expect(app.log.lines.filter((line) => / was refused | is away |^error /.test(line))).toEqual([]);
    },
  );

  it.each(['Redis', 'Cluster'])(
    '%s: an evicted counter is restored and logged once, without a second alert',
    async (kind) => {
      const redis = kind === 'Cluster' ? clientOf(cluster.client()) : clientOf(sharedRedis().client);
      const [one, other] = [await start(redis, 'evicted'), await start(redis, 'evicted')];
      const tenant = 'acme';
      const count = (app: TestApp, times: number): Promise<void> =>
        Array.from({ length: times }).reduce<Promise<void>>(async (before) => {
          await before;
          await counterOf(app).increment('evaluations', tenant);
        }, Promise.resolve());
      const read = (): Promise<number> => counterOf(other).read('evaluations', tenant);
      await count(one, 2);
      await count(other, 3);
      await until(() => one.alerts.length + other.alerts.length === 1);
      await new Promise((resolve) => setTimeout(resolve, 600));
      const span = Math.floor(Date.now() / calmCategories().evaluations.windowMs);
      const key = `evicted:{evaluations:${tenant}}:${span}`;
      expect(await redis.del(key)).toBe(1);
      await count(one, 1);
      await count(other, 1);
      await until(async () => (await read()) === 7 && (await redis.hget(key, 'total')) === '7');
      // The first instance to return may raise the level again a moment later, unless it was announced.
      await new Promise((resolve) => setTimeout(resolve, 1_800));
      expect(one.alerts.length + other.alerts.length).toBe(1);
      const said = [...new Set([one, other])].map(({ log }) => log.of('has lost counters').length);
      expect(Math.max(...said)).toBeGreaterThan(0);
      expect(said.reduce((sum, lines) => sum + lines, 0)).toBeLessThanOrEqual(2);
    },
  );

  it('keeps thresholds set at run time, on every replica', async () => {
    const redis = clientOf(cluster.client());
    const [one, other] = [await start(redis, 'set'), await start(redis, 'set')];
    const [mine, theirs] = [one.app.get(ThresholdService), other.app.get(ThresholdService)];
    const set = { category: 'evaluations', reason: 'import', by: 'dana' };
    await counterOf(other).increment('evaluations', 'acme', 3);
    await mine.set({ ...set, tenant: 'acme', threshold: 2 });
    await until(() => one.alerts.length + other.alerts.length === 1);
    await mine.set({ ...set, tenant: 'pre*', threshold: 5 });
    await until(async () => (await theirs.list()).length === 2);
    await counterOf(other).increment('evaluations', 'premium', 5);
    await counterOf(other).increment('evaluations', 'free', 4);
    await until(() => one.alerts.length + other.alerts.length === 2);
    expect(await theirs.remove({ ...set, tenant: 'acme' })).toBe(true);
    expect(await mine.list()).toMatchObject([{ tenant: 'pre*', threshold: 5 }]);
    expect((await mine.changes()).map(({ tenant, to }) => [tenant, to])).toEqual([
      ['acme', undefined],
      ['pre*', 5],
      ['acme', 2],
    ]);
  });

  it('with a node that refuses the password: no error shows it', async () => {
    const password = 'a-secret-of-ours';
    await cluster.each((node) => node.call('ACL', 'SETUSER', 'monitor', 'on', `>${password}`, '~*', '&*', '+@all'));
    const client = clientOf(cluster.client({ redisOptions: { username: 'monitor', password } }));
    const app = await start(client, 'refused');
    const own = new RedisCounterStore(client, 'own');
    own.open(() => undefined);
    const admin = clientOf(new Redis({ port: cluster.port }));
    await admin.call('ACL', 'SETUSER', 'monitor', 'resetpass');
    const to = new Date();
    const range = { from: new Date(to.getTime() - 600_000), to };
    const refusals: unknown[] = [];
    const ofOwn: unknown[] = [];
    await until(async () => {
      await admin.call('CLIENT', 'KILL', 'USER', 'monitor');
      const ask = (_: unknown, i: number) => app.app.get(UsageService).history('evaluations', `p${i}`, range);
      const answers = await Promise.allSettled(Array.from({ length: TENANTS }, ask));
      for (const answer of answers) if (answer.status === 'rejected') refusals.push(answer.reason);
      const window = { key: '1', start: 0, end: 1 };
      const reading = Array.from({ length: TENANTS }, (_, i) =>
        own.read([{ category: 'evaluations', tenant: `p${i}`, window }]),
      );
      const listing = ['a', 'b', 'c', 'd'].map((kind) => own.state.list(kind));
      for (const answer of await Promise.allSettled([...reading, ...listing]))
        if (answer.status === 'rejected') ofOwn.push(answer.reason);
      return [refusals, ofOwn].every((some) => some.some((error) => String(error).includes('WRONGPASS')));
    });
    await own.close();
    expect(inspect([refusals, ofOwn], { depth: null, showHidden: true })).not.toContain(password);
    expect(app.log.lines.join('\n')).not.toContain(password);
  });
});
