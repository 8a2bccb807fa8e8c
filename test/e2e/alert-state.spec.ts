import { setTimeout as wait } from 'node:timers/promises';

import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';

import type { AlertEngine, AlertSettings } from '../../src/alert/alert-engine.js';
import {
  DeliveryError,
  DiscordChannel,
  PagerDutyChannel,
  RedisCounterStore,
  WebhookChannel,
  type AlertChannel,
  type RateAlert,
} from '../../src/index.js';
import { RedisSharedState } from '../../src/store/redis/redis-shared-state.js';
import { MemorySharedState } from '../../src/store/memory/memory-shared-state.js';
import type { SharedState } from '../../src/store/shared-state.js';
import { aWindow } from '../support/alert-settings.js';
import { aBreachNow } from '../support/a-breach.js';
import { alertReplica, brittle, sharedPlace, type SharedPlace } from '../support/replica-with-alerts.js';
import { CapturingChannel } from '../support/app.js';
import { DiscordServer } from '../support/discord-server.js';
import { PagerDutyServer } from '../support/pagerduty-server.js';
import { RedisServer } from '../support/redis-server.js';
import { endsWithin, until } from '../support/until.js';
import { WebhookServer } from '../support/webhook-server.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const GREEN = 0x2ecc71;
const fast = { rateLimit: { requests: 100, perMs: 100 } };
const story = { incidents: { remindAfterMs: DAY_MS, resolveAfterMs: 1_000 } };
const critical = { at: 5, severity: 'critical' as const };
const idOf = ({ body }: { body: string }): string => (JSON.parse(body) as RateAlert).tenant.id;

describe.each(['memory', 'Redis'])('alerts as state, in %s', (where) => {
  let place: SharedPlace;
  let state: SharedState;
  let discord: DiscordServer;
  let hook: WebhookServer;
  let replicas: AlertEngine[];
  let lines: string[];

  beforeEach(async () => {
    lines = [];
    for (const level of ['log', 'warn', 'error'] as const)
      jest.spyOn(Logger.prototype, level).mockImplementation((...said: unknown[]) => void lines.push(String(said[0])));
    place = sharedPlace(where);
    state = place.state;
    discord = await new DiscordServer(fast).start();
    hook = await new WebhookServer().start();
    replicas = [];
  });
  afterEach(async () => {
    await Promise.all(replicas.map((replica) => replica.stop()));
    await Promise.all([discord.close(), hook.close(), place.close()]);
    jest.restoreAllMocks();
  });

  const replica = async (
    ...[channels, more, on = state]: [AlertChannel[], Partial<AlertSettings>?, SharedState?]
  ): Promise<AlertEngine> => {
    const started = await alertReplica(on, channels, more);
    replicas.push(started);
    return started;
  };
  const toDiscord = () => new DiscordChannel({ url: discord.url });
  const toHook = () => new WebhookChannel({ url: hook.url });
  const colors = () => discord.messages.map(({ now }) => now.embeds?.[0]?.color);

  it('is one incident if replicas have two names for the window, as while a deployment adds another window', async () => {
    const windowMs = 1_500;
    const called = (name: string) => ({ ...story, windowOf: () => aWindow('1500ms', windowMs, { name }) });
    const [old, next] = [new CapturingChannel(), new CapturingChannel()];
    const before = await replica([old], called(''));
    const after = await replica([next], called('1500ms'));
    const seen = () => [...old.alerts, ...next.alerts].map(({ incident }) => incident?.status);
    const first = aBreachNow(windowMs);
    await before.breached(first);
    await after.breached({ ...first, window: '1500ms' });
    const [windowStart, windowEnd] = [first.windowEnd, first.windowEnd + windowMs];
    await after.breached({ ...first, window: '1500ms', windowStart, windowEnd });
    await until(() => seen().length === 2);
    expect(seen()).toEqual(['opened', 'resolved']);
    const listed = async (engine: AlertEngine) => (await engine.list()).map(({ alert }) => alert.window);
    expect([await listed(before), await listed(after)]).toEqual([[undefined], ['1500ms']]);
  });

  it('sends later what a receiver first refused, whatever the status', async () => {
    const alerts = await replica([toHook()]);
    const answers = [403, 400, 408, 425, 500, 429];
    const reasons = async () => (await alerts.list()).map(({ channels }) => channels.webhook?.reason);
    // Checked from the beginning, because the next try may succeed before the last of the others is sent.
    const timesOut = until(async () => (await reasons()).some((reason) => reason?.includes('no answer within')));
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    jest.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => timeout(ms / 30));
    hook.hang();
    await alerts.breached(aBreachNow(DAY_MS, { tenant: { id: 'time-out' } }));
    await until(() => hook.requests.length === 1);
    hook.reset();
    await alerts.breached(aBreachNow(DAY_MS, { tenant: { id: 'reset' } }));
    await until(() => hook.requests.length === 2);
    hook.answerNext(...answers.map((status) => ({ status })));
    for (const id of answers) {
      await alerts.breached(aBreachNow(DAY_MS, { tenant: { id: `t${id}` } }));
      await until(async () =>
        (await alerts.list()).some(
          ({ alert, channels }) => alert.tenant.id === `t${id}` && (channels.webhook?.attempts ?? 0) > 0,
        ),
      );
    }
    await timesOut;
    await until(async () => (await alerts.list()).every(({ channels }) => channels.webhook?.status === 'delivered'));
  });

  it('tries once more when it stops, and leaves the rest to another replica', async () => {
    const alerts = await replica([toHook()]);
    hook.answerNext({ status: 403 });
    await alerts.breached(aBreachNow(DAY_MS));
    await until(async () => (await alerts.list())[0]?.channels.webhook?.status === 'failed');
    hook.answerNext({ status: 503 });
    await alerts.stop();
    expect(hook.requests).toHaveLength(2);
    await replica([toHook()]);
    await until(() => hook.requests.length === 3);
  });

  it('treats a 404 as an absent receiver: a successful test sends what was held back', async () => {
    const alerts = await replica([toHook()]);
    hook.answerNext({ status: 404 });
    await alerts.breached(aBreachNow(DAY_MS, { tenant: { id: '1' } }));
    await until(() => alerts.channels()[0]?.on === false);
    for (const id of ['2', '3']) {
      await alerts.breached(aBreachNow(DAY_MS, { tenant: { id } }));
      await wait(50);
    }
    expect(hook.requests).toHaveLength(1);
    const [away] = alerts.channels();
    expect(away).toMatchObject({ name: 'webhook', on: false, reason: 'answered 404', outcomes: { retried: 1 } });
    expect(Math.abs((away?.offSince ?? 0) - Date.now())).toBeLessThan(10_000);
    expect(away?.retryAt).toBeGreaterThan(Date.now() + 5_000);
    expect(await alerts.sendTest()).toEqual([{ channel: 'webhook', delivered: true }]);
    await until(() => hook.requests.length === 5);
    expect(new Set(hook.requests.slice(2).map(idOf))).toEqual(new Set(['1', '2', '3']));
    await until(() => alerts.channels()[0]?.queued === 0);
    const outcomes = { delivered: 3, retried: 1, failed: 0, suppressed: 0 };
    expect(alerts.channels()).toEqual([{ name: 'webhook', on: true, queued: 0, outcomes }]);
    expect(lines.filter((line) => /webhook channel/.test(line))).toEqual([
      expect.stringContaining('has a wrong address or credentials, or its receiver is away (answered 404)'),
      'The webhook channel works again',
    ]);
  });

  it('is off after a 410 until a test goes through', async () => {
    const alerts = await replica([toHook()]);
    hook.answerNext({ status: 410 });
    await alerts.breached(aBreachNow(DAY_MS));
    await until(() => lines.some((line) => line.includes('is off (answered 410)')));
    await alerts.breached(aBreachNow(DAY_MS, { tenant: { id: 'other' } }));
    await wait(300);
    expect(hook.requests).toHaveLength(1);
    const off = {
      name: 'webhook',
      on: false,
      reason: 'answered 410',
      offSince: expect.any(Number) as number,
      queued: 2,
    };
    expect(alerts.channels()).toEqual([{ ...off, outcomes: { delivered: 0, retried: 0, failed: 1, suppressed: 0 } }]);
    await alerts.sendTest();
    await until(() => hook.requests.length === 4);
  });

  it('is sent by the replica with a valid webhook if the one that noticed has a revoked one', async () => {
    const revoked = await new WebhookServer().start();
    const other = await new DiscordServer(fast).start();
    const one = await replica([new WebhookChannel({ url: revoked.url }), new DiscordChannel({ url: other.url })]);
    await replica([toHook(), toDiscord()]);
    await wait(1_100);
    revoked.answerNext({ status: 410 });
    other.remove();
    await one.breached(aBreachNow(DAY_MS));
    await until(() => hook.requests.length > 0 && discord.messages.length > 0);
    await wait(1_100);
    expect([revoked.requests.length, hook.requests.length, discord.messages.length]).toEqual([1, 1, 1]);
    const delivered = { status: 'delivered', attempts: 1 };
    expect((await one.list())[0]?.channels).toEqual({ webhook: delivered, discord: delivered });
    await Promise.all([revoked.close(), other.close()]);
  });

  it('continues its message after a deployment puts another channel of the same kind before its own', async () => {
    const other = await new DiscordServer(fast).start();
    const settings = { incidents: { remindAfterMs: DAY_MS, resolveAfterMs: 2_500 } };
    const old = await replica([toDiscord()], settings);
    await old.breached(aBreachNow(1_000));
    await until(() => discord.messages.length === 1);
    await old.stop();
    const names = ['discord', 'discord 2'];
    const channels = [new DiscordChannel({ url: other.url }), toDiscord()].map((channel, i) => ({
      channel,
      name: names[i] as string,
      option: `channels[${i}]`,
    }));
    const now = await replica([], { ...settings, channels });
    await until(() => colors().includes(GREEN));
    expect(discord.messages).toHaveLength(1);
    await until(async () => Object.keys((await now.list())[0]?.channels ?? {}).length === 2);
    expect(Object.keys((await now.list())[0]?.channels ?? {}).sort()).toEqual(names);
    await other.close();
  });

  it('updates the message of a slow Discord to what is true by then, instead of posting a second one', async () => {
    discord.delayNext(6_000);
    const alerts = await replica([toDiscord()], { incidents: { remindAfterMs: DAY_MS, resolveAfterMs: 1_000 } });
    await alerts.breached(aBreachNow(1_000));
    await until(() => discord.messages.length > 0 && colors().every((color) => color === GREEN));
    expect(discord.requests.map(({ method }) => method)).toEqual(['POST', 'PATCH']);
  });

  it('is one message if three levels are crossed within a second, with the current count', async () => {
    const counts = () => Promise.resolve([5_000]);
    const contributors = (_of: unknown, _end: number, count: number) => Promise.resolve([{ label: 'ben', count }]);
    const alerts = await replica([toDiscord()], { groupWaitMs: 1_500, counts, contributors });
    const levels = [{ at: 0.8, severity: 'info' as const }, { at: 1, severity: 'warning' as const }, critical];
    const early = [{ label: 'ann', count: 7 }];
    for (const level of levels)
      await alerts.breached(aBreachNow(DAY_MS, { level, count: Math.ceil(level.at * 15) + 1, contributors: early }));
    await until(() => discord.messages.length > 0);
    await wait(1_600);
    expect(discord.messages).toHaveLength(1);
    expect(JSON.stringify(discord.messages[0]?.now)).toMatch(/5[,  ]?000/);
    expect(JSON.stringify(discord.messages[0]?.now)).toMatch(/\\"ben\\" 5,000/);
    expect((await alerts.list())[0]?.alert).toMatchObject({ count: 5_000, countAtCrossing: 76, level: critical });
  });

  it('leaves the message green if one replica is about to send old news when another sees the end', async () => {
    const [one, other] = [await replica([toDiscord()], story), await replica([toDiscord()], story)];
    await one.breached(aBreachNow(1_000));
    await until(() => discord.messages.length === 1);
    await wait(100);
    discord.answerNext({ status: 503, headers: { 'retry-after': '3' } });
    await one.breached(aBreachNow(1_000, { level: critical, count: 90 }));
    await until(() => discord.requests.length >= 2);
    await until(() => colors().at(-1) === GREEN);
    await wait(1_500);
    expect(colors().every((color) => color === GREEN)).toBe(true);
    expect((await other.list())[0]?.alert.incident?.status).toBe('resolved');
  });

  it('posts one message if two replicas notice at the same time', async () => {
    const both = [await replica([toDiscord()], story), await replica([toDiscord()], story)];
    await Promise.all(both.map((alerts) => alerts.breached(aBreachNow(DAY_MS))));
    await until(() => discord.messages.length > 0);
    await wait(1_500);
    expect(discord.messages).toHaveLength(1);
  });

  it('sends the end of what was sent even during a mute, and after the mute what is still true', async () => {
    const heard = new CapturingChannel();
    const alerts = await replica([heard], story);
    await alerts.breached(aBreachNow(1_000));
    await alerts.mutes.mute({ tenant: 'proj_1', forMs: 5_000, reason: 'on it', by: 'Ana' });
    await alerts.mutes.mute({ tenant: 'day', forMs: 1_500, reason: 'on it' });
    await alerts.breached(aBreachNow(DAY_MS, { tenant: { id: 'day' } }));
    const statuses = () => heard.alerts.map(({ tenant, incident }) => `${tenant.id} ${incident?.status}`);
    expect(statuses()).toEqual(['proj_1 opened']);
    await until(() => statuses().length === 3);
    expect(statuses().sort()).toEqual(['day opened', 'proj_1 opened', 'proj_1 resolved']);
    expect(lines.find((line) => line.startsWith('Muted proj_1'))).toMatch(/every category by Ana until .* \(on it\)$/);
  });

  it('becomes one incident when the store is back, with one message per replica at most', async () => {
    const sides = [brittle(state), brittle(state), brittle(state)];
    const settings = { incidents: { remindAfterMs: DAY_MS, resolveAfterMs: 2_000 } };
    const all = await Promise.all(sides.map((side) => replica([toDiscord()], settings, side)));
    await wait(1_100);
    for (const side of sides) side.away = true;
    for (let window = 0; window < 4; window++) {
      await Promise.all(all.map((alerts) => alerts.breached(aBreachNow(1_000, { countedBy: 'instance' }))));
      await wait(1_000);
    }
    expect(discord.messages.length).toBeLessThanOrEqual(3);
    await expect(all[0]?.mutes.mute({ forMs: 1_000, reason: 'x' })).rejects.toThrow(
      'The mute was not set: the store is away',
    );
    expect(await all[1]?.list()).toHaveLength(1);
    expect(await all[1]?.mutes.list()).toEqual([]);
    for (const side of sides) side.away = false;
    await until(() => colors().length > 0 && colors().every((color) => color === GREEN));
    expect(discord.messages.length).toBeLessThanOrEqual(3);
    expect(await all[1]?.list()).toHaveLength(1);
  });

  it('ends what replicas opened under several ids while they could not reach each other', async () => {
    const pagerDuty = await new PagerDutyServer().start();
    const sides = [brittle(state), brittle(state)];
    const channels = () => [
      toHook(),
      new PagerDutyChannel({ url: pagerDuty.url, routingKey: 'R0123456789abcdef0123456789abcde' }),
    ];
    const [one, other] = await Promise.all(sides.map((side) => replica(channels(), story, side)));
    const ids = (status: string) =>
      hook.requests
        .map(({ body }) => (JSON.parse(body) as RateAlert).incident)
        .flatMap((incident) => (incident?.status === status ? [incident.id] : []))
        .sort();
    for (const side of sides) side.away = true;
    const first = aBreachNow(1_000, { countedBy: 'instance' });
    await one?.breached(first);
    // Each replica noticed a different window first.
    await other?.breached({ ...first, windowStart: first.windowEnd, windowEnd: first.windowEnd + 1_000 });
    await until(() => ids('opened').length === 2 && pagerDuty.open.size === 2);
    for (const side of sides) side.away = false;
    await until(() => ids('resolved').length === 2 && pagerDuty.open.size === 0);
    expect(ids('resolved')).toEqual(ids('opened'));
    // All four ids differ, so a receiver that accepts each id once accepts all four.
    expect(new Set(hook.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(4);
    await pagerDuty.close();
  });

  it('reports levels that are crossed while a message is being sent in one message about the highest, with the present count', async () => {
    const sent: [at: number, count: number][] = [];
    const channel: AlertChannel = {
      name: 'slow',
      send: async ({ level, count }) => {
        sent.push([level.at, count]);
        await wait(400);
      },
    };
    let count = 16;
    const counts: AlertSettings['counts'] = (reads) => Promise.resolve(reads.map(() => count));
    const alerts = await replica([channel], { counts });
    const first = alerts.breached(aBreachNow(DAY_MS, { level: { at: 1, severity: 'warning' }, count: 16 }));
    await until(() => sent.length === 1);
    for (const [at, crossing] of [
      [2, 31],
      [5, 76],
    ] as const)
      void alerts.breached(aBreachNow(DAY_MS, { level: { at, severity: 'critical' }, count: crossing }));
    count = 200;
    await first;
    await wait(1_500);
    expect(sent).toEqual([
      [1, 16],
      [5, 200],
    ]);
  });

  it('does not let an alert that always fails delay others', async () => {
    const got: string[] = [];
    const channel: AlertChannel = {
      name: 'picky',
      send: ({ tenant }) =>
        tenant.id === 'poison' ? Promise.reject(new Error('answered 500')) : void got.push(tenant.id),
    };
    const alerts = await replica([channel]);
    await alerts.breached(aBreachNow(DAY_MS, { tenant: { id: 'poison' } }));
    const healthy = Array.from({ length: 20 }, (_, i) => `ok${i}`);
    await Promise.all(healthy.map((id) => alerts.breached(aBreachNow(DAY_MS, { tenant: { id }, level: critical }))));
    expect(
      await endsWithin(
        until(() => got.length === 20),
        2_000,
      ),
    ).toBe(true);
  });

  it.each([
    ['an error', () => new Error('answered 500')],
    ['a refusal', () => new DeliveryError('answered 400', { retry: false })],
  ])(
    'does not let an alert that always fails delay a group, which ends with %s, or break the next one',
    async (_, fault) => {
      const got: string[] = [];
      const groups: string[][] = [];
      const send = (ids: string[]): Promise<void> => {
        groups.push(ids);
        return ids.includes('poison') ? Promise.reject(fault()) : Promise.resolve(void got.push(...ids));
      };
      const channel: AlertChannel = {
        name: 'picky',
        send: ({ tenant }) => send([tenant.id]),
        sendBatch: (all) => send(all.map(({ tenant }) => tenant.id)),
      };
      const alerts = await replica([channel], { groupWaitMs: 100 });
      const raise = (ids: string[]) =>
        Promise.all(ids.map((id) => alerts.breached(aBreachNow(DAY_MS, { tenant: { id }, level: critical }))));
      const healthy = (from: number) => Array.from({ length: 20 }, (__, i) => `ok${from + i}`);
      await raise(['poison', ...healthy(0)]);
      expect(
        await endsWithin(
          until(() => got.length === 20),
          2_000,
        ),
      ).toBe(true);
      // Identified once it has failed alone, which may be after all others are sent.
      await until(() => groups.some((ids) => ids.length === 1 && ids.includes('poison')));
      expect(groups.length).toBeLessThan(18);
      expect(groups.filter((ids) => ids.includes('poison') && ids.length > 1).length).toBeLessThan(6);
      const before = groups.length;
      await raise(healthy(20));
      expect(
        await endsWithin(
          until(() => got.length === 40),
          2_000,
        ),
      ).toBe(true);
      expect(groups.slice(before).every((ids) => ids.length === 1 || !ids.includes('poison'))).toBe(true);
    },
  );

  it.each([
    ['one by one', false],
    ['in groups', true],
  ])(
    'does not let four urgent alerts that always fail hold up others in a channel that takes them %s',
    async (_, groups) => {
      const got: string[] = [];
      let failures = 0;
      const send = (ids: string[]): Promise<void> => {
        if (!ids.some((id) => id.startsWith('poison'))) return Promise.resolve(void got.push(...ids));
        failures++;
        return Promise.reject(new Error('answered 500'));
      };
      const channel: AlertChannel = {
        name: 'picky',
        send: ({ tenant }) => send([tenant.id]),
        ...(groups ? { sendBatch: (all: readonly RateAlert[]) => send(all.map(({ tenant }) => tenant.id)) } : {}),
      };
      const alerts = await replica([channel], { groupWaitMs: 100 });
      for (let i = 0; i < 4; i++)
        void alerts.breached(aBreachNow(DAY_MS, { tenant: { id: `poison${i}` }, level: critical }));
      await until(() => failures >= (groups ? 9 : 12), 15_000);
      await alerts.breached(aBreachNow(DAY_MS, { tenant: { id: 'ok' } }));
      await until(() => got.length === 1, 8_000);
    },
    40_000,
  );

  it('does not split a group because the channel asks for a pause', async () => {
    const sizes: number[] = [];
    const channel: AlertChannel = {
      name: 'limited',
      send: () => void sizes.push(1),
      sendBatch: ({ length }) => {
        if (sizes.push(length) < 3) throw new DeliveryError('answered 429', { retry: true, retryAfterMs: 300 });
        return Promise.resolve();
      },
    };
    const alerts = await replica([channel], { groupWaitMs: 1_500 });
    const ids = Array.from({ length: 10 }, (_, i) => `t${i}`);
    await Promise.all(ids.map((id) => alerts.breached(aBreachNow(DAY_MS, { tenant: { id } }))));
    await until(() => sizes.length === 3);
    expect([1, 10]).toContain(sizes[0]);
    // With one that was sent before the others were there.
    expect(Math.min(...sizes.slice(1))).toBeGreaterThan(8);
  });

  it("is soon sent by another replica if the sender died and then the store's clock fell back", async () => {
    let offset = 0;
    const now = (): number => Date.now() + offset;
    const side = brittle(state);
    const heard = new CapturingChannel();
    const dead: AlertChannel = { name: heard.name, send: () => new Promise(() => undefined) };
    const one = await alertReplica(side, [dead], { ...story, now });
    await replica([heard], { ...story, now });
    await one.breached(aBreachNow(DAY_MS));
    side.away = true;
    // After both have looked.
    await wait(1_500);
    offset = -HOUR_MS;
    await until(() => heard.alerts.length === 1);
    side.away = false;
    await one.stop();
  }, 20_000);

  it('puts the worst tenant first in the next message, and counts those without room', async () => {
    const batches: { ids: string[]; more: number }[] = [];
    const channel: AlertChannel = {
      name: 'slow',
      send: ({ tenant }) => void batches.push({ ids: [tenant.id], more: 0 }),
      batchSize: 5,
      sendBatch: async (alerts, more = 0) => {
        batches.push({ ids: alerts.map(({ tenant }) => tenant.id), more });
        await wait(400);
      },
    };
    const alerts = await replica([channel], { groupWaitMs: 100 });
    const junk = Array.from({ length: 60 }, (_, i) =>
      alerts.breached(aBreachNow(DAY_MS, { tenant: { id: `junk${i}` } })),
    );
    await until(() => batches.length === 1);
    await Promise.all([...junk, alerts.breached(aBreachNow(DAY_MS, { tenant: { id: 'abuser' }, count: 300 }))]);
    await until(() => batches.length === 2);
    expect(batches[1]?.ids[0]).toBe('abuser');
    await until(async () => (await alerts.list()).every(({ channels }) => channels.slow?.status === 'delivered'));
    expect(batches.reduce((sum, { ids, more }) => sum + ids.length + more, 0)).toBe(61);
    expect(Math.max(...batches.map(({ more }) => more))).toBeGreaterThan(0);
  });

  it('keeps a correct history of 90 alerts while three channels are down', async () => {
    const down = (name: string): AlertChannel => ({ name, send: () => Promise.reject(new Error('answered 503')) });
    const alerts = await replica([down('a'), down('b'), down('c')]);
    await Promise.all(
      Array.from({ length: 90 }, (_, i) => alerts.breached(aBreachNow(DAY_MS, { tenant: { id: `t${i}` } }))),
    );
    await wait(1_000);
    const records = await alerts.list();
    expect(records).toHaveLength(90);
    for (const { channels } of records) expect(Object.keys(channels).sort()).toEqual(['a', 'b', 'c']);
    expect(records.some(({ channels }) => channels.a?.status === 'delivered')).toBe(false);
  });

  it('leaves the incidents and mutes of another environment alone', async () => {
    const heard = { staging: new CapturingChannel(), production: new CapturingChannel() };
    const staging = await replica([heard.staging], { ...story, environment: 'staging' });
    const production = await replica([heard.production], { ...story, environment: 'production' });
    await production.breached(aBreachNow(1_000));
    await staging.mutes.mute({ forMs: DAY_MS, reason: 'always' });
    await until(() => heard.production.alerts.length === 2);
    expect(heard.production.alerts.map(({ incident, environment }) => [incident?.status, environment])).toEqual([
      ['opened', 'production'],
      ['resolved', 'production'],
    ]);
    expect([heard.staging.alerts, await staging.list(), await production.mutes.list()]).toEqual([[], [], []]);
  });

  it('has an incident for each of two tenants that differ in half a surrogate pair, and survives a broken record', async () => {
    const heard = new CapturingChannel();
    const alerts = await replica([heard], story);
    const tenant = {
      id: 'c',
      attributes: Object.defineProperty({}, 'x', {
        enumerable: true,
        get: () => {
          throw new Error('not loaded');
        },
      }),
    };
    const broken = ['{"', '{}', '{"uid":"u","windows":[{}],"told":{}}'];
    for (const [i, text] of broken.entries()) {
      await state.swap('incidents::', `broken ${i}`, undefined, text, 0);
      await state.swap('history::', `broken ${i}`, undefined, text);
    }
    await Promise.all(['\ud800', '\ud801'].map((id) => alerts.breached(aBreachNow(DAY_MS, { tenant: { id } }))));
    await alerts.breached(aBreachNow(1_000, { tenant }));
    expect(heard.alerts).toHaveLength(3);
    await until(() => heard.alerts.length === 4);
    expect(heard.alerts[3]).toMatchObject({ tenant: { id: 'c' }, incident: { status: 'resolved' } });
    const ids = broken.map((_, i) => `broken ${i}`);
    await until(async () => (await state.read('incidents::', ids)).every((text) => text === undefined));
    expect(await alerts.list()).toHaveLength(3);
  });

  it('sends what a mute held back once the shorter mute that replaced it ends', async () => {
    const heard = new CapturingChannel();
    const alerts = await replica([heard]);
    await alerts.mute({ tenant: 'a', forMs: DAY_MS, reason: 'all day' });
    await alerts.mute({ tenant: 'b', forMs: DAY_MS, reason: 'all day' });
    for (const id of ['a', 'b']) await alerts.breached(aBreachNow(DAY_MS, { tenant: { id } }));
    await alerts.mute({ tenant: 'a', forMs: 500, reason: 'done soon' });
    await until(() => heard.alerts.length > 0, 3_000);
    expect(heard.alerts.map(({ tenant }) => tenant.id)).toEqual(['a']);
  });

  it('records an alert held back by a mute that is set while it waits for a group, and sends it when the mute ends', async () => {
    const alerts = await replica([toDiscord()], { groupWaitMs: 300 });
    await alerts.breached(aBreachNow(DAY_MS));
    await alerts.mute({ tenant: 'proj_1', forMs: 1_000, reason: 'on it' });
    const delivery = async () => (await alerts.list())[0]?.channels.discord?.status;
    await until(async () => (await delivery()) === 'suppressed', 900);
    expect((await alerts.mutes.list())[0]).toMatchObject({ heldBack: 1 });
    await until(() => discord.messages.length === 1, 3_000);
  });

  it('restores mutes if the store loses its data, but none that was ended', async () => {
    // On a separate Redis, because it loses all data.
    const server = where === 'Redis' ? await RedisServer.start() : undefined;
    const client = server && new Redis(server.url);
    const on = client ? new RedisSharedState(client, 'own') : state;
    const [one, other] = [await replica([], {}, on), await replica([], {}, on)];
    await one.mutes.mute({ tenant: 'a', forMs: DAY_MS, reason: 'x' });
    await one.mutes.mute({ tenant: 'b', forMs: DAY_MS, reason: 'x' });
    await other.mutes.refresh();
    await one.unmute({ tenant: 'b' });
    await other.mutes.refresh();
    if (client) await client.flushall();
    else Object.assign(state, { kinds: (new MemorySharedState() as unknown as { kinds: unknown }).kinds });
    expect(await on.size('mutes::')).toBe(0);
    expect((await other.mutes.list()).map(({ tenant }) => tenant)).toEqual(['a']);
    expect((await one.mutes.list()).map(({ tenant }) => tenant)).toEqual(['a']);
    expect([...(await on.list('mutes::')).keys()].some((id) => id.includes('"a"'))).toBe(true);
    await Promise.all([one.stop(), other.stop()]);
    client?.disconnect();
    await server?.kill();
  });

  it('applies a mute in another replica within a second while 2,000 incidents are open', async () => {
    if (where === 'memory') return;
    const [one, other] = [
      await replica([new CapturingChannel()], story),
      await replica([new CapturingChannel()], story),
    ];
    for (let i = 0; i < 2_000; i += 100)
      await Promise.all(
        Array.from({ length: 100 }, (_, j) => one.breached(aBreachNow(5_000, { tenant: { id: `t${i + j}` } }))),
      );
    await one.mutes.mute({ tenant: 'a', forMs: DAY_MS, reason: 'x' });
    // It reads mutes once a second. How long that takes depends on the machine; which read brings the mute does not: the first that begins
    // after it, so not one behind the incidents.
    const reads = jest.spyOn(other.mutes, 'refresh');
    await until(() => other.mutes.of('llm_call', 'a') !== undefined);
    expect(reads.mock.calls.length).toBeLessThanOrEqual(1);
  });

  it('limits open incidents, and still sends the alerts beyond the limit', async () => {
    const heard = new CapturingChannel();
    const alerts = await replica([heard], { ...story, maxOpenIncidents: 3 });
    for (let i = 0; i < 3; i++) await alerts.breached(aBreachNow(DAY_MS, { tenant: { id: `t${i}` } }));
    for (let i = 3; i < 6; i++) await alerts.breached(aBreachNow(1_000, { tenant: { id: `t${i}` } }));
    expect([heard.alerts.length, await state.size('incidents::')]).toEqual([6, 3]);
    expect(lines.filter((line) => line.includes('are open, the maximum'))).toEqual([
      '3 incidents are open, the maximum: further ones of llm_call are sent only by the replica that notices them. Raise maxOpenIncidents, or the thresholds',
    ]);
    await until(() => heard.alerts.length === 9);
    expect(heard.alerts.slice(6).map(({ incident }) => incident?.status)).toEqual(Array(3).fill('resolved'));
    await until(async () => (await state.size('history::')) === 3);
    expect((await alerts.list()).length).toBe(6);
  });
});

describe('alerts as state, if Redis loses what it acknowledged', () => {
  let server: RedisServer;
  let client: Redis;
  let stores: RedisCounterStore[];
  let replicas: AlertEngine[];
  let heard: CapturingChannel[];
  const statuses = () => heard.flatMap(({ alerts }) => alerts.map(({ incident }) => incident?.status));
  const start = async (): Promise<AlertEngine> => {
    const store = new RedisCounterStore(client);
    await new Promise<void>((resolve) => store.open(resolve));
    const channel = new CapturingChannel();
    const replica = await alertReplica(store.state, [channel], story);
    heard.push(channel);
    stores.push(store);
    replicas.push(replica);
    return replica;
  };

  beforeEach(async () => {
    for (const level of ['log', 'warn', 'error'] as const)
      jest.spyOn(Logger.prototype, level).mockImplementation(() => undefined);
    server = await RedisServer.start();
    client = new Redis(server.url).on('error', () => undefined);
    [stores, replicas, heard] = [[], [], []];
  });
  afterEach(async () => {
    await Promise.all(replicas.map((replica) => replica.stop()));
    await Promise.all(stores.map((store) => store.close()));
    client.disconnect();
    await server.kill();
    jest.restoreAllMocks();
  });

  const opened = async (on: AlertEngine): Promise<void> => {
    const windowStart = Date.now();
    await on.breached(aBreachNow(3_000, { windowStart, windowEnd: windowStart + 3_000 }));
    // Confirmed too, so that no failing write reveals the loss.
    await until(async () => (await on.list())[0]?.channels.capturing?.status === 'delivered');
  };

  it('sends once the end of an incident that was opened in the last second before a failover', async () => {
    const [one] = [await start(), await start()];
    const looks = jest.spyOn(RedisSharedState.prototype, 'due');
    await until(() => looks.mock.calls.length > 2);
    await client.save();
    await opened(one);
    await server.restartAsSaved();
    await until(() => statuses().length === 2);
    // Each replica looks at least once more.
    looks.mockClear();
    await until(() => looks.mock.calls.length > 4);
    expect(statuses()).toEqual(['opened', 'resolved']);
  });

  it("sends the end of an incident that a replica opened, and the store lost, before the replica's first look", async () => {
    const looks = jest.spyOn(RedisSharedState.prototype, 'due');
    const one = await start();
    await opened(one);
    await client.flushall();
    expect(looks).not.toHaveBeenCalled();
    await until(() => statuses().length === 2);
    expect(statuses()).toEqual(['opened', 'resolved']);
  });
});
