import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { inspect } from 'node:util';

import {
  AlertService,
  DiscordChannel,
  RateMonitorService,
  SlackChannel,
  WebhookChannel,
  type RateAlert,
  type RateMonitorOptions,
} from '../../src/index.js';
import { ALERTS } from '../../src/facade/alert.service.js';
import type { AlertEngine } from '../../src/alert/alert-engine.js';
import type { Deferred } from '../../src/util/deferred.js';
import { anAlert } from '../support/alerts.js';
import { startApp, type TestApp } from '../support/app.js';
import { LlmController } from '../support/controllers.js';
import { DiscordServer } from '../support/discord-server.js';
import { SlackServer } from '../support/slack-server.js';
import { handlerOf } from './contexts/function.example.js';
import { WebhookServer } from '../support/webhook-server.js';
import { endsWithin, until } from '../support/until.js';

const fast = { rateLimit: { requests: 50, perMs: 100 } };
const busy = { status: 429, body: { message: 'You are being rate limited.', retry_after: 0.4, global: false } };
const broken = { status: 500, body: 'oops' };

describe('delivery', () => {
  let app: TestApp;
  let discord: DiscordServer;
  let slack: SlackServer;
  let hook: WebhookServer;

  beforeEach(async () => {
    discord = await new DiscordServer(fast).start();
    slack = await new SlackServer().start();
    hook = await new WebhookServer().start();
  });
  afterEach(async () => {
    delete process.env.RATE_MONITOR_DISCORD_WEBHOOK_URL;
    delete process.env.RATE_MONITOR_SLACK_WEBHOOK_URL;
    await app?.close();
    await Promise.all([discord.close(), slack.close(), hook.close()]);
  });

  const start = async (options: RateMonitorOptions): Promise<AlertService> => {
    app = await startApp({
      metadata: { controllers: [LlmController] },
      options: { shutdownFlushMs: 200, groupWaitMs: 0, ...options },
    });
    return app.app.get(AlertService);
  };
  const becomes = async (alerts: AlertService, channel: string, status: string): Promise<void> =>
    until(async () => (await alerts.history())[0]?.channels[channel]?.status === status);

  it('waits as long as a 429 asks for, and sends one message', async () => {
    const alerts = await start({ channels: [new DiscordChannel({ url: discord.url })] });
    discord.answerNext(busy);
    const asked = performance.now();
    alerts.raise(anAlert());
    await becomes(alerts, 'discord', 'delivered');
    expect(performance.now() - asked).toBeGreaterThan(390);
    expect([discord.messages.length, discord.requests.length]).toEqual([1, 2]);
    expect((await alerts.history())[0]?.channels).toEqual({ discord: { status: 'delivered', attempts: 2 } });
    expect(app.log.of('could not send an alert of llm_call (answered 429')).toHaveLength(1);
  });

  it('sends one message after three answers of 500, with the same idempotency key each time', async () => {
    const alerts = await start({
      channels: [new WebhookChannel({ url: hook.url, secret: 'a-secret-of-24-characters-' })],
    });
    hook.answerNext(broken, broken, broken);
    alerts.raise(anAlert());
    await becomes(alerts, 'webhook', 'delivered');
    const keys = hook.requests.map(({ headers }) => headers['idempotency-key']);
    expect([keys.length, new Set(keys).size]).toEqual([4, 1]);
    expect((await alerts.history())[0]?.channels.webhook).toEqual({ status: 'delivered', attempts: 4 });
  });

  it('does not block on a server that never responds: not a request, another channel or the shutdown', async () => {
    discord.hang();
    await start({ channels: [new DiscordChannel({ url: discord.url }), new SlackChannel({ url: slack.url })] });
    for (let i = 0; i < 20; i++) expect((await app.post('/llm/call', { 'x-project': 'proj_1' })).status).toBe(201);
    await until(() => slack.messages.length === 1);
    // All of that happened during one wait for Discord's answer.
    await until(() => discord.waiting === 1);
    expect(discord.requests).toHaveLength(1);
    expect(await endsWithin(app.close(), 2_000)).toBe(true);
    expect(app.log.of('The discord channel did not send 1 alert: the process ended first')).toHaveLength(1);
  });

  it('lets a signal end an app without shutdown hooks at once, even if a server never responds', async () => {
    hook.hang();
    const child = fork(join(__dirname, '../support/app-without-hooks.ts'), {
      execArgv: ['-r', join(__dirname, '../support/register.js')],
      env: { ...process.env, WEBHOOK: hook.url },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const gone = once(child, 'exit');
    const listening = once(child, 'message');
    await until(() => hook.requests.length === 1);
    // Nobody in the process handles the signal, so nothing delays it.
    expect((await listening)[0]).toBe(0);
    child.kill('SIGTERM');
    const atLast = setTimeout(() => child.kill('SIGKILL'), 20_000);
    expect(await gone).toEqual([null, 'SIGTERM']);
    clearTimeout(atLast);
    expect(hook.requests).toHaveLength(1);
  });

  it('turns off a channel whose webhook is gone, with one line that names the option and not the address', async () => {
    process.env.RATE_MONITOR_DISCORD_WEBHOOK_URL = discord.url;
    const alerts = await start({ channels: [new SlackChannel({ url: slack.url })] });
    discord.remove();
    for (let i = 0; i < 3; i++) {
      alerts.raise(anAlert({ tenant: { id: `proj_${i}` } }));
      await becomes(alerts, 'discord', 'failed');
    }
    await until(() => slack.messages.length === 3);
    expect(discord.requests).toHaveLength(1);
    expect(app.log.of('The discord channel')).toEqual([
      'error RateMonitor: The discord channel is off (answered 404: Unknown Webhook): fix RATE_MONITOR_DISCORD_WEBHOOK_URL and restart, or call sendTest() if it is correct',
    ]);
    expect(app.log.lines.join()).not.toContain('secret');
  });

  it('logs that an alert was refused, and retries it only after a while', async () => {
    const alerts = await start({ channels: [new DiscordChannel({ url: discord.url })] });
    discord.answerNext({ status: 400, body: { message: 'Invalid Form Body', code: 50_035 } });
    alerts.raise(anAlert());
    await becomes(alerts, 'discord', 'failed');
    expect((await alerts.history())[0]?.channels.discord).toEqual({
      status: 'failed',
      attempts: 1,
      reason: 'answered 400: Invalid Form Body',
    });
    expect(app.log.of('The discord channel could not send an alert of llm_call (answered 400')).toHaveLength(1);
    expect(discord.requests).toHaveLength(1);
  });

  it('names 50 tenants that go over within a second in two messages, worst first, and loses none', async () => {
    const alerts = await start({ channels: [new DiscordChannel({ url: discord.url })], groupWaitMs: 300 });
    for (let i = 0; i < 50; i++)
      alerts.raise(anAlert({ tenant: { id: `proj_${i}`, name: `Tenant ${i}` }, count: 16 + i }));
    const deliveries = async (): Promise<unknown[]> =>
      (await alerts.history()).map(({ channels }) => channels.discord?.status);
    await until(async () => (await deliveries()).filter((status) => status === 'delivered').length === 50);
    expect(discord.messages).toHaveLength(2);
    const text = discord.messages.map(({ now }) => JSON.stringify(now.embeds)).join();
    const order = Array.from(text.matchAll(/\(proj\\\\_(\d+)\)|\(proj_(\d+)\)/g), ([, a, b]) => Number(a ?? b));
    expect(order).toEqual(Array.from({ length: 50 }, (_, i) => 49 - i));
    expect(await deliveries()).toEqual(Array.from({ length: 50 }, () => 'delivered'));
  });

  it('publishes and sends everything pending before a function is frozen', async () => {
    await start({
      channels: [new DiscordChannel({ url: discord.url })],
      groupWaitMs: 10_000,
      counting: 'background',
      flushIntervalMs: 10_000,
      shutdownFlushMs: 200,
    });
    for (let i = 0; i < 20; i++) await app.post('/llm/call', { 'x-project': 'proj_1' });
    expect(discord.requests).toHaveLength(0);
    const handler = handlerOf(app.app, () => app.post('/llm/call', { 'x-project': 'proj_1' }));
    expect((await handler(undefined)).status).toBe(201);
    expect(discord.messages).toHaveLength(1);
    expect(await app.app.get(RateMonitorService).flush(2_000)).toBe(true);
    discord.hang();
    for (let i = 0; i < 20; i++) await app.post('/llm/call', { 'x-project': 'proj_2' });
    const flushed = app.app.get(RateMonitorService).flush(400);
    expect(await endsWithin(flushed, 1_000)).toBe(true);
    expect(await flushed).toBe(false);
  });

  it('retries during a flush what a receiver briefly refused, as long as there is time', async () => {
    const channels = [new WebhookChannel({ url: hook.url }), new DiscordChannel({ url: discord.url })];
    const alerts = await start({ channels, groupWaitMs: 60_000 });
    hook.answerNext(broken, broken);
    discord.answerNext(broken);
    alerts.raise(anAlert());
    expect(await alerts.flush(8_000)).toBe(true);
    expect([hook.requests, discord.requests].map(({ length }) => length)).toEqual([3, 2]);
    hook.answerNext({ status: 403 });
    alerts.raise(anAlert({ tenant: { id: 'proj_2' } }));
    // It is retried after 2.5 s at the earliest, for which there is no time.
    const flushed = alerts.flush(2_400);
    expect(await endsWithin(flushed, 2_300)).toBe(true);
    expect(await flushed).toBe(false);
  });

  it('also sends what waits for the end of a pause at shutdown, and reports before how much that is', async () => {
    const alerts = await start({ channels: [new WebhookChannel({ url: hook.url })], shutdownFlushMs: 5_000 });
    hook.answerNext(...Array.from({ length: 20 }, () => broken));
    for (let i = 0; i < 3; i++) alerts.raise(anAlert({ tenant: { id: `first_${i}` } }));
    await until(() => alerts.channels()[0]?.on === false);
    for (let i = 0; i < 60; i++) alerts.raise(anAlert({ tenant: { id: `proj_${i}` } }));
    await until(() => alerts.channels()[0]?.queued === 63);
    hook.answerAsUsual();
    await app.close();
    const arrived = new Set(hook.requests.slice(3).map(({ body }) => (JSON.parse(body) as RateAlert).tenant.id));
    expect(arrived.size).toBe(63);
    expect(app.log.of('did not send')).toEqual([]);
  });

  it('does not keep the processor busy during a flush while the channel is off', async () => {
    const alerts = await start({ channels: [new WebhookChannel({ url: hook.url })] });
    hook.answerNext(...Array.from({ length: 16 }, () => ({ status: 410 })));
    for (let i = 0; i < 40; i++) alerts.raise(anAlert({ tenant: { id: `proj_${i}` } }));
    await until(() => alerts.channels()[0]?.on === false);
    const flushed = alerts.flush(3_000);
    expect(await endsWithin(flushed, 1_000)).toBe(true);
    expect(await flushed).toBe(false);
  });

  it('sends each channel only its severities and categories', async () => {
    const alerts = await start({
      channels: [
        new DiscordChannel({ url: discord.url, minSeverity: 'critical' }),
        new SlackChannel({ url: slack.url, categories: ['evaluations'] }),
        new WebhookChannel({ url: hook.url }),
      ],
    });
    alerts.raise(anAlert());
    await becomes(alerts, 'webhook', 'delivered');
    alerts.raise(anAlert({ tenant: { id: 'proj_2' }, level: { at: 5, severity: 'critical' } }));
    alerts.raise(anAlert({ category: 'evaluations' }));
    await until(() => hook.requests.length === 3);
    await until(() => discord.messages.length === 1 && slack.messages.length === 1);
    // Raised within a millisecond, so their order is undefined.
    const channels = (await alerts.history()).map((record) => Object.keys(record.channels).join());
    expect(channels.sort()).toEqual(['discord,webhook', 'slack,webhook', 'webhook']);
  });

  it('adds channels from the environment to those in code', async () => {
    process.env.RATE_MONITOR_DISCORD_WEBHOOK_URL = discord.url;
    process.env.RATE_MONITOR_SLACK_WEBHOOK_URL = slack.url;
    await start({ channels: [new DiscordChannel({ url: discord.url })] });
    for (let i = 0; i < 16; i++) await app.post('/llm/call', { 'x-project': 'proj_1' });
    await until(() => discord.messages.length === 2 && slack.messages.length === 1);
    expect(Object.keys((await app.app.get(AlertService).history())[0]?.channels ?? {})).toEqual([
      'discord',
      'discord 2',
      'slack',
    ]);
  });

  // `docker --env-file` keeps quotes in a value, which are easily overlooked.
  it.each(['my-secret', '"https://hooks.example/my-secret"', 'http://hooks.example/my-secret'])(
    'does not start with %s as an address, and does not show it',
    async (value) => {
      process.env.RATE_MONITOR_SLACK_WEBHOOK_URL = value;
      const starting = start({});
      await expect(starting).rejects.toThrow(
        'RATE_MONITOR_SLACK_WEBHOOK_URL is not the address of a webhook: write all of it, with https:// and without quotes',
      );
      await expect(starting).rejects.not.toThrow('my-secret');
    },
  );

  it.each([false, true])(
    'keeps an incident intact if a channel changes the alert it is given, in batches: %s',
    async (isBatch) => {
      const spoil = (alert: RateAlert): void => {
        Object.assign(alert, { count: -1, tenant: {}, category: '', incident: undefined });
      };
      const heard: RateAlert[] = [];
      const one = {
        name: 'masking',
        send: spoil,
        ...(isBatch ? { sendBatch: (all: RateAlert[]) => all.forEach(spoil) } : {}),
      };
      const alerts = await start({
        channels: [one, { name: 'other', send: (alert) => void heard.push(alert) }],
        incidents: true,
        groupWaitMs: isBatch ? 100 : 0,
      });
      for (const id of ['a', 'b']) alerts.raise(anAlert({ tenant: { id } }));
      await until(() => heard.length === 2);
      await until(async () =>
        (await alerts.history()).every(({ channels }) => channels.masking?.status === 'delivered'),
      );
      const kept = (await alerts.history()).map(({ alert }) => [
        alert.tenant.id,
        alert.count > 0,
        alert.incident?.status,
      ]);
      expect(kept.sort()).toEqual([
        ['a', true, 'opened'],
        ['b', true, 'opened'],
      ]);
    },
  );

  it('sends a marked test alert through every channel, and returns the results', async () => {
    const alerts = await start({
      channels: [
        new DiscordChannel({ url: discord.url, minSeverity: 'critical' }),
        new SlackChannel({ url: slack.url }),
        new WebhookChannel({ url: hook.url }),
      ],
    });
    slack.answerNext({ status: 500, body: 'oops' });
    expect(await alerts.sendTest()).toEqual([
      { channel: 'discord', delivered: true },
      { channel: 'slack', delivered: false, reason: 'answered 500: oops' },
      { channel: 'webhook', delivered: true },
    ]);
    expect(discord.messages[0]?.now.embeds?.[0]?.title).toMatch(/^\[Test\] /);
    expect(JSON.parse(hook.requests[0]?.body as string)).toMatchObject({ test: true });
  });

  it('shows no address and no secret if the service is printed', async () => {
    const alerts = await start({
      channels: [new WebhookChannel({ url: hook.url, secret: 'hush-hush-hush-hush-hush-hush' })],
    });
    const core = app.app.get<Deferred<AlertEngine>>(ALERTS).value;
    const printed = inspect([alerts, core], { depth: 20, showHidden: true });
    expect(printed).toContain('webhook');
    expect(printed).not.toMatch(/kept-secret|hush-hush/);
  });
});
