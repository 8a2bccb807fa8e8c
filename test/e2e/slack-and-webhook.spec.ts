import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { Logger } from '@nestjs/common';
import Ajv from 'ajv';
import { Webhook } from 'standardwebhooks';

import { SlackChannel, WebhookChannel, type AlertIncident, type RateAlert } from '../../src/index.js';
import { anAlert, anIncident } from '../support/alerts.js';
import { isGenuine } from '../docs/verify-webhook.js';
import { fits, SlackServer } from '../support/slack-server.js';
import type { Received } from '../support/stand-in.js';
import { WebhookServer } from '../support/webhook-server.js';

describe('the Slack channel', () => {
  let server: SlackServer;
  afterEach(() => server.close());

  it('sends a text for notifications and plain blocks, with the link as a button', async () => {
    server = await new SlackServer().start();
    const channel = new SlackChannel({ url: server.url, environment: 'staging', link: () => 'https://a.example/x' });
    await channel.send(anAlert({ tenant: { id: 'proj_1', name: '<!channel> & *Acme*' } }));
    const [message] = server.messages;
    expect(message?.text).toMatch(
      /^\[warning\] "&lt;!channel&gt; &amp; \*Acme\*" \(proj_1\) is over the llm_call threshold: 47 in 1 min/,
    );
    expect(message?.mrkdwn).toBe(false);
    expect(message?.blocks.map(({ type }) => type)).toEqual(['header', 'section', 'actions']);
    expect(message?.blocks[0]?.text?.text).toBe('🟠 "<!channel> & *Acme*" (proj_1) is over the llm_call threshold');
    expect(message?.blocks[1]?.fields?.map(({ text }) => text)).toEqual([
      'Severity\nwarning',
      'Count\n47 in 1 min, threshold 15, 3.1x',
      'Route\nPOST /llm/call (LlmController.call)',
      'Window\n2026-01-01 12:00:00 UTC to 2026-01-01 12:01:00 UTC',
      'Tenant id\nproj_1',
      'Service\nstaging',
    ]);
    expect(message?.blocks[2]?.elements?.[0]?.url).toBe('https://a.example/x');
    expect(JSON.stringify(message?.blocks)).not.toContain('"mrkdwn"');
  });

  it('names a whole batch in one message', async () => {
    server = await new SlackServer({ onePerSecond: true }).start();
    const channel = new SlackChannel({ url: server.url });
    await channel.sendBatch(Array.from({ length: 25 }, (_, i) => anAlert({ tenant: { id: `p${i}` } })));
    const lines = server.messages[0]?.blocks.slice(2).flatMap(({ text }) => text?.text.split('\n') ?? []);
    expect(lines).toHaveLength(25);
    expect(lines?.[24]).toBe('🟠 p24: llm_call 47 of 15 in 1 min, 3.1x');
    await expect(channel.send(anAlert())).rejects.toMatchObject({ retry: true, retryAfterMs: 1_000 });
  });

  it('sends no empty block if neither environment nor time of a batch is known', async () => {
    server = await new SlackServer().start();
    await new SlackChannel({ url: server.url }).sendBatch([anAlert(), anAlert({ windowMs: 86_400_000 })]);
    expect(server.messages[0]?.blocks.map(({ text }) => text?.text)).toEqual([
      '🟠 2 warning over their thresholds',
      '🟠 "Acme" (proj_1): llm_call 47 of 15 in 1 min, 3.1x\n🟠 "Acme" (proj_1): llm_call 47 of 15 in 24 h, 3.1x',
    ]);
  });

  it("reports Slack's reason, which is a single word", async () => {
    server = await new SlackServer().start();
    server.answerNext({ status: 400, body: 'invalid_blocks' });
    await expect(new SlackChannel({ url: server.url }).send(anAlert())).rejects.toThrow('answered 400: invalid_blocks');
    expect(fits([])).toBe(false);
  });
});

describe('the webhook channel', () => {
  let server: WebhookServer;
  beforeEach(async () => (server = await new WebhookServer().start()));
  afterEach(() => server.close());

  const resolved = anIncident('resolved');
  const inPart = { ...resolved, incident: { ...(resolved.incident as AlertIncident), isPartial: true as const } };
  const matches = new Ajv({ formats: { 'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ } }).compile(
    JSON.parse(readFileSync(`${__dirname}/../../docs/webhook.schema.json`, 'utf8')) as object,
  );

  it.each<[string, RateAlert]>([
    ['plain', anAlert()],
    ['bare', anAlert({ tenant: { id: 'p' }, route: undefined as never, countedBy: 'instance', test: true })],
    [
      'hostile',
      anAlert({
        category: 'c'.repeat(9_000),
        tenant: {
          id: '\n\ud800'.repeat(9_000),
          name: '\u202E@everyone\n'.repeat(9_000),
          attributes: Object.fromEntries(
            Array.from({ length: 30 }, (_, i) => [`${i}\n`.repeat(99), 'v'.repeat(9_000)]),
          ),
        },
      }),
    ],
    [
      'all there is',
      anAlert({
        service: 'api',
        environment: 'production',
        window: 'day',
        windowMs: 86_400_000,
        windowEnd: new Date('2026-01-02T12:00:00Z'),
        countAtCrossing: 16,
        streak: { windows: 7, since: new Date('2025-12-26T12:00:00Z') },
        contributors: Array.from({ length: 20 }, (_, i) => ({ label: `\n${i}`.repeat(200), count: i })),
        link: 'https://a.example/x',
      }),
    ],
    ['opened', anIncident('opened')],
    ['escalated', anIncident('escalated')],
    ['reminded', anIncident('reminded')],
    ['resolved', anIncident('resolved')],
    ['resolved in part', inPart],
  ])('posts what its schema defines: %s', async (_, alert) => {
    await new WebhookChannel({ url: server.url }).send(alert);
    const body = JSON.parse((server.requests[0] as Received).body) as { id: string; message: string };
    expect(matches(body) ? [] : matches.errors).toEqual([]);
    expect(server.requests[0]?.headers['idempotency-key']).toBe(body.id);
    expect(server.requests[0]?.headers['webhook-id']).toBe(body.id);
    expect(server.requests[0]?.headers['content-type']).toBe('application/json');
    expect(server.requests[0]?.headers).not.toHaveProperty('x-rate-monitor-signature');
  });

  it('posts whether the store lost part of an incident', async () => {
    for (const alert of [anIncident('resolved'), inPart]) await new WebhookChannel({ url: server.url }).send(alert);
    const bodies = server.requests.map(({ body }) => JSON.parse(body) as { incident: { isPartial?: true } });
    expect(bodies.map(({ incident }) => incident.isPartial)).toEqual([undefined, true]);
  });

  it('posts what docs/channels.md shows', async () => {
    const docs = readFileSync(`${__dirname}/../../docs/channels.md`, 'utf8');
    await new WebhookChannel({ url: server.url }).send(anAlert());
    expect(JSON.parse((server.requests[0] as Received).body)).toEqual(
      JSON.parse(/```json\n([^]*?)```/.exec(docs)?.[1] ?? ''),
    );
  });

  it('keeps id and body for retries', async () => {
    const channel = new WebhookChannel({ url: server.url });
    server.answerNext({ status: 500 });
    await channel.send(anAlert()).catch(() => undefined);
    await channel.send(anAlert());
    await channel.send(anAlert({ windowStart: new Date(0) }));
    const sent = server.requests.map(({ body, headers }) => [body, headers['idempotency-key']]);
    expect(sent[0]).toEqual(sent[1]);
    expect(sent[2]?.[1]).not.toEqual(sent[1]?.[1]);
  });

  const ALERT = anAlert({ tenant: { id: 'Söhne 東京' } });
  const OLD = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
  const NEW = `whsec_${Buffer.alloc(32, 2).toString('base64')}`;
  const TEXT = 'a text of 24 characters or more';

  const signed = async (secret: string | string[], headers = {}): Promise<Received> => {
    await new WebhookChannel({ url: server.url, secret, headers }).send(ALERT);
    return server.requests.at(-1) as Received;
  };
  const standard = ({ headers }: Received): Record<string, string> => headers as Record<string, string>;

  it('signs as Standard Webhooks defines: its own package verifies requests, and rejects changed ones', async () => {
    const request = await signed(NEW);
    const webhook = new Webhook(NEW);
    const headers = standard(request);
    expect(webhook.verify(request.body, headers)).toMatchObject({ id: headers['webhook-id'], type: 'rate_alert' });
    expect(() => webhook.verify(`${request.body} `, headers)).toThrow('No matching signature');
    expect(() => webhook.verify(request.body, { ...headers, 'webhook-id': 'another' })).toThrow(
      'No matching signature',
    );
    expect(() => new Webhook(OLD).verify(request.body, headers)).toThrow('No matching signature');
  });

  it('signs with several secrets during a rotation, and with a plain text secret', async () => {
    const request = await signed([NEW, OLD, TEXT]);
    for (const webhook of [new Webhook(OLD), new Webhook(NEW), new Webhook(TEXT, { format: 'raw' })])
      expect(() => webhook.verify(request.body, standard(request))).not.toThrow();
  });

  it('is verified by the code that the docs show', async () => {
    const { body, headers } = await signed(NEW);
    expect(isGenuine(body, headers, NEW)).toBe(true);
    expect(isGenuine(body, headers, OLD)).toBe(false);
    expect(isGenuine(`${body} `, headers, NEW)).toBe(false);
    expect(isGenuine(body, { ...headers, 'webhook-timestamp': '1' }, NEW)).toBe(false);
    expect(isGenuine(body, {}, NEW)).toBe(false);
  });

  it("sends the headers of 0.1 too, and does not let the app's headers replace them", async () => {
    const { body, headers } = await signed(TEXT, {
      Authorization: 'Bearer x',
      'Content-Type': 'text/plain',
      'X-Rate-Monitor-Signature': 'sha256=forged',
      'Webhook-Id': 'forged',
    });
    const timestamp = headers['x-rate-monitor-timestamp'] as string;
    expect(Math.abs(Number(timestamp) - Date.now() / 1_000)).toBeLessThan(10);
    expect(headers['x-rate-monitor-signature']).toBe(
      `sha256=${createHmac('sha256', TEXT).update(`${timestamp}.${body}`).digest('hex')}`,
    );
    expect(headers['webhook-id']).toBe(headers['idempotency-key']);
    expect(headers.authorization).toBe('Bearer x');
    expect(headers['content-type']).toBe('application/json');
  });

  it('warns of plain http to another host, but not to loopback', () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation();
    for (const url of ['http://localhost:1/x', 'http://127.0.0.1/x', 'http://[::1]/x', 'https://hooks.example/x'])
      new WebhookChannel({ url }).start();
    expect(warn).not.toHaveBeenCalled();
    new WebhookChannel({ url: 'http://hooks.internal/kept-secret' }).start();
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]?.[0]).toMatch(/plain http/);
    expect(warn.mock.calls[0]?.[0]).not.toContain('kept-secret');
    warn.mockRestore();
  });
});
