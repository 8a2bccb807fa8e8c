import { Redis } from 'ioredis';

import { AlertService, type RateMonitorOptions } from '../../src/index.js';
import { anAlert } from '../support/alerts.js';
import { startApp, type TestApp } from '../support/app.js';
import { calmCategories } from '../support/calm-window.js';
import { LlmController } from '../support/controllers.js';
import { MovedClock } from '../support/moved-clock.js';
import { RedisServer } from '../support/redis-server.js';
import { sharedRedis } from '../support/redis.js';
import { until } from '../support/until.js';

const HOUR_MS = 3_600_000;
const acme = { 'x-project': 'proj_1' };

describe.each(['memory', 'Redis'])('a mute, kept in %s', (where) => {
  let redis: ReturnType<typeof sharedRedis>;
  let clock: MovedClock;
  let apps: TestApp[];
  let one: AlertService;
  let other: AlertService;

  const start = (options: RateMonitorOptions = {}): Promise<TestApp> =>
    startApp({
      metadata: { controllers: [LlmController] },
      clock,
      options: {
        ...(where === 'Redis' ? { redis: redis.client, keyPrefix: redis.keyPrefix } : {}),
        categories: calmCategories(),
        ...options,
      },
    });
  const alerts = () => apps.flatMap((app) => app.alerts);
  const lines = (text: string) => apps.flatMap(({ log }) => log.of(text));

  beforeEach(async () => {
    redis = sharedRedis();
    clock = new MovedClock();
    // Memory is not shared between processes.
    apps = await Promise.all(where === 'Redis' ? [start(), start()] : [start()]);
    [one, other] = [apps[0], apps.at(-1)].map((app) => app?.app.get(AlertService)) as [AlertService, AlertService];
  });
  afterEach(async () => {
    await Promise.all(apps.map((app) => app.close()));
    redis.client.disconnect();
  });

  it('holds back the alerts of its tenant in every replica, while counting continues', async () => {
    await one.mute({ tenant: 'proj_1', forMs: HOUR_MS, reason: 'a migration' });
    await until(async () => (await other.mutes()).length === 1);
    for (let i = 0; i < 16; i++) await apps.at(-1)?.post('/llm/call', acme);
    other.raise(anAlert({ tenant: { id: 'proj_2' } }));
    await until(() => alerts().length > 0);
    expect(alerts().map(({ tenant }) => tenant.id)).toEqual(['proj_2']);
    await until(async () => (await one.mutes())[0]?.heldBack === 1);
    expect((await one.mutes())[0]).toEqual({
      tenant: 'proj_1',
      until: expect.any(Date),
      reason: 'a migration',
      heldBack: 1,
    });
  });

  it('keeps one line of its reason and author, because every replica reads it each second', async () => {
    expect(await one.mute({ forMs: 1, reason: 'x', by: null as never })).not.toHaveProperty('by');
    const mute = await one.mute({ forMs: HOUR_MS, reason: `spam\n${'x'.repeat(2e6)}`, by: 'y'.repeat(1e6) });
    expect([mute.reason, mute.by]).toEqual([`spam ${'x'.repeat(194)}…`, `${'y'.repeat(79)}…`]);
  });

  it('logs once, when it is over, how many alerts it held back', async () => {
    await one.mute({ category: 'llm_call', forMs: 3_000, reason: 'a migration' });
    one.raise(anAlert());
    one.raise(anAlert({ tenant: { id: 'proj_2' } }));
    await until(() => lines('is over').length > 0);
    await Promise.all([one.mutes(), other.mutes()]);
    expect(lines('is over')).toEqual([
      'log RateMonitor: The mute of every tenant, llm_call (a migration) is over: it held back 2 alerts',
    ]);
    one.raise(anAlert({ tenant: { id: 'proj_3' } }));
    await until(() => alerts().length === 1);
  });

  it('is logged with an id that cannot pass for part of the line', async () => {
    await one.mute({
      tenant: 'x, every category by root',
      category: 'llm_call',
      forMs: HOUR_MS,
      reason: 'a migration',
    });
    expect(lines('Muted')).toEqual([
      expect.stringMatching(/ Muted "x, every category by root", llm_call until 2\S+ \(a migration\)$/),
    ]);
  });

  it('can be ended early', async () => {
    await one.mute({ tenant: 'proj_1', forMs: HOUR_MS, reason: 'a migration' });
    expect(await other.unmute({ tenant: 'proj_2' })).toBe(false);
    expect(await other.unmute({ tenant: 'proj_1' })).toBe(true);
    expect(await one.mutes()).toEqual([]);
    expect(lines('(a migration) is over: it held back 0 alerts')).toHaveLength(1);
    one.raise(anAlert());
    await until(() => alerts().length === 1);
  });

  it('shows in the history of every replica', async () => {
    await one.mute({ forMs: HOUR_MS, reason: 'a migration' });
    one.raise(anAlert({ tenant: { id: 'proj_1', name: 'Acme\u202e' } }));
    await until(async () => (await one.history()).length === 1);
    await one.unmute({});
    one.raise(anAlert({ category: 'evaluations' }));
    const channels = async () => (await other.history()).map((record) => record.channels.capturing);
    await until(async () => (await channels()).at(0)?.status === 'delivered');
    expect(await channels()).toEqual([
      { status: 'delivered', attempts: 1 },
      { status: 'suppressed', attempts: 0, reason: 'muted: a migration' },
    ]);
    const [, muted] = await other.history();
    expect(muted?.alert).toMatchObject(anAlert({ tenant: { id: 'proj_1', name: 'Acme' } }));
    expect(muted?.raisedAt).toBeInstanceOf(Date);
  });

  it.each([
    [{ forMs: 0, reason: 'x' }, 'forMs is 0: write a number of milliseconds above 0'],
    [{ forMs: Infinity, reason: 'x' }, 'forMs is Infinity'],
    [
      { forMs: 30 * 24 * HOUR_MS + 1, reason: 'x' },
      'forMs is 2592000001: write 2592000000 (30 days) at most, and mute',
    ],
    [{ forMs: 1, reason: ' ' }, 'reason is empty'],
    [{ forMs: 1, reason: 'x', tenant: '' }, 'tenant is empty'],
    // An id that was not loaded must not mute everybody.
    [{ forMs: 1, reason: 'x', tenant: undefined }, 'tenant is not a string: write its id, or leave it out for all'],
    [undefined as never, 'the options are undefined: write an object with tenant, category, forMs, reason, by'],
    [{ forMs: 1, reason: 'x', tenantId: 'proj_1' }, 'tenantId is not an option: write tenant'],
    [{ forMs: 1, reason: 'x', category: 'llm_cal' }, "category is 'llm_cal', which is not configured: write one of"],
  ])('is refused if it makes no sense: %j', async (mute, message) => {
    await expect(one.mute(mute)).rejects.toThrow(message);
  });
});

it('a mute applies in a replica that has just started', async () => {
  const redis = sharedRedis();
  const start = () => startApp({ options: { redis: redis.client, keyPrefix: redis.keyPrefix } });
  const early = await start();
  await early.app.get(AlertService).mute({ forMs: HOUR_MS, reason: 'a migration' });
  const late = await start();
  const alerts = late.app.get(AlertService);
  alerts.raise(anAlert());
  await until(async () => (await alerts.history()).length === 1);
  const [record] = await alerts.history();
  await Promise.all([early.close(), late.close()]);
  redis.client.disconnect();
  expect(record?.channels.capturing?.status).toBe('suppressed');
});

describe('a mute, if Redis', () => {
  let server: RedisServer;
  let apps: TestApp[];
  let client: Redis;
  const lines = (text: string) => apps.flatMap(({ log }) => log.of(text));

  beforeEach(async () => {
    server = await RedisServer.start();
    client = new Redis({ port: server.port, disconnectTimeout: 100 }).on('error', () => undefined);
    const start = () => startApp({ options: { redis: client } });
    apps = [await start(), await start()];
  });
  afterEach(async () => {
    client.disconnect();
    await Promise.all(apps.map((app) => app.close()));
    await server.kill();
  });

  it('loses its data while it runs out, is logged once as over, with what it held back', async () => {
    const [one, other] = apps.map(({ app }) => app.get(AlertService)) as [AlertService, AlertService];
    const { until: end } = await one.mute({ forMs: 3_000, reason: 'a migration' });
    await until(async () => (await other.mutes()).length === 1);
    one.raise(anAlert());
    // Reading writes what was held back, which is otherwise done once a second: the mute may be over by then.
    await until(async () => (await one.mutes()) && (await other.mutes())[0]?.heldBack === 1);
    await server.kill();
    await until(() => Date.now() > end.getTime() + 1_000);
    await server.restart();
    await until(() => lines('is over').length > 0);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(lines('is over')).toEqual([
      'log RateMonitor: The mute of every tenant, every category (a migration) is over: it held back 1 alert',
    ]);
  });

  it('is away, is neither set nor ended, and the error says why and what to do', async () => {
    const alerts = apps[0]?.app.get(AlertService) as AlertService;
    await alerts.mute({ tenant: 'proj_1', forMs: HOUR_MS, reason: 'a migration' });
    // Held back and not yet written: ending the mute writes it first.
    alerts.raise(anAlert());
    const both = async (): Promise<unknown[]> => [
      await alerts.mute({ tenant: 'proj_2', forMs: HOUR_MS, reason: 'x' }).catch((error: Error) => error.message),
      await alerts.unmute({ tenant: 'proj_1' }).catch((error: Error) => error.message),
    ];
    server.freeze();
    const silent = 'the store is away (it does not answer). Try again when it is back';
    expect(await both()).toEqual([`The mute was not set: ${silent}`, `The mute was not ended: ${silent}`]);
    server.thaw();
    await server.kill();
    await until(() => lines(' is away ').length > 0 || client.status !== 'ready');
    const gone = 'the store is away (there is no connection). Try again when it is back';
    await until(async () => String((await both())[0]).includes(gone));
    expect(await both()).toEqual([`The mute was not set: ${gone}`, `The mute was not ended: ${gone}`]);
  });
});
