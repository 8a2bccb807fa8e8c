import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';

import Ajv from 'ajv';

import { SlackChannel, WebhookChannel, type RateAlert } from '../../src/index.js';
import { anAlert, anIncident } from '../support/alerts.js';
import { fits, SlackServer } from '../support/slack-server.js';
import type { Received } from '../support/stand-in.js';
import { WebhookServer } from '../support/webhook-server.js';

describe('the Slack channel', () => {
  let server: SlackServer;
  afterEach(() => server.close());

  it('says it in a text for notifications and in plain blocks, with the link as a button', async () => {
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

  it('names all of a batch in one message', async () => {
    server = await new SlackServer({ onePerSecond: true }).start();
    const channel = new SlackChannel({ url: server.url });
    await channel.sendBatch(Array.from({ length: 25 }, (_, i) => anAlert({ tenant: { id: `p${i}` } })));
    const lines = server.messages[0]?.blocks.slice(2).flatMap(({ text }) => text?.text.split('\n') ?? []);
    expect(lines).toHaveLength(25);
    expect(lines?.[24]).toBe('🟠 p24: llm_call 47 of 15 in 1 min, 3.1x');
    await expect(channel.send(anAlert())).rejects.toMatchObject({ retry: true, retryAfterMs: 1_000 });
  });

  it('says why Slack refused, which it does in a word', async () => {
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
    ['opened', anIncident('opened')],
    ['escalated', anIncident('escalated')],
    ['reminded', anIncident('reminded')],
    ['resolved', anIncident('resolved')],
  ])('posts what its schema says: %s', async (_, alert) => {
    await new WebhookChannel({ url: server.url }).send(alert);
    const body = JSON.parse((server.requests[0] as Received).body) as { id: string; message: string };
    expect(matches(body) ? [] : matches.errors).toEqual([]);
    expect(server.requests[0]?.headers['idempotency-key']).toBe(body.id);
    expect(server.requests[0]?.headers['content-type']).toBe('application/json');
    expect(server.requests[0]?.headers).not.toHaveProperty('x-rate-monitor-signature');
  });

  it('posts what docs/alerts.md shows', async () => {
    const docs = readFileSync(`${__dirname}/../../docs/alerts.md`, 'utf8');
    await new WebhookChannel({ url: server.url }).send(anAlert());
    expect(JSON.parse((server.requests[0] as Received).body)).toEqual(
      JSON.parse(/```json\n([^]*?)```/.exec(docs)?.[1] ?? ''),
    );
  });

  it('keeps id and body over retries', async () => {
    const channel = new WebhookChannel({ url: server.url });
    server.answerNext({ status: 500 });
    await channel.send(anAlert()).catch(() => undefined);
    await channel.send(anAlert());
    await channel.send(anAlert({ windowStart: new Date(0) }));
    const sent = server.requests.map(({ body, headers }) => [body, headers['idempotency-key']]);
    expect(sent[0]).toEqual(sent[1]);
    expect(sent[2]?.[1]).not.toEqual(sent[1]?.[1]);
  });

  it('signs the time and the very bytes it sends', async () => {
    const channel = new WebhookChannel({
      url: server.url,
      secret: 'shared',
      headers: { Authorization: 'Bearer x', 'Content-Type': 'text/plain', 'X-Rate-Monitor-Signature': 'sha256=forged' },
    });
    await channel.send(anAlert({ tenant: { id: 'Söhne 東京' } }));
    const { body, headers } = server.requests[0] as Received;
    const timestamp = headers['x-rate-monitor-timestamp'] as string;
    expect(Math.abs(Number(timestamp) - Date.now() / 1_000)).toBeLessThan(10);
    expect(headers['x-rate-monitor-signature']).toBe(
      `sha256=${createHmac('sha256', 'shared').update(`${timestamp}.${body}`).digest('hex')}`,
    );
    expect(headers.authorization).toBe('Bearer x');
    expect(headers['content-type']).toBe('application/json');
  });
});
