import { setTimeout as wait } from 'node:timers/promises';

import { Controller, Post, UseGuards, type ExecutionContext } from '@nestjs/common';

import {
  AlertService,
  MemoryCounterStore,
  MonitorRate,
  RateCounterService,
  ThresholdService,
  UsageService,
  type AlertChannel,
  type CategoryOptions,
  type RateMonitorOptions,
  type Tenant,
  type ThresholdChange,
} from '../../src/index.js';
import type { Category, CategoryWindow } from '../../src/model/category.js';
import { blockOf, SLOT_MS } from '../../src/store/usage-store.js';
import type { Deferred } from '../../src/util/deferred.js';
import { MONITOR_VIEW, type MonitorView } from '../../src/facade/monitor-view.js';
import { CapturingChannel, startApp, type TestApp } from '../support/app.js';
import { calmWindowMs } from '../support/calm-window.js';
import { AuthGuard } from '../support/controllers.js';
import { sharedRedis } from '../support/redis.js';
import { endsWithin, until } from '../support/until.js';

const keyOf = (context: ExecutionContext): string =>
  context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-key'] ?? '';

@UseGuards(AuthGuard)
@Controller()
class CallController {
  @Post('call')
  @MonitorRate('llm_call')
  call(): string {
    return 'ok';
  }
}

/** Seen by one app, in memory or in Redis. */
class Replica {
  private constructor(
    readonly app: TestApp,
    readonly changes: ThresholdChange[],
  ) {}

  static async start(
    options: RateMonitorOptions,
    clock?: { now(): number },
    controllers = [CallController],
  ): Promise<Replica> {
    const changes: ThresholdChange[] = [];
    const channel = new CapturingChannel();
    const own: AlertChannel = {
      name: 'own',
      send: () => undefined,
      notify: ({ change }) => void changes.push(change as ThresholdChange),
    };
    const broken: AlertChannel = {
      name: 'broken',
      send: () => undefined,
      notify: () => {
        throw new Error('no');
      },
    };
    const app = await startApp({
      options: { ...options, channels: [channel, own, broken] },
      metadata: { controllers },
      ...(clock ? { clock } : {}),
    });
    return new Replica({ ...app, alerts: channel.alerts }, changes);
  }

  get thresholds(): ThresholdService {
    return this.app.app.get(ThresholdService);
  }

  /** The alerts so far: tenant, window, count and threshold. */
  get alerts(): string[] {
    return this.app.alerts.map(
      ({ tenant, window = '', count, threshold, level }) => `${tenant.id} ${window} ${count}/${threshold} x${level.at}`,
    );
  }

  async call(tenant = 'acme', times = 1, key = 'sk-1'): Promise<void> {
    for (let i = 0; i < times; i++) {
      const response = await this.app.post('/call', { 'x-project': tenant, 'x-key': key });
      expect(response.status).toBe(201);
    }
  }
}

describe('thresholds', () => {
  const replicas: Replica[] = [];
  const { client: redis } = sharedRedis();
  let now: number;
  const clock = { now: () => now };
  const start = async (llm_call: CategoryOptions, more: RateMonitorOptions = {}): Promise<Replica> => {
    const replica = await Replica.start({ categories: { llm_call }, ...more }, more.redis ? undefined : clock);
    replicas.push(replica);
    return replica;
  };
  /** Redis uses its own clock: a window whose border no test crosses. */
  const calm = (threshold: number): CategoryOptions => ({ threshold, windowMs: calmWindowMs() });
  const set = { category: 'llm_call', reason: 'import', by: 'dana' };

  beforeEach(() => (now = Date.parse('2026-11-25T12:00:30Z')));
  afterEach(async () => {
    for (const { app } of replicas.splice(0)) await app.close();
  });
  afterAll(() => redis.disconnect());

  describe('of several windows', () => {
    const windows: CategoryOptions = {
      windows: [
        { threshold: 2 },
        { period: 'day', timeZone: 'Asia/Kolkata', threshold: 5 },
        { period: 'month', threshold: 7, levels: [{ at: 1, severity: 'critical' }] },
      ],
    };

    it('are each compared with their own count, day after day', async () => {
      const one = await start(windows);
      await one.call('acme', 3);
      expect(one.alerts).toEqual(['acme minute 3/2 x1']);
      now += 60_000;
      await one.call('acme', 2);
      now += 60_000;
      await one.call('acme', 1);
      expect(one.alerts.slice(1)).toEqual(['acme day 6/5 x1']);
      // Midnight in Kolkata, and not yet in the month's zone.
      now = Date.parse('2026-11-25T18:30:00Z');
      await one.call('acme', 2);
      expect(one.alerts.slice(2)).toEqual(['acme month 8/7 x1']);
      expect(one.app.alerts.at(-1)).toMatchObject({
        level: { severity: 'critical' },
        windowStart: new Date('2026-11-01T00:00:00Z'),
      });
      now = Date.parse('2026-12-01T00:00:00Z');
      await one.call('acme', 2);
      expect(one.alerts).toHaveLength(3);
    });

    it('survive restarts in Redis, and their keys expire', async () => {
      const [keyPrefix, options] = ['budgets', { ...windows, windows: windows.windows?.slice(1) } as CategoryOptions];
      for (let restart = 0; restart < 3; restart++) {
        const one = await start(options, { redis, keyPrefix });
        await one.call('acme', 2);
        if (restart === 2) expect(one.alerts).toEqual(['acme day 6/5 x1']);
        await replicas.pop()?.app.close();
      }
      const keys = (await redis.keys('budgets:{llm_call:acme}:*')).sort();
      expect(keys).toEqual([expect.stringContaining(':day:'), expect.stringContaining(':month:')]);
      const days = (await Promise.all(keys.map((key) => redis.pttl(key)))).map((ms) => ms / 86_400_000);
      expect(days[0]).toBeGreaterThan(1.9);
      expect(days[0]).toBeLessThanOrEqual(2);
      expect(days[1]).toBeGreaterThan(28);
      expect(days[1]).toBeLessThanOrEqual(32);
    });
  });

  it('of a sliding window detect a burst across a border, which a fixed window does not', async () => {
    const sliding = await start({ threshold: 15, sliding: true });
    const fixed = await start({ threshold: 15 });
    for (const replica of [sliding, fixed]) {
      now = Date.parse('2026-11-25T12:00:59.900Z');
      await replica.call('acme', 15);
      now += 200;
      await replica.call('acme', 15);
    }
    expect([sliding.alerts, fixed.alerts]).toEqual([['acme  16/15 x1'], []]);
    // While it is over, it is alerted on once per window length.
    now = Date.parse('2026-11-25T12:01:30Z');
    await sliding.call('acme', 3);
    expect(sliding.alerts).toHaveLength(1);
  });

  describe('that are set at run time', () => {
    it('apply on all replicas within two seconds, and each change is reported', async () => {
      const options = { redis, keyPrefix: 'overrides' };
      const [one, other] = [await start(calm(100), options), await start(calm(100), options)];
      await other.call('acme', 4);
      await one.thresholds.set({ ...set, tenant: 'acme', threshold: 3 });
      // Below the present count: one alert at once, without a further request.
      const told = until(() => one.alerts.length + other.alerts.length > 0);
      expect(await endsWithin(told, 3_000)).toBe(true);
      await other.call('acme', 2);
      await one.call('acme', 2);
      expect([...one.alerts, ...other.alerts]).toEqual([expect.stringMatching(/^acme {2}4\/3 x1$/)]);
      expect(one.changes).toMatchObject([{ tenant: 'acme', to: 3, by: 'dana', reason: 'import' }]);
      // Nest's logger is one for all apps of a process.
      const logged = [one, other].flatMap(({ app }) => app.log.of('The broken channel could not send a notice (no)'));
      expect(logged).toHaveLength(1);
      // Removed: the threshold in code applies to a new tenant everywhere.
      await other.thresholds.remove({ ...set, tenant: 'acme' });
      expect(await one.thresholds.list()).toEqual([]);
      expect((await one.thresholds.changes()).map(({ from, to }) => [from, to])).toEqual([
        [3, undefined],
        [undefined, 3],
      ]);
    });

    it('show a tenant that is near a new one, without a further request', async () => {
      const one = await start(calm(100));
      await one.call('acme', 3);
      const { usage } = one.app.app.get<Deferred<MonitorView>>(MONITOR_VIEW).value as MonitorView;
      const category = usage?.category('llm_call') as Category;
      const nearest = () => usage?.nearest(category, category.windows[0] as CategoryWindow, now);
      await until(async () => (await usage?.top('llm_call'))?.length === 1);
      expect(await nearest()).toEqual([]);
      await one.thresholds.set({ ...set, tenant: 'ac*', threshold: 4 });
      await until(async () => (await nearest())?.length === 1);
      expect([await nearest(), one.alerts]).toEqual([['acme'], []]);
    });

    it('are restored when Redis has lost all data', async () => {
      const options = { redis, keyPrefix: 'lost' };
      const [one, other] = [await start(calm(100), options), await start(calm(100), options)];
      await one.thresholds.set({ ...set, threshold: 1 });
      await until(async () => (await other.thresholds.list()).length === 1);
      await one.thresholds.remove(set);
      await one.thresholds.set({ ...set, tenant: 'acme', threshold: 2 });
      const keys = await redis.keys('lost:*');
      await redis.del(...keys);
      await until(async () => (await redis.keys('lost:*thresholds*')).length > 0);
      const late = await start(calm(100), options);
      // A replica without the last change restores what it knew, and the other corrects it.
      await until(async () => (await late.thresholds.list()).every(({ tenant }) => tenant === 'acme'));
      expect(await late.thresholds.list()).toMatchObject([{ tenant: 'acme', threshold: 2 }]);
      await late.call('acme', 3);
      await late.call('other', 3);
      expect(late.alerts).toEqual(['acme  3/2 x1']);
    });

    it('apply to prefixes of ids, until they end, and win over the environment', async () => {
      process.env.RATE_MONITOR_THRESHOLD_LLM_CALL = '4';
      const one = await start({ threshold: 100 });
      delete process.env.RATE_MONITOR_THRESHOLD_LLM_CALL;
      await one.thresholds.set({ ...set, tenant: 'premium_*', threshold: 6, until: new Date(now + 60_000) });
      await one.call('premium_1', 5);
      await one.call('basic', 5);
      expect(one.alerts).toEqual(['basic  5/4 x1']);
      now += 60_000;
      // Waits until its end has been noticed, because it does not affect the previous window.
      await wait(2_500);
      expect(one.alerts).toEqual(['basic  5/4 x1']);
      await one.call('premium_1', 5);
      expect(one.alerts.slice(1)).toEqual(['premium_1  5/4 x1']);
    });

    it('never call a threshold function for a tenant of which only the id is known', async () => {
      const asked: Tenant[] = [];
      const threshold = (tenant: Tenant): number => asked.push(tenant) * 0 + (tenant.name ? 100 : 0);
      const one = await start({ threshold });
      await one.app.post('/call', { 'x-project': 'acme', 'x-name': 'Acme' });
      await one.thresholds.set({ ...set, tenant: 'other', threshold: 3 });
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      expect([asked.map(({ name }) => name), one.alerts]).toEqual([['Acme'], []]);
    });

    it('cannot be read while the monitor is off', async () => {
      const off = await start({ threshold: 1 }, { enabled: false });
      await expect(off.thresholds.list()).rejects.toThrow('the monitor is off');
    });
  });

  describe('at their edges', () => {
    const levels: CategoryOptions['levels'] = [
      { at: 1, severity: 'warning' },
      { at: 5, severity: 'critical' },
    ];

    it('0: the first request causes an alert, at the highest level', async () => {
      const one = await start({ threshold: 0, levels });
      await one.call('acme', 2);
      expect(one.alerts).toEqual(['acme  1/0 x5']);
    });

    it.each<[string, CategoryOptions]>([
      ['Infinity', { threshold: Infinity }],
      ['Infinity of a function', { threshold: () => Infinity }],
      ['exempt', { threshold: 1, exempt: ({ id }) => id === 'acme' }],
    ])('%s: counted, but never causes an alert', async (_what, category) => {
      const one = await start(category);
      await one.call('acme', 5);
      expect([await one.app.app.get(RateCounterService).read('llm_call', 'acme'), one.alerts]).toEqual([5, []]);
    });

    it('exempt, and a threshold for exactly that tenant', async () => {
      const one = await start({ threshold: 1, exempt: ({ id }) => id.startsWith('in_') });
      await one.thresholds.set({ ...set, tenant: 'in_*', threshold: 2 });
      await one.thresholds.set({ ...set, tenant: 'in_1', threshold: 3 });
      await one.call('in_1', 4);
      await one.call('in_2', 4);
      expect(one.alerts).toEqual(['in_1  4/3 x1']);
    });

    it('exempt that throws: the tenant causes alerts, and the log explains it once', async () => {
      const one = await start({
        threshold: 1,
        exempt: () => {
          throw new Error('no plan');
        },
      });
      for (const tenant of ['a', 'b']) await one.call(tenant, 2);
      expect(one.alerts).toHaveLength(2);
      expect(
        one.app.log.of('exempt threw for tenant a of llm_call (no plan): it is treated as not exempt'),
      ).toHaveLength(1);
    });

    it('exempt that changes its argument: the alert names the tenant that was counted', async () => {
      const exempt = (tenant: Tenant): boolean => {
        tenant.id = tenant.name = 'another';
        return false;
      };
      const one = await start({ threshold: 0, exempt });
      await one.call('acme', 1);
      expect(one.alerts).toEqual(['acme  1/0 x1']);
    });

    it('exempt that returns no boolean: the tenant causes alerts, and the log explains each kind once', async () => {
      const exempt = ({ id }: { id: string }): unknown => (id === 'c' ? undefined : id === 'd' ? 1 : 'yes');
      const one = await start({ threshold: 1, exempt: exempt as () => boolean });
      for (const tenant of ['a', 'b', 'c', 'd']) await one.call(tenant, 2);
      expect(one.alerts).toHaveLength(4);
      expect(one.app.log.of('exempt returned')).toEqual([
        expect.stringContaining(
          'exempt returned a string for tenant a of llm_call instead of true or false: it is treated as not exempt',
        ),
        expect.stringContaining('exempt returned a number for tenant d of llm_call'),
      ]);
    });

    it('set above the present count: no further alert in this window, not even for the level that was sent', async () => {
      const one = await start({ threshold: 2, levels });
      await one.call('acme', 3);
      await one.thresholds.set({ ...set, tenant: 'acme', threshold: 5 });
      await one.call('acme', 9);
      expect(one.alerts).toEqual(['acme  3/2 x1']);
      await one.call('acme', 14);
      expect(one.alerts.slice(1)).toEqual(['acme  26/5 x5']);
    });

    it.each<[string, () => Promise<RateMonitorOptions>]>([
      ['in memory', () => Promise.resolve({})],
      ['on Redis', () => Promise.resolve({ redis, keyPrefix: 'raised' })],
    ])('set above the present count, %s: the open incident ends at once, and only once', async (_where, given) => {
      const options = { ...(await given()), incidents: true };
      const category = options.redis ? calm(2) : { threshold: 2 };
      const one = await start({ ...category, levels }, options);
      const other = options.redis ? await start({ ...category, levels }, options) : one;
      const statuses = (): unknown[] =>
        [...new Set([one, other])].flatMap(({ app }) =>
          app.alerts.map(({ tenant, incident }) => [tenant.id, incident?.status, incident?.thresholdRaisedTo]),
        );
      await one.call('acme', 3);
      await one.call('stays', 3);
      await until(() => statuses().length === 2);
      await other.thresholds.set({ ...set, tenant: 'acme', threshold: 5 });
      await until(() => statuses().length === 3);
      expect(statuses()).toContainEqual(['acme', 'resolved', 5]);
      await other.thresholds.set({ ...set, tenant: 'acme', threshold: 6 });
      await one.call('acme', 3);
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      expect(statuses()).toHaveLength(3);
      await one.thresholds.set({ ...set, threshold: 10 });
      await until(() => statuses().length === 4);
      expect(statuses()).toContainEqual(['stays', 'resolved', 10]);
    });

    it('set for one tenant: no incident of another ends because of an earlier answer of a function', async () => {
      let limit = 10;
      const category = { ...calm(2), threshold: () => limit };
      const options = { redis, keyPrefix: 'old-answer', incidents: true };
      const [one, other] = [await start(category, options), await start(category, options)];
      await one.call('acme');
      limit = 2;
      await other.call('acme', 3);
      await until(() => other.app.alerts.length === 1);
      await one.thresholds.set({ ...set, tenant: 'another', threshold: 5 });
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      expect([...one.app.alerts, ...other.app.alerts].map(({ incident }) => incident?.status)).toEqual(['opened']);
    });

    it('set, and exceeded on a replica that does not have it yet: that incident ends too', async () => {
      const options = { redis, keyPrefix: 'late', incidents: true };
      const [one, other] = [await start(calm(2), options), await start(calm(2), options)];
      const statuses = (): unknown[] =>
        [...one.app.alerts, ...other.app.alerts].map(({ incident }) => incident?.status);
      for (let i = 0; statuses().length === 0; i++) {
        await one.thresholds.set({ ...set, tenant: `t${i}`, threshold: 100 });
        await other.call(`t${i}`, 3);
      }
      await until(() => statuses().includes('resolved'));
      const ends = [...one.app.alerts, ...other.app.alerts].filter(({ incident }) => incident?.status === 'resolved');
      expect(ends[0]?.incident?.thresholdRaisedTo).toBe(100);
    });

    it('raised above the present count by removing an override: the open incident ends', async () => {
      const one = await start({ threshold: 10 }, { incidents: true });
      await one.call('acme', 3);
      await one.thresholds.set({ ...set, threshold: 2 });
      await until(() => one.alerts.length === 1);
      await one.thresholds.remove(set);
      await until(() => one.app.alerts.at(-1)?.incident?.status === 'resolved');
    });

    it.each<[string, () => Promise<RateMonitorOptions>]>([
      ['in memory', () => Promise.resolve({})],
      ['on Redis', () => Promise.resolve({ redis, keyPrefix: 'ran-out' })],
    ])(
      'set until a time, %s: then incidents under it end, and tenants over the former threshold cause alerts',
      async (_where, given) => {
        const options = { ...(await given()), incidents: true };
        const category = options.redis ? calm(5) : { threshold: 5 };
        const one = await start(category, options);
        const other = options.redis ? await start(category, options) : one;
        const end = new Date((options.redis ? Date.now() : now) + 3_000);
        const told = (): unknown[] =>
          [...new Set([one, other])]
            .flatMap(({ app }) => app.alerts.map(({ tenant, incident }) => `${tenant.id} ${incident?.status}`))
            .sort();
        await one.thresholds.set({ ...set, tenant: 'low', threshold: 1, until: end });
        await one.thresholds.set({ ...set, tenant: 'high', threshold: 100, until: end });
        await one.call('low', 3);
        await one.call('high', 7);
        await until(() => told().length === 1);
        expect(told()).toEqual(['low opened']);
        now += 3_000;
        // No request comes.
        await until(() => told().length === 3);
        expect(told()).toEqual(['high opened', 'low opened', 'low resolved']);
        await new Promise((resolve) => setTimeout(resolve, 1_100));
        expect(told()).toHaveLength(3);
      },
    );

    it.each<[string, CategoryOptions]>([
      ['a threshold function holds again', { threshold: () => 10 }],
      ['exempt spares the tenant again', { threshold: 2, exempt: () => true }],
    ])('removed so that %s: the open incident ends after its usual time', async (_why, category) => {
      const one = await start(category, { incidents: { resolveAfterMs: 60_000 } });
      await one.thresholds.set({ ...set, tenant: 'acme', threshold: 2 });
      await one.call('acme', 3);
      await until(() => one.alerts.length === 1);
      await one.thresholds.remove({ ...set, tenant: 'acme' });
      await one.call('acme', 1);
      const statuses = () => one.app.alerts.map(({ incident }) => incident?.status);
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      expect(statuses()).toEqual(['opened']);
      now += 92_000;
      await until(() => statuses().length > 1);
      expect(statuses()).toEqual(['opened', 'resolved']);
    });

    it('a threshold function with a new answer within a window: called again after thresholdTtlMs', async () => {
      let plan = 1_000_000;
      const asked = jest.fn(() => plan);
      const one = await start({ threshold: asked, windowMs: 31 * 86_400_000 }, { thresholdTtlMs: 500 });
      const counted = async () => (await one.app.app.get(UsageService).top('llm_call'))[0];
      await one.call('acme', 3);
      plan = 2;
      await until(async () => {
        now += 100;
        await one.call('acme');
        return one.alerts.length > 0;
      });
      expect(one.alerts[0]).toMatch(/^acme {2}\d+\/2 x1$/);
      plan = 1_000_000;
      await until(async () => {
        now += 100;
        await one.call('acme');
        return (await counted())?.threshold === 1_000_000;
      });
      expect(await counted()).not.toHaveProperty('since');
      // Not with each request.
      expect(asked.mock.calls.length).toBeLessThan((await counted())?.count ?? 0);
    });

    it('removed for an exempt tenant: it is no longer shown as over, even without a request', async () => {
      const store = new MemoryCounterStore();
      const one = await start({ threshold: 2, exempt: () => true }, { store });
      const noted = async () =>
        (await store.usage.seenOf('llm_call', blockOf(Math.floor(now / SLOT_MS)), ['acme']))[0]?.thresholds?.[0];
      const told = async () =>
        (await one.app.app.get(UsageService).top('llm_call')).map(({ threshold, since }) => [threshold, !!since]);
      await one.call('acme', 3);
      await until(async () => String(await told()) === 'Infinity,false');
      await one.thresholds.set({ ...set, tenant: 'acme', threshold: 2 });
      await until(async () => String(await told()) === '2,true');
      await until(async () => (await noted()) === 2);
      await one.thresholds.remove({ ...set, tenant: 'acme' });
      await until(async () => String(await told()) === 'Infinity,false', 5_000);
    });

    it('a category that is removed while an incident is open: the incident ends', async () => {
      const options = { redis, keyPrefix: 'gone', incidents: true };
      const before = await start({ threshold: 1, windowMs: 1_000 }, options);
      await before.call('acme', 5);
      await until(() => before.alerts.length === 1);
      expect(before.app.alerts[0]?.incident?.status).toBe('opened');
      await replicas.pop()?.app.close();
      const after = await Replica.start({ categories: { other: { threshold: 1 } }, ...options }, undefined, []);
      replicas.push(after);
      // A replica that still has the category would have a minute to count.
      await until(() => after.app.alerts.length > 0, 90_000);
      expect(after.app.alerts).toMatchObject([{ category: 'llm_call', incident: { status: 'resolved' } }]);
    }, 120_000);

    it('a window of another length, old and new replicas side by side: counted separately', async () => {
      const options = { redis, keyPrefix: 'side' };
      const windowMs = calmWindowMs();
      const hour = await start({ windows: [{ threshold: 3, windowMs }] }, options);
      const day = await start(
        {
          windows: [
            { threshold: 3, windowMs },
            { threshold: 5, period: 'day' },
          ],
        },
        options,
      );
      for (let i = 0; i < 3; i++) {
        await hour.call('acme');
        await day.call('acme');
      }
      const alerts = (ofDay: boolean) =>
        [...hour.alerts, ...day.alerts].filter((alert) => alert.includes(' day ') === ofDay);
      // About an hour is counted by both, the day by the new one. With two replicas, an alert is due one flush after the crossing.
      await until(() => alerts(false).length > 0);
      await day.call('acme', 3);
      await until(() => alerts(true).length > 0);
      expect(alerts(true)).toEqual(['acme day 6/5 x1']);
      expect(alerts(false)).toHaveLength(1);
    });
  });

  describe('that are exceeded', () => {
    it('name the contributors, over all replicas', async () => {
      const options = { redis, keyPrefix: 'who', contributor: keyOf };
      const [one, other] = [await start(calm(12), options), await start(calm(12), options)];
      await other.call('acme', 7, 'sk-****wxyz');
      await other.call('acme', 1, 'sk-\u00ad****evil');
      await until(async () => (await options.redis.keys('who:*contributors*')).length > 0);
      // A replica learns once a second which tenants the others have seen.
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      await one.call('acme', 5, 'sk-****abcd');
      await until(() => one.alerts.length + other.alerts.length > 0);
      expect([...one.app.alerts, ...other.app.alerts][0]?.contributors).toEqual([
        { label: 'sk-****wxyz', count: 7 },
        { label: 'sk-****abcd', count: 5 },
        { label: 'sk-****evil', count: 1 },
      ]);
      const [record] = await other.app.app.get(AlertService).history();
      expect(
        record?.alert.contributors?.map(({ label, count }) => `${label} ${count} of ${record.alert.count}`),
      ).toEqual(['sk-****wxyz 7 of 13', 'sk-****abcd 5 of 13', 'sk-****evil 1 of 13']);
    });

    it.each(['contributor', 'exempt'])(
      '%s that returns a promise is logged once, and ends no process if it rejects',
      async (name) => {
        const unhandled = jest.fn();
        process.on('unhandledRejection', unhandled);
        const one = await start({ threshold: 1 }, { [name]: () => Promise.reject(new Error('no database')) });
        await one.call('acme', 2);
        expect(one.app.alerts).toHaveLength(1);
        await new Promise((resolve) => setImmediate(resolve));
        process.off('unhandledRejection', unhandled);
        expect(unhandled).not.toHaveBeenCalled();
        expect(one.app.log.of(`${name} threw`)).toEqual([
          expect.stringContaining('it returned a promise, but must be synchronous'),
        ]);
      },
    );

    it('name the contributors counted by a replica that learns of the level later', async () => {
      const options = { redis, keyPrefix: 'few', contributor: keyOf };
      const [one, other] = [await start(calm(12), options), await start(calm(12), options)];
      // Not close to a level, and published.
      await other.call('acme', 3, 'sk-****few');
      await new Promise((resolve) => setTimeout(resolve, 500));
      await one.call('acme', 10, 'sk-****many');
      await until(() => one.alerts.length === 1);
      expect(one.app.alerts[0]?.contributors?.[0]).toEqual({ label: 'sk-****many', count: 10 });
      const named = async (): Promise<unknown> =>
        (await other.app.app.get(AlertService).history())[0]?.alert.contributors?.map(
          ({ label, count }) => `${label} ${count}`,
        );
      await until(async () => String(await named()) === 'sk-****many 10,sk-****few 3');
    });

    it('name nobody if the contributor is unknown, and the log explains it once', async () => {
      const one = await start({ threshold: 1 }, { contributor: (() => ({ key: 'sk-1' })) as never });
      await one.call('acme', 2);
      expect(one.app.alerts).toHaveLength(1);
      expect(one.app.alerts[0]).not.toHaveProperty('contributors');
      expect(one.app.log.of('contributor returned an object instead of a string on POST /call')).toHaveLength(1);
      const other = await start({ threshold: 1 }, { contributor: () => '' });
      await other.call('acme', 1);
      expect(other.app.log.of('contributor returned an empty string on POST /call')).toHaveLength(1);
    });
  });
});
