import { readFileSync } from 'node:fs';

import { Logger } from '@nestjs/common';
import Ajv from 'ajv';

import { blindNotice } from '../../src/notices/blind-notice.js';
import { DiscordChannel, LogChannel, SlackChannel, WebhookChannel, type Notice } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { LlmController } from '../support/controllers.js';
import { DiscordServer } from '../support/discord-server.js';
import { MemoryLogger } from '../support/memory-logger.js';
import { sharedRedis } from '../support/redis.js';
import { RedisServer } from '../support/redis-server.js';
import { SlackServer } from '../support/slack-server.js';
import { until } from '../support/until.js';
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
  it('is an embed in Discord whose names format and mention nothing, within the limits at any length', async () => {
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

  it('is JSON that fits its schema for a webhook, with its id', async () => {
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

  it("has a webhook id that is valid in a header, however long its category's name is", async () => {
    const server = await new WebhookServer().start();
    const id = `threshold:1:${'x'.repeat(39)}…`;
    await new WebhookChannel({ url: server.url }).notify(aNotice({ id }));
    const { body, headers } = server.requests.at(-1) as (typeof server.requests)[0];
    expect(headers['webhook-id']).toMatch(/^[\w-]{22}$/);
    expect((JSON.parse(body) as { id: string }).id).toBe(headers['webhook-id']);
    await server.close();
  });

  it('is a log line at the level of its severity', () => {
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

  it('names at most 20 instances, and adds up the others', () => {
    const one = { instance: 'a', host: HOSTILE, pid: 7, from: AT, to: AT, counted: 1_240, lost: 40 };
    const { title, lines } = blindNotice(
      { from: AT, to: new Date(AT.getTime() + 250_000), instances: Array.from({ length: 25 }, () => one) },
      'Redis 127.0.0.1:6379',
    );
    expect(title).toBe('Rate monitor blind for 4 min 10 s: Redis 127.0.0.1:6379 was away');
    expect(lines[0]).toBe('From 2026-01-01 12:00:00 UTC to 2026-01-01 12:04:10 UTC');
    expect(lines).toHaveLength(23);
    expect(lines[2]).toMatch(/\(pid 7\) counted 1,240 alone, 40 lost: their windows ended first$/);
    expect(lines[22]).toBe('5 more instances counted 6,200 alone, 200 of it lost');
  });
});

it('a notice reports once that Redis was away, and what each instance counted, even if that is nothing', async () => {
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
    expect(notice?.title).toMatch(/^Rate monitor blind for .* s: Redis 127\.0\.0\.1:\d+ was away$/);
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
