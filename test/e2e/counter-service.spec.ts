import { Inject } from '@nestjs/common';
import type { Redis } from 'ioredis';

import {
  type RateAlert,
  RateCounterService,
  RateMonitorModule,
  type RateMonitorOptions,
  type TenantLike,
} from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { calmCategories } from '../support/calm-window.js';
import { MovedClock } from '../support/moved-clock.js';
import { sharedRedis } from '../support/redis.js';
import { endsWithin, until } from '../support/until.js';

describe.each(['await', 'background'] as const)('RateCounterService, counting %s', (counting) => {
  let redis: { client: Redis; keyPrefix: string };
  let app: TestApp;
  let counter: RateCounterService;

  const start = async (options: RateMonitorOptions = {}): Promise<void> => {
    const { client, keyPrefix } = redis;
    app = await startApp({ options: { redis: client, keyPrefix, counting, categories: calmCategories(), ...options } });
    counter = app.app.get(RateCounterService);
  };

  beforeEach(() => (redis = sharedRedis()));
  afterEach(async () => {
    await app.close();
    await redis.client.quit();
  });

  it('counts work without a request, and returns the count', async () => {
    await start();
    expect(await counter.increment('llm_call', 'proj_1')).toBe(1);
    expect(await counter.increment('llm_call', { id: 'proj_1', name: 'Acme' }, 12.5)).toBe(13.5);
    expect(await counter.increment('llm_call', 7)).toBe(1);
    expect([await counter.read('llm_call', 'proj_1'), await counter.read('llm_call', { id: '7' })]).toEqual([13.5, 1]);
    expect(await counter.read('llm_call', 'nobody')).toBe(0);
  });

  it('returns the count of the window it counted in, even if that ends before the store answers', async () => {
    const clock = new MovedClock();
    const { client, keyPrefix } = redis;
    const categories = calmCategories();
    app = await startApp({ clock, options: { redis: client, keyPrefix, counting, categories } });
    const counted = app.app.get(RateCounterService).increment('llm_call', 'proj_1', 5);
    clock.advance(categories.llm_call.windowMs);
    expect(await counted).toBe(5);
  });

  it('alerts as a request does, but without a route', async () => {
    await start();
    await counter.increment('evaluations', { id: 'proj_1', name: 'Acme' }, 4);
    await until(() => app.alerts.length === 1);
    expect(app.alerts[0]).toMatchObject({ tenant: { id: 'proj_1', name: 'Acme' }, count: 4 });
    expect(app.alerts[0]).not.toHaveProperty('route');
  });

  it('reads the count of an id as alerts show it, and nobody can hide behind such an id', async () => {
    await start();
    await counter.increment('evaluations', 'k'.repeat(1_001), 4);
    await until(() => app.alerts.length === 1);
    const shown = app.alerts[0]?.tenant.id as string;
    expect([shown.length, await counter.read('evaluations', shown)]).toEqual([144, 4]);
    const like = `${'k'.repeat(100)}~${'h'.repeat(43)}`;
    await counter.increment('evaluations', like, 2);
    await counter.increment('evaluations', shown, 5);
    expect([await counter.read('evaluations', like), await counter.read('evaluations', shown)]).toEqual([2, 5]);
  });

  it('reads what other instances counted', async () => {
    await start();
    const other = await startApp({
      options: { redis: redis.client, keyPrefix: redis.keyPrefix, categories: calmCategories() },
    });
    await other.app.get(RateCounterService).increment('llm_call', 'proj_1', 5);
    await counter.increment('llm_call', 'proj_1', 2);
    expect(await counter.read('llm_call', 'proj_1')).toBe(7);
    await other.close();
  });

  it('logs once what it cannot count, and never throws', async () => {
    await start();
    for (let i = 0; i < 2; i++) {
      expect(await counter.increment('llm', 'proj_1')).toBe(0);
      expect(await counter.read('llm', 'proj_1')).toBe(0);
      expect(await counter.increment('llm_call', {} as TenantLike)).toBe(0);
      expect(await counter.increment('llm_call', 'proj_1', Number.NaN)).toBe(1 + i);
    }
    expect(app.log.of("'llm', which is not a category: write one of llm_call, collections, evaluations")).toHaveLength(
      1,
    );
    expect(app.log.of('neither an id')).toHaveLength(1);
    expect(app.log.of('A cost in llm_call was NaN')).toHaveLength(1);
  });

  it('survives unreadable categories, tenants and costs from a caller without types', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    await start();
    for (const category of [
      undefined,
      null,
      7,
      Symbol('llm_call'),
      Object.create(null),
      proxy,
    ] as unknown as string[]) {
      expect(await counter.increment(category, 'proj_1')).toBe(0);
      expect(await counter.read(category, 'proj_1')).toBe(0);
    }
    for (const tenant of [proxy, { id: proxy }, { id: Symbol('p') }] as unknown as TenantLike[]) {
      expect(await counter.increment('llm_call', tenant)).toBe(0);
      expect(await counter.read('llm_call', tenant)).toBe(0);
    }
    expect(await counter.increment('llm_call', 'proj_1', proxy as unknown as number)).toBe(1);
    expect(app.log.of('Nothing is counted for undefined, which is not a category')).toHaveLength(1);
    expect(app.log.of('nor an object with one (Cannot perform')).toHaveLength(1);
    expect(app.log.of('A cost in llm_call was an object that cannot be read: it counts as 1')).toHaveLength(1);
  });

  it('does not log a cost that is no number: it may come from a client', async () => {
    await start();
    const costs = ['1\nERROR forged', { toString: () => JSON.parse('{') as string }] as unknown as number[];
    for (const cost of costs) await counter.increment('llm_call', 'proj_1', cost);
    expect(await counter.read('llm_call', 'proj_1')).toBe(2);
    expect(app.log.of('A cost in llm_call was a string: it counts as 1')).toHaveLength(1);
    expect(app.log.lines.join()).not.toContain('forged');
  });

  it('tracks no more than maxTrackedTenants, and logs that it is full', async () => {
    await start({ maxTrackedTenants: 2 });
    for (const tenant of ['a', 'b', 'c', 'd', 'a']) await counter.increment('llm_call', tenant);
    expect(await Promise.all(['a', 'b', 'c'].map((tenant) => counter.read('llm_call', tenant)))).toEqual([2, 1, 0]);
    expect(app.log.of('2 tenants are tracked')).toHaveLength(1);
    await app.close();
    expect(app.log.of('2 requests were not counted')).toHaveLength(1);
  });
});

it('an app ends in time if its last publish is slow: tenants that are over cause alerts, and channels are flushed', async () => {
  // Five calls of 0.9 s each.
  const publish = jest.fn(async (totals: readonly { total: number }[]) => {
    await new Promise((resolve) => setTimeout(resolve, 900));
    return totals.map(({ total }) => ({ count: total, announced: 0, announce: 0 }));
  });
  const alerts: RateAlert[] = [];
  const flush = jest.fn(() => Promise.resolve(true));
  const channel = { name: 'mine', send: (alert: RateAlert) => void alerts.push(alert), flush };
  const store = { name: 'mine', publish, read: () => Promise.resolve([]) };
  const app = await startApp({ options: { store, channels: [channel], categories: calmCategories() } });
  const counter = app.app.get(RateCounterService);
  for (let i = 0; i < 900; i++) void counter.increment('llm_call', `calm_${i}`);
  void counter.increment('llm_call', 'proj_1', 16);
  await until(() => publish.mock.calls.length === 1);
  const closing = performance.now();
  expect(await endsWithin(app.close(), 5_000)).toBe(true);
  expect(performance.now() - closing).toBeGreaterThan(1_900);
  expect(alerts).toEqual([expect.objectContaining({ tenant: { id: 'proj_1' }, count: 16, countedBy: 'instance' })]);
  expect(flush).toHaveBeenCalledTimes(1);
  expect(app.log.of('were never published')).toHaveLength(1);
});

describe('what a global module counts while it shuts down, as BullModule does if a worker ends its last job,', () => {
  class LateModule {
    constructor(@Inject(RateCounterService) private readonly counter: RateCounterService) {}

    async onApplicationShutdown(): Promise<void> {
      for (let i = 0; i < 2; i++) await this.counter.increment('llm_call', 'late');
    }
  }
  const late = { module: LateModule, global: true };
  const published: number[] = [];
  const store = {
    name: 'mine',
    publish: async (totals: readonly { total: number }[]) => {
      published.push(...totals.map(({ total }) => total));
      return totals.map(({ total }) => ({ count: total, announced: 0, announce: 0 }));
    },
    read: () => Promise.resolve([]),
  };
  beforeEach(() => (published.length = 0));

  it('is published if our module is imported first', async () => {
    const imports = [RateMonitorModule.forRoot({ store })];
    const app = await startApp({ metadata: { imports }, monitor: late });
    await app.close();
    expect(published.at(-1)).toBe(2);
    expect(app.log.of('had shut down')).toEqual([]);
  });

  it('is lost if our module is imported later, which is logged once', async () => {
    const app = await startApp({ metadata: { imports: [late] }, options: { store } });
    await app.close();
    expect(published).toEqual([]);
    expect(app.log.of('counted after RateMonitorModule had shut down')).toHaveLength(1);
  });
});
