import { readFileSync } from 'node:fs';

import { Logger } from '@nestjs/common';
import Ajv from 'ajv';

import { Notices, type NewNotice } from '../../src/notices/notices.js';
import { blindNotice } from '../../src/notices/blind-notice.js';
import {
  DeliveryError,
  DiscordChannel,
  LogChannel,
  SlackChannel,
  WebhookChannel,
  type AlertChannel,
  type Notice,
} from '../../src/index.js';
import { MemorySharedState } from '../../src/store/memory/memory-shared-state.js';
import { startApp, type TestApp } from '../support/app.js';
import { LlmController } from '../support/controllers.js';
import { DiscordServer } from '../support/discord-server.js';
import { MemoryLogger } from '../support/memory-logger.js';
import { sharedRedis } from '../support/redis.js';
import { RedisServer } from '../support/redis-server.js';
import { SlackServer } from '../support/slack-server.js';
import { endsWithin, until } from '../support/until.js';
import { WebhookServer } from '../support/webhook-server.js';
import { Redis } from 'ioredis';

const AT = new Date('2026-01-01T12:00:00Z');
const HOSTILE = '@everyone <!channel> [x](https://evil.example) \u202E\n**b**';

const aNotice = (more: Partial<Notice> = {}): Notice => ({
  id: 'blind:1:2',
  kind: 'blind',
  severity: 'warning',
  at: AT,
  title: 'Blind for 5 min: Redis was away',
  lines: ['From 12:00 to 12:05', `a "${HOSTILE}"`],
  service: 'api',
  environment: 'production',
  link: 'https://a.example/x',
  ...more,
});

const LONG = aNotice({ title: HOSTILE.repeat(99), lines: Array.from({ length: 200 }, () => HOSTILE.repeat(99)) });

describe('a notice', () => {
  it('is an embed in Discord in which names format and mention nothing, and fits its limits at any length', async () => {
    const server = await new DiscordServer().start();
    const channel = new DiscordChannel({ url: server.url, mentionRole: '123' });
    await channel.notify(aNotice());
    await channel.notify(LONG);
    const [message, long] = server.messages.map(({ now }) => now);
    const [embed] = message?.embeds ?? [];
    expect(embed?.title).toBe('Blind for 5 min\\: Redis was away');
    expect(embed?.url).toBe('https://a.example/x');
    expect(embed?.description?.split('\n')).toEqual([
      'From 12\\:00 to 12\\:05',
      'a "\\@everyone \\<!channel\\> \\[x\\]\\(https\\://evil\\.example\\) \\*\\*b\\*\\*"',
      'api, production',
    ]);
    expect([message?.content, message?.allowed_mentions]).toEqual(['', { parse: [] }]);
    expect(JSON.stringify(long)).toMatch(/and \d+ more lines/);
    await server.close();
  });

  it('opens a thread in a forum', async () => {
    const server = await new DiscordServer({ forum: true }).start();
    await new DiscordChannel({ url: server.url, threadName: ({ tenant }) => tenant.id }).notify(aNotice());
    expect(server.messages[0]?.now.thread_name).toBe('Blind for 5 min: Redis was away');
    await server.close();
  });

  it('is plain text in Slack', async () => {
    const server = await new SlackServer().start();
    const channel = new SlackChannel({ url: server.url });
    await channel.notify(aNotice());
    await channel.notify(LONG);
    expect(server.messages[0]?.text).toMatch(/^Blind for 5 min: Redis was away; From .*&lt;!channel&gt;/);
    expect(server.messages[0]?.blocks.map(({ type }) => type)).toEqual(['header', 'section', 'actions']);
    expect(JSON.stringify(server.messages[0]?.blocks)).not.toContain('"mrkdwn"');
    expect(server.messages).toHaveLength(2);
    await server.close();
  });

  it('is JSON by its schema for a webhook, under its id', async () => {
    const server = await new WebhookServer().start();
    const schema = JSON.parse(readFileSync('docs/webhook-notice.schema.json', 'utf8')) as object;
    const matches = new Ajv({ formats: { 'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ } }).compile(schema);
    for (const notice of [aNotice(), LONG, aNotice({ service: undefined, link: 'javascript:1' })]) {
      await new WebhookChannel({ url: server.url, secret: 'x'.repeat(32) }).notify(notice);
      const { body, headers } = server.requests.at(-1) as (typeof server.requests)[0];
      expect(matches(JSON.parse(body)) ? [] : matches.errors).toEqual([]);
      expect([headers['webhook-id'], headers['webhook-signature']]).toEqual([
        'blind:1:2',
        expect.stringMatching(/^v1,/),
      ]);
    }
    await server.close();
  });

  it('is a line of the log, by its severity', () => {
    const log = new MemoryLogger();
    Logger.overrideLogger(log);
    const channel = new LogChannel();
    for (const severity of ['info', 'warning', 'critical'] as const) channel.notify(aNotice({ severity }));
    channel.notify(aNotice({ kind: 'threshold' }));
    expect(log.lines.map((line) => line.split(' ', 1)[0])).toEqual(['log', 'warn', 'error']);
    expect(log.lines[0]).toContain('Blind for 5 min: Redis was away | From 12:00 to 12:05 | a "@everyone');
    expect(log.lines[0]).toContain('| api, production | https://a.example/x');
    expect(log.lines.join('')).not.toMatch(/[\n\u202E]/);
  });

  it('names at most 20 instances, and sums up the others', () => {
    const one = { instance: 'a', host: HOSTILE, pid: 7, from: AT, to: AT, counted: 1_240, lost: 40 };
    const { title, lines } = blindNotice(
      { from: AT, to: new Date(AT.getTime() + 250_000), instances: Array.from({ length: 25 }, () => one) },
      'Redis 127.0.0.1:6379',
    );
    expect(title).toBe('Blind for 4 min 10 s: Redis 127.0.0.1:6379 was away');
    expect(lines[0]).toBe('From 2026-01-01 12:00:00 UTC to 2026-01-01 12:04:10 UTC');
    expect(lines).toHaveLength(23);
    expect(lines[2]).toMatch(/\(pid 7\) counted 1,240 alone, 40 lost: their windows ended first$/);
    expect(lines[22]).toBe('5 more instances counted 6,200 alone, 200 of it lost');
  });
});

describe('sending notices', () => {
  const given: NewNotice = { id: 'x', kind: 'digest', severity: 'info', title: 'Title', lines: [] };
  const notices = (channels: readonly AlertChannel[], state = new MemorySharedState(), retryAfterMs = [1, 1]) => {
    const log = new MemoryLogger();
    const about = { service: 'api', environment: undefined, publicUrl: 'https://a.example/', shutdownFlushMs: 100 };
    const named = channels.map((channel) => ({ channel, name: channel.name, option: 'channels[0]' }));
    const settings = { ...about, channels: named, state, now: Date.now, retryAfterMs };
    return { log, notices: new Notices(settings, log) };
  };
  const own = (name: string, notify: AlertChannel['notify'], more: Partial<AlertChannel> = {}): AlertChannel => ({
    ...{ name, send: () => undefined, ...(notify ? { notify } : {}) },
    ...more,
  });

  it('goes to each channel that takes it, tries again and reports what failed', async () => {
    const heard: string[] = [];
    let tries = 0;
    const { log, notices: all } = notices([
      own('good', ({ title, service, link }) => void heard.push(`${title} ${service} ${link}`)),
      own('flaky', () => {
        if (++tries < 3) throw new Error('busy');
      }),
      own('broken', () => Promise.reject(new Error('never'))),
      own('refusing', () => Promise.reject(new DeliveryError('no such hook', { retry: false }))),
      own('deaf', undefined),
      own('serious', () => void heard.push('serious'), { minSeverity: 'warning' }),
    ]);
    expect(await all.send(given)).toEqual([
      { channel: 'good', delivered: true },
      { channel: 'flaky', delivered: true },
      { channel: 'broken', delivered: false, reason: 'never' },
      { channel: 'refusing', delivered: false, reason: 'no such hook' },
    ]);
    expect([heard, tries]).toEqual([['Title api https://a.example/'], 3]);
    expect(log.lines.filter((line) => line.startsWith('error'))).toEqual([
      expect.stringContaining('The refusing channel did not send a notice (no such hook): Title'),
      expect.stringContaining('The broken channel did not send a notice (never): Title'),
    ]);
  });

  it('goes by category to the channels of that category', async () => {
    const { notices: all } = notices([
      own('its own', () => undefined, { categories: ['llm_call'] }),
      own('another', () => undefined, { categories: ['evaluations'] }),
    ]);
    const of = async (category?: string) => (await all.send({ ...given, category })).map(({ channel }) => channel);
    expect([await of('llm_call'), await of()]).toEqual([['its own'], ['its own', 'another']]);
  });

  it('goes out once from all replicas, and again if it could not be made', async () => {
    const state = new MemorySharedState();
    let heard = 0;
    const replicas = Array.from({ length: 5 }, () => notices([own('good', () => void heard++)], state).notices);
    await expect(replicas[0]?.sendOnce('day 1', () => Promise.reject(new Error('no usage')))).rejects.toThrow(
      'no usage',
    );
    const sent = await Promise.all(replicas.map((replica) => replica.sendOnce('day 1', async () => given)));
    expect([heard, sent.filter((one) => one !== undefined)]).toEqual([1, [[{ channel: 'good', delivered: true }]]]);
    await replicas[0]?.sendOnce('day 2', async () => given);
    expect(heard).toBe(2);
  });

  it('holds up no shutdown, and reports what was not sent', async () => {
    const broken = () => own('broken', () => Promise.reject(new Error('never')));
    const hanging = () => own('hanging', () => new Promise(() => undefined));
    const { log, notices: all } = notices([broken(), hanging()], undefined, [600_000]);
    void all.send(given);
    await until(() => log.lines.length === 1);
    expect(await endsWithin(all.stop(), 2_000)).toBe(true);
    expect(log.lines[1]).toContain('The broken channel did not send a notice (never): Title');
  });
});

it('tells once of a Redis that was away, from which instance counted what, also of one that had nothing to count', async () => {
  const server = await RedisServer.start();
  const { keyPrefix, client } = sharedRedis();
  await client.quit();
  const hooks = await new WebhookServer().start();
  const clients: Redis[] = [];
  const start = (): Promise<TestApp> => {
    const redis = new Redis(server.url, { lazyConnect: true });
    clients.push(redis);
    const channels = [new WebhookChannel({ url: hooks.url })];
    const options = { redis, keyPrefix, channels, blindAfterMs: 500, service: 'api', waitAtMostMs: 50 };
    return startApp({ options, metadata: { controllers: [LlmController] } });
  };
  const apps = await Promise.all([start(), start(), start()]);
  try {
    await server.kill();
    // The third has nothing to count, and notices it too.
    const calls = apps
      .slice(0, 2)
      .flatMap(({ post }, i) => Array.from({ length: i + 2 }, () => post('/llm/call', { 'x-project': 'p' })));
    await Promise.all(calls);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await server.restart();
    const notices = () => hooks.requests.map(({ body }) => JSON.parse(body) as Notice & { type: string });
    await until(() => notices().some(({ type }) => type === 'notice'));
    const [notice, ...more] = notices().filter(({ type }) => type === 'notice');
    expect(more).toEqual([]);
    expect(notice?.title).toMatch(/^Blind for .* s: Redis 127\.0\.0\.1:\d+ was away$/);
    expect(notice?.lines.slice(2).map((line) => line.slice(line.indexOf(') ') + 2))).toEqual([
      'counted 3 alone, all published since',
      'counted 2 alone, all published since',
      'counted 0 alone',
    ]);
  } finally {
    await Promise.all(apps.map(({ close }) => close()));
    for (const redis of clients) redis.disconnect();
    await Promise.all([hooks.close(), server.kill()]);
  }
});
