import { Redis } from 'ioredis';

import { AlertService, type RateAlert, type RateMonitorOptions } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { LlmController } from '../support/controllers.js';
import { MovedClock } from '../support/moved-clock.js';
import { RedisServer } from '../support/redis-server.js';
import { until } from '../support/until.js';

const MINUTE_MS = 60_000;
const acme = { 'x-project': 'proj_1' };

describe('incidents', () => {
  let app: TestApp;
  let clock: MovedClock;

  beforeEach(() => {
    clock = new MovedClock();
    clock.advance(65_000 - (Date.now() % MINUTE_MS));
  });
  afterEach(() => app.close());

  const start = async (options: RateMonitorOptions = {}): Promise<void> => {
    app = await startApp({
      metadata: { controllers: [LlmController] },
      clock,
      options: { incidents: true, ...options },
    });
  };
  const hot = async (): Promise<void> => {
    for (let i = 0; i < 16; i++) await app.post('/llm/call', acme);
  };
  const statuses = () => app.alerts.map(({ incident }) => incident?.status);
  /** The clock jumps, but due incidents are checked every second of real time. */
  const looked = () => new Promise((resolve) => setTimeout(resolve, 1_200));
  const told = (...expected: string[]) => until(() => statuses().join() === expected.join());

  it('are silent for half an hour while they continue, and then send a reminder', async () => {
    await start();
    await hot();
    await told('opened');
    for (let minute = 1; minute < 30; minute++) {
      clock.advance(MINUTE_MS);
      await hot();
    }
    expect(statuses()).toEqual(['opened']);
    clock.advance(MINUTE_MS);
    await hot();
    await told('opened', 'reminded');
    expect(app.alerts[1]?.incident).toMatchObject({ total: 31 * 16 });
    // So far: the last minute has just begun.
    expect(app.alerts[1]?.incident?.lastedMs).toBeGreaterThan(30 * MINUTE_MS);
    expect(app.alerts[1]?.incident?.lastedMs).toBeLessThan(31 * MINUTE_MS);
  });

  it('count a whole sliding window, whose first part ended long before', async () => {
    const sliding = { llm_call: { threshold: 15, sliding: true }, evaluations: { threshold: 3 } };
    await start({ categories: sliding, incidents: { resolveAfterMs: MINUTE_MS } });
    await hot();
    await told('opened');
    clock.advance(10_000);
    for (let i = 0; i < 4; i++) await app.post('/llm/call', acme);
    // The window of the first requests is final.
    clock.advance(10_000);
    await looked();
    clock.advance(40_000);
    await hot();
    // The window of the four requests has been over for 20 s: looks are spread over incidents.
    clock.advance(25_000);
    await app.post('/llm/call', acme);
    await looked();
    clock.advance(50_000);
    await told('opened', 'resolved');
    expect(app.alerts[1]?.incident).toMatchObject({ total: 36 });
  });

  it('continue through a calm window, count its requests, and end after five', async () => {
    await start();
    await hot();
    clock.advance(MINUTE_MS);
    await app.post('/llm/call', acme);
    clock.advance(MINUTE_MS);
    await looked();
    await hot();
    clock.advance(MINUTE_MS);
    await app.post('/llm/call', acme);
    clock.advance(3 * MINUTE_MS);
    await looked();
    await told('opened');
    clock.advance(2 * MINUTE_MS);
    await told('opened', 'resolved');
    expect(app.alerts[1]?.incident).toMatchObject({ lastedMs: 3 * MINUTE_MS, total: 33, peak: { count: 16 } });
    expect(app.alerts[1]?.incident?.id).toBe(app.alerts[0]?.incident?.id);
    await hot();
    await told('opened', 'resolved', 'opened');
    expect(app.alerts[2]?.incident?.id).not.toBe(app.alerts[0]?.incident?.id);
  });

  it('are one for a tenant that is over in one window of five, and show how often', async () => {
    await start();
    for (let i = 0; i < 3; i++) {
      await hot();
      clock.advance(5 * MINUTE_MS);
      await looked();
    }
    await hot();
    clock.advance(6 * MINUTE_MS + 1_000);
    await told('opened', 'resolved');
    expect(app.alerts[1]?.incident).toMatchObject({ windowsOver: 4, windows: 16, total: 4 * 16 });
  });

  it('last as long as the options say', async () => {
    await start({ incidents: { remindAfterMs: MINUTE_MS, resolveAfterMs: 5 * MINUTE_MS } });
    await hot();
    clock.advance(MINUTE_MS);
    await hot();
    await told('opened', 'reminded');
    clock.advance(4 * MINUTE_MS);
    await looked();
    await told('opened', 'reminded');
    clock.advance(2 * MINUTE_MS);
    await told('opened', 'reminded', 'resolved');
  });

  it('end after a long window when the options say', async () => {
    const incidents = { remindAfterMs: 60 * MINUTE_MS, resolveAfterMs: 2 * MINUTE_MS };
    const others = { collections: { threshold: 3 }, evaluations: { threshold: 3 } };
    const categories = { llm_call: { threshold: 15, windowMs: 30 * MINUTE_MS }, ...others };
    await start({ incidents, categories });
    await hot();
    await told('opened');
    const { windowEnd = new Date(NaN) } = app.alerts[0] as RateAlert;
    // The window is settled, and a minute later the incident is over.
    clock.advance(windowEnd.getTime() - clock.now() + MINUTE_MS);
    await looked();
    await told('opened');
    clock.advance(MINUTE_MS + 1_000);
    await told('opened', 'resolved');
  });

  it('end and say so if a function raises the threshold of a tenant that continues', async () => {
    let limit = 3;
    const threshold = () => limit;
    await start({ categories: { llm_call: { threshold, windowMs: 86_400_000 }, evaluations: { threshold: 3 } } });
    for (let i = 0; i < 4; i++) await app.post('/llm/call', acme);
    await told('opened');
    limit = 100;
    clock.advance(2 * MINUTE_MS);
    await looked();
    await app.post('/llm/call', acme);
    clock.advance(4 * MINUTE_MS);
    await told('opened', 'resolved');
    expect(app.alerts[1]?.incident).toMatchObject({ thresholdRaisedTo: 100 });
  });

  it('are sent after a mute if they continue, and are not resolved if no channel was sent them', async () => {
    await start();
    const alerts = app.app.get(AlertService);
    await alerts.mute({ forMs: 90_000, reason: 'a migration' });
    await hot();
    await until(async () => (await alerts.mutes())[0]?.heldBack === 1);
    clock.advance(2 * MINUTE_MS);
    await until(() => app.log.of('The mute of every tenant').length === 1);
    await hot();
    await told('opened');
    expect(app.alerts[0]?.incident).toMatchObject({ total: 32 });
    expect(app.alerts[0]?.incident?.lastedMs).toBeGreaterThan(2 * MINUTE_MS);
    expect(app.alerts[0]?.incident?.lastedMs).toBeLessThan(3 * MINUTE_MS);

    clock.advance(10 * MINUTE_MS);
    await told('opened', 'resolved');
    await alerts.mute({ forMs: 60 * MINUTE_MS, reason: 'a migration' });
    await hot();
    await until(async () => (await alerts.mutes())[0]?.heldBack === 1);
    clock.advance(30 * MINUTE_MS);
    await looked();
    await told('opened', 'resolved');
  });

  it('continue while the store is away', async () => {
    const server = await RedisServer.start();
    // By default, ioredis keeps the process for 2 s after it disconnects from a server that is gone.
    const client = new Redis(server.url, { retryStrategy: () => 100, disconnectTimeout: 100 });
    client.on('error', () => undefined);
    await start({ redis: client });
    await server.kill();
    await hot();
    await until(() => app.alerts.length === 1);
    expect(app.alerts[0]).toMatchObject({ countedBy: 'instance', incident: { status: 'opened' } });
    client.disconnect();
  });
});
