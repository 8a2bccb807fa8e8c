import { setTimeout as wait } from 'node:timers/promises';

import { Controller, Post, UseGuards } from '@nestjs/common';
import * as Sentry from '@sentry/nestjs';

import {
  AlertService,
  LogChannel,
  MonitorRate,
  SentryChannel,
  WebhookChannel,
  type RateMonitorOptions,
} from '../../src/index.js';
import { anAlert, anIncident } from '../support/alerts.js';
import { startApp, type TestApp } from '../support/app.js';
import { calmCategories } from '../support/calm-window.js';
import { ApiController, AuthGuard } from '../support/controllers.js';
import { sharedRedis } from '../support/redis.js';
import { SentryIngest, type SentryEvent } from '../support/sentry-ingest.js';
import { endsWithin, until } from '../support/until.js';
import { WebhookServer } from '../support/webhook-server.js';

// Sentry 11 has another word for it.
const everything = { sendDefaultPii: true, dataCollection: { userInfo: true } };
const acme = { 'x-project': 'proj_1', 'x-name': 'Acme', authorization: 'Bearer sk-very-secret' };

type SentryOptions = NonNullable<Parameters<typeof Sentry.init>[0]>;
type Integrations = Extract<SentryOptions['integrations'], unknown[]>;

/** Without what watches child processes: it outlives `close()`, and later tests of this process start many. */
function init(options: Omit<SentryOptions, 'integrations'> & { integrations?: Integrations }): void {
  Sentry.init({
    ...options,
    integrations: (all) => [...all.filter(({ name }) => name !== 'ChildProcess'), ...(options.integrations ?? [])],
  });
}

@UseGuards(AuthGuard)
@Controller()
class PerTenant {
  @Post('by/:id')
  @MonitorRate('llm_call')
  call() {}
}

@Controller()
class TryOut {
  constructor(private readonly alerts: AlertService) {}

  @Post('try-out')
  async tryOut(): Promise<void> {
    await this.alerts.sendTest();
  }
}

describe('the Sentry channel', () => {
  let ingest: SentryIngest;
  let app: TestApp;

  const start = async (options: RateMonitorOptions = {}): Promise<void> => {
    app = await startApp({
      metadata: { controllers: [ApiController, PerTenant, TryOut] },
      options: { channels: undefined, ...options },
    });
  };
  const evaluate = async (times: number, headers: Record<string, string> = acme): Promise<void> => {
    for (let i = 0; i < times; i++) {
      expect((await app.post('/evaluations', headers, { prompt: 'my secret prompt' })).status).toBe(201);
    }
    await Sentry.flush(2_000);
  };

  const expectNothingOfTheRequest = (): void => {
    expect(ingest.events).toHaveLength(1);
    expect(ingest.events[0]?.request).toBeUndefined();
    const sent = ingest.bodies.join('\n');
    for (const secret of ['sk-very-secret', 'my secret prompt']) expect(sent).not.toContain(secret);
  };

  // Each `Sentry.init()` adds listeners to the process, and `Sentry.close()` leaves them there.
  const PROCESS_EVENTS = ['uncaughtException', 'unhandledRejection'];
  let listeners: Map<string, unknown[]>;
  beforeEach(async () => {
    listeners = new Map(PROCESS_EVENTS.map((event) => [event, process.rawListeners(event)]));
    ingest = await SentryIngest.start();
  });
  afterEach(async () => {
    await app.close();
    await Sentry.close(1_000);
    await ingest.close();
    for (const [event, before] of listeners)
      for (const listener of process.rawListeners(event) as (() => void)[])
        if (!before.includes(listener)) process.off(event, listener);
  });

  it('sends one event with who, where and how much, and nothing of the request', async () => {
    init({ dsn: ingest.dsn, ...everything });
    await start();
    await evaluate(6);
    expect(ingest.events).toHaveLength(1);
    const [event] = ingest.events as [SentryEvent];
    expect(event).toMatchObject({
      level: 'warning',
      fingerprint: ['rate-monitor', 'evaluations', 'proj_1'],
      tags: {
        'alert.type': 'threshold_rate_monitor',
        route_category: 'evaluations',
        tenant_id: 'proj_1',
        tenant_name: 'Acme',
        severity: 'warning',
        route: 'POST /evaluations',
        handler: 'ApiController.evaluate',
      },
      extra: { request_count: 4, threshold: 3, window_ms: 60_000, counted_by: 'all' },
    });
    expect(event.message).toMatch(
      /^"Acme" \(proj_1\) is over the evaluations threshold: 4 in 1 min, threshold 3 .* from \d{4}-/,
    );
    expectNothingOfTheRequest();
  });

  it('shows the service, the window, since when, the contributors and the link', async () => {
    init({ dsn: ingest.dsn });
    await start();
    const channel = new SentryChannel();
    await channel.start();
    const sent = channel.send(
      anAlert({
        service: 'api',
        environment: 'production',
        window: 'day',
        windowEnd: new Date('2026-01-02T12:00:00Z'),
        countAtCrossing: 16,
        streak: { windows: 7, since: new Date('2025-12-26T12:00:00Z') },
        contributors: [{ label: '\nalice', count: 30 }],
        link: 'https://a.example/x',
      }),
    );
    await Promise.resolve(sent);
    await Sentry.flush(2_000);
    expect(ingest.events[0]).toMatchObject({
      tags: { service: 'api', window: 'day', severity: 'warning' },
      extra: {
        environment: 'production',
        window_end: '2026-01-02T12:00:00.000Z',
        count_at_crossing: 16,
        windows_in_a_row: 7,
        since: '2025-12-26T12:00:00.000Z',
        contributors: ['alice: 30'],
        link: 'https://a.example/x',
      },
    });
  });

  it('shows every date of an incident, however deep', async () => {
    init({ dsn: ingest.dsn });
    await start();
    const channel = new SentryChannel();
    await channel.start();
    const alert = anIncident('escalated');
    await Promise.resolve(channel.send(alert));
    await Sentry.flush(2_000);
    expect(ingest.events[0]?.extra.incident).toEqual(JSON.parse(JSON.stringify(alert.incident)));
  });

  it('sends nothing about the request that asks for a test', async () => {
    init({ dsn: ingest.dsn, ...everything });
    await start();
    expect((await app.post('/try-out', acme, { prompt: 'my secret prompt' })).status).toBe(201);
    await Sentry.flush(2_000);
    expectNothingOfTheRequest();
  });

  it('sends nothing about a request that is counted alone', async () => {
    init({ dsn: ingest.dsn, ...everything });
    const { client, keyPrefix } = sharedRedis();
    await start({ redis: client, keyPrefix, categories: calmCategories() });
    await evaluate(1);
    const [key] = await client.keys(`${keyPrefix}:{evaluations:*`);
    await client.set(key as string, 'of another type');
    await evaluate(5);
    await until(() => ingest.events.length > 0);
    await client.quit();
    expect(ingest.events[0]?.extra.counted_by).toBe('instance');
    expectNothingOfTheRequest();
  });

  it('sends nothing about other work of the process, but keeps the tags that the app set for all events', async () => {
    init({ dsn: ingest.dsn, ...everything });
    // Set by a queue worker for another tenant: without its own scope, it stays for the whole process.
    Sentry.setUser({ id: 'of another tenant', segment: 'vip' });
    Sentry.addBreadcrumb({ message: 'job of another tenant' });
    Sentry.setTag('region', 'eu');
    await start();
    try {
      await evaluate(4);
      expect(ingest.events).toEqual([
        expect.objectContaining({ tags: expect.objectContaining({ region: 'eu' }) as unknown }),
      ]);
      expect(ingest.bodies.find((body) => body.includes('is over the'))).not.toMatch(/another tenant|vip/);
      // It is still there for events of the app.
      Sentry.captureMessage('of the app');
      await Sentry.flush(2_000);
      expect(JSON.stringify(ingest.events[1])).toMatch(
        /of another tenant.*job of another tenant|job of another tenant.*of another tenant/,
      );
    } finally {
      Sentry.getIsolationScope().setUser(null).setTag('region', undefined).clearBreadcrumbs();
    }
  });

  it('records no address of other channels', async () => {
    const hook = await new WebhookServer().start();
    init({ dsn: ingest.dsn });
    await start({ channels: [new WebhookChannel({ url: hook.url }), new SentryChannel()] });
    for (const project of ['proj_1', 'proj_2']) {
      await evaluate(4, { 'x-project': project });
      await until(() => hook.requests.some(({ body }) => body.includes(project)));
    }
    expect((await app.app.get(AlertService).sendTest())[0]).toEqual({ channel: 'webhook', delivered: true });
    Sentry.captureMessage('of the app itself');
    await Sentry.flush(2_000);
    await hook.close();
    expect(ingest.events).toHaveLength(4);
    expect(ingest.bodies.join('\n')).not.toContain(hook.requests[0]?.path);
    for (const { headers } of hook.requests) expect(headers).not.toHaveProperty('sentry-trace');
  });

  it("names the severity and fits tags into Sentry's limits", async () => {
    init({ dsn: ingest.dsn });
    await start({
      categories: {
        evaluations: { threshold: 1, levels: [{ at: 1, severity: 'critical' }] },
        collections: { threshold: 1 },
        llm_call: { threshold: 1 },
      },
    });
    await evaluate(2, { 'x-project': 'p'.repeat(300), 'x-name': 'N'.repeat(3_000) });
    const [event] = ingest.events as [SentryEvent];
    expect(event.level).toBe('error');
    expect(event.tags.tenant_id).toHaveLength(200);
    expect(Object.values(event.tags).every((value) => value.length <= 200 && !value.includes('\n'))).toBe(true);
    expect(event.fingerprint[2]).toHaveLength(144);
  });

  it('sends nothing if Sentry is not set up, has no DSN or is closed', async () => {
    await start();
    await evaluate(5);
    init({});
    await evaluate(5, { ...acme, 'x-project': 'proj_2' });
    init({ dsn: ingest.dsn, enabled: false });
    await evaluate(5, { ...acme, 'x-project': 'proj_3' });
    expect(ingest.bodies).toEqual([]);
    expect(app.log.of('is over')).toHaveLength(3);
    const records = await app.app.get(AlertService).history();
    expect(records.map(({ channels }) => channels)).toEqual(
      Array(3).fill({ log: { status: 'delivered', attempts: 1 } }),
    );
    expect(app.log.of('The sentry channel')).toEqual([]);
    expect(await app.app.get(AlertService).sendTest()).toContainEqual({
      channel: 'sentry',
      delivered: false,
      reason: 'Sentry is not set up in this app',
    });
  });

  describe('the outcome of an event', () => {
    const raised = async (count: number, becomes: string): Promise<AlertService> => {
      const alerts = app.app.get(AlertService);
      for (let i = 0; i < count; i++) alerts.raise(anAlert({ tenant: { id: `proj_${i}` } }));
      await until(async () => {
        const statuses = (await alerts.history()).map(({ channels }) => channels.sentry?.status);
        return statuses.length === count && statuses.every((one) => one === becomes);
      });
      return alerts;
    };

    const arrived = () => new Set(ingest.events.flatMap(({ tags }) => (tags?.tenant_id ? [tags.tenant_id] : [])));

    it("is known for 1,000 tenants that go over at once, even if the app's events fill the buffer", async () => {
      await ingest.close();
      ingest = await SentryIngest.start(30);
      init({ dsn: ingest.dsn });
      await start({ channels: [new SentryChannel()] });
      for (let i = 0; i < 100; i++) Sentry.captureMessage(`of the app ${i}`);
      const alerts = app.app.get(AlertService);
      for (let i = 0; i < 1_000; i++) alerts.raise(anAlert({ tenant: { id: `proj_${i}` } }));
      // A busy machine may have some of them sent twice. Sentry's SDK needs 8 s of a core for them.
      await until(() => (alerts.channels()[0]?.outcomes.delivered ?? 0) >= 1_000 && arrived().size === 1_000, 100_000);
      // The history keeps the last 500.
      const statuses = (await alerts.history()).map(({ channels }) => channels.sentry?.status);
      expect([statuses.length, new Set(statuses)]).toEqual([500, new Set(['delivered'])]);
    }, 120_000);

    it('is known soon for the rest of a storm of which the app drops half', async () => {
      init({ dsn: ingest.dsn, beforeSend: (event) => (/\(drop_/.test(event.message ?? '') ? null : event) });
      await start({ channels: [new SentryChannel()] });
      const alerts = app.app.get(AlertService);
      for (let i = 0; i < 200; i++)
        alerts.raise(anAlert({ tenant: { id: `${i % 2 === 0 ? 'drop' : 'keep'}_${i}`, name: 'Acme' } }));
      expect(
        await endsWithin(
          until(() => arrived().size === 100),
          6_000,
        ),
      ).toBe(true);
    }, 30_000);

    it('is delivered even if the app gives its events other ids', async () => {
      init({ dsn: ingest.dsn, beforeSend: (event) => ({ ...event, event_id: 'f'.repeat(32) }) });
      const channel = new SentryChannel();
      await start({ channels: [channel] });
      await channel.send(anAlert());
      expect(ingest.events).toHaveLength(1);
    });

    it("is not reported as dropped for long if the app's beforeSend has become slow", async () => {
      let takesMs = 0;
      const slowly = (event: Sentry.ErrorEvent) => wait(takesMs, event);
      init({ dsn: ingest.dsn, beforeSend: slowly });
      const channel = new SentryChannel();
      await start({ channels: [channel] });
      const send = (id: string) => channel.send(anAlert({ tenant: { id } }));
      await send('a');
      takesMs = 1_500;
      // Treated as dropped, unless the machine is busy and the first was slow too.
      await send('b').catch(() => undefined);
      await wait(takesMs);
      await send('c');
      expect(ingest.events).toHaveLength(3);
    });

    it('is not reported as dropped if the process was blocked before Sentry had its turn', async () => {
      init({ dsn: ingest.dsn });
      await start({ channels: [new SentryChannel()] });
      const capture = jest.spyOn(Sentry.getClient() as Sentry.NodeClient, 'captureMessage');
      app.app.get(AlertService).raise(anAlert());
      await until(() => capture.mock.calls.length > 0);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500);
      const sent = async () => (await app.app.get(AlertService).history())[0]?.channels.sentry;
      await until(async () => ((await sent())?.attempts ?? 0) > 0);
      expect(await sent()).toEqual({ status: 'delivered', attempts: 1 });
    });

    it('is a retry as the same event if Sentry could not accept it', async () => {
      init({ dsn: ingest.dsn });
      await start({ channels: [new SentryChannel()] });
      ingest.refusals.push(503, 503);
      const alerts = await raised(1, 'delivered');
      expect((await alerts.history())[0]?.channels.sentry).toEqual({ status: 'delivered', attempts: 3 });
      expect(ingest.events).toHaveLength(1);
      expect(app.log.of('The sentry channel could not send an alert of llm_call (answered 503)')).toHaveLength(1);
    });

    it('is never reported as delivered if the app drops it, and the log warns of a sampleRate that drops events', async () => {
      init({ dsn: ingest.dsn, sampleRate: 0 });
      await start({ channels: [new SentryChannel()] });
      expect(app.log.of('its sampleRate is 0')).toHaveLength(1);
      const alerts = await raised(1, 'failed');
      expect((await alerts.history())[0]?.channels.sentry).toMatchObject({
        status: 'failed',
        attempts: 1,
        reason: expect.stringContaining('dropped by the app') as string,
      });
      expect(ingest.events).toEqual([]);
    });
  });

  describe('when the app ends', () => {
    const ended = async (slowMs: number, shutdownFlushMs: number): Promise<string[]> => {
      await ingest.close();
      ingest = await SentryIngest.start(slowMs);
      init({ dsn: ingest.dsn });
      await start({ channels: [new SentryChannel()], shutdownFlushMs });
      app.app.get(AlertService).raise(anAlert());
      await app.close();
      return ofTheChannel();
    };
    /** Without the boot line, which names the channels. */
    const ofTheChannel = (): string[] => app.log.of('sentry').filter((line) => !line.includes('Counting in'));

    it('posts the event first', async () => {
      expect(await ended(300, 10_000)).toEqual([]);
      expect(ingest.events).toHaveLength(1);
    });

    it('reports that it took too long', async () => {
      expect(await ended(60_000, 500)).toEqual([
        'warn RateMonitor: The sentry channel did not send 1 alert: the process ended first',
      ]);
      expect(ingest.events).toEqual([]);
    });

    it('does not wait for what the app itself has for Sentry', async () => {
      await ingest.close();
      ingest = await SentryIngest.start(20_000);
      init({ dsn: ingest.dsn });
      await start({ channels: [new SentryChannel()], shutdownFlushMs: 1_000 });
      Sentry.captureMessage('of the app');
      await app.close();
      expect(ofTheChannel()).toEqual([]);
    });
  });

  it('does no harm if Sentry throws', async () => {
    init({
      dsn: ingest.dsn,
      integrations: [{ name: 'throws', setup: (client) => (client.captureMessage = () => JSON.parse('{') as string) }],
    });
    await start({ channels: [new SentryChannel(), new LogChannel()] });
    await evaluate(5);
    expect(app.log.of('is over')).toHaveLength(1);
    expect(app.log.of('The sentry channel could not send an alert of evaluations')).toHaveLength(1);
  });
});
