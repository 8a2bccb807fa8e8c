import { execFileSync } from 'node:child_process';
import { inspect } from 'node:util';

import {
  AlertmanagerChannel,
  DeliveryError,
  DiscordChannel,
  isDeliveryError,
  PagerDutyChannel,
  SlackChannel,
  WebhookChannel,
  type AlertChannel,
} from '../../src/index.js';
import { anAlert } from '../support/alerts.js';
import { DiscordServer } from '../support/discord-server.js';
import { PagerDutyServer } from '../support/pagerduty-server.js';
import { SlackServer } from '../support/slack-server.js';
import type { StandIn } from '../support/stand-in.js';
import { WebhookServer } from '../support/webhook-server.js';

const SECRET = 'hmac-secret-of-24-characters';
const BASIC = Buffer.from('scraper:basic-password').toString('base64');
const ROUTING_KEY = '0123456789abcdef0123456789abcdef';
const SECRETS = ['kept-secret', SECRET, 'sk-header-secret', BASIC, 'basic-password', ROUTING_KEY];

/** The options of each besides the address. */
const OWN_SECRETS: Record<string, string[]> = {
  webhook: [SECRET, 'sk-header-secret'],
  alertmanager: [BASIC, 'basic-password'],
  pagerduty: [ROUTING_KEY],
};

const KINDS: [string, () => StandIn, (url: string) => AlertChannel][] = [
  ['discord', () => new DiscordServer(), (url) => new DiscordChannel({ url })],
  ['slack', () => new SlackServer(), (url) => new SlackChannel({ url })],
  [
    'webhook',
    () => new WebhookServer(),
    (url) => new WebhookChannel({ url, secret: SECRET, headers: { authorization: 'Bearer sk-header-secret' } }),
  ],
  [
    'alertmanager',
    () => new WebhookServer(),
    (url) => new AlertmanagerChannel({ url, headers: { authorization: `Basic ${BASIC}` } }),
  ],
  ['pagerduty', () => new PagerDutyServer(), (url) => new PagerDutyChannel({ url, routingKey: ROUTING_KEY })],
];

describe.each(KINDS)('a %s channel', (kind, serve, make) => {
  let server: StandIn;
  let channel: AlertChannel;

  beforeEach(async () => {
    server = await serve().start();
    channel = make(server.url);
  });
  afterEach(() => server.close());

  const fault = async (): Promise<DeliveryError> => {
    const error: unknown = await Promise.resolve(channel.send(anAlert())).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DeliveryError);
    expect(isDeliveryError(error)).toBe(true);
    const shown = `${inspect(error, { showHidden: true })} ${String(error)} ${JSON.stringify(error)}`;
    for (const secret of [...SECRETS, '127.0.0.1']) expect(shown).not.toContain(secret);
    return error as DeliveryError;
  };

  it.each([500, 502, 503])('retries an alert after a %i', async (status) => {
    server.answerNext({ status, body: '<html>Bad day</html>' });
    expect(await fault()).toMatchObject({ message: `answered ${status}`, retry: true, switchOff: false });
    await channel.send(anAlert());
    expect(server.requests).toHaveLength(2);
  });

  it.each([
    ['a fraction of seconds in the body', { body: { message: 'Slow down', retry_after: 0.4 } }, 400, 400],
    ['seconds in the header', { headers: { 'retry-after': '2' } }, 2_000, 2_000],
    ['both, and the body is exact', { body: { retry_after: 0.25 }, headers: { 'retry-after': '1' } }, 250, 250],
    ['forever', { headers: { 'retry-after': '1e12' } }, 1e15, 1e15],
  ])('waits as long as a 429 requires: %s', async (_, answer, least, most) => {
    server.answerNext({ status: 429, ...answer });
    const { retry, retryAfterMs } = await fault();
    expect(retry).toBe(true);
    expect(retryAfterMs).toBeGreaterThanOrEqual(least);
    expect(retryAfterMs).toBeLessThanOrEqual(most);
  });

  it('waits as long as a 429 requires: until a date', async () => {
    const headers = { 'retry-after': new Date(Date.now() + 3_000_000).toUTCString() };
    server.answerNext({ status: 429, headers });
    const { retry, retryAfterMs } = await fault();
    expect(retry).toBe(true);
    expect(retryAfterMs).toBeGreaterThan(2_900_000);
    expect(retryAfterMs).toBeLessThanOrEqual(3_000_000);
  });

  it.each(['soon', '', '-'])('ignores the Retry-After of a 429 if it is %p', async (wait) => {
    const headers = { 'retry-after': wait };
    server.answerNext({ status: 429, headers });
    expect(await fault()).toMatchObject({ retry: true, retryAfterMs: undefined });
  });

  it('is off permanently only after a 410', async () => {
    server.answerNext({ status: 410, body: { message: 'Gone' } });
    expect(await fault()).toMatchObject({ message: 'answered 410: Gone', retry: false, probe: false, switchOff: true });
  });

  it.each([401, 404])('is probed occasionally after a %i', async (status) => {
    server.answerNext({ status, body: { message: 'Nothing here' } });
    const message = `answered ${status}: Nothing here`;
    expect(await fault()).toMatchObject({ message, retry: true, probe: true, switchOff: false });
  });

  it.each([408, 425])('retries an alert after a %i', async (status) => {
    server.answerNext({ status });
    expect(await fault()).toMatchObject({ retry: true, probe: false, switchOff: false });
  });

  it.each([400, 403, 422])('counts an alert as refused after a %i', async (status) => {
    server.answerNext({ status });
    expect(await fault()).toMatchObject({ message: `answered ${status}`, retry: false, switchOff: false });
  });

  it('follows no redirect', async () => {
    server.answerNext({ status: 307, headers: { location: `${server.url}?elsewhere` } });
    expect(await fault()).toMatchObject({ message: 'answered 307, and redirects are not followed', retry: false });
    expect(server.requests).toHaveLength(1);
  });

  it('reports the reason of a refusal on one short line', async () => {
    server.answerNext({ status: 400, body: { message: `bad\nerror RateMonitor: forged ${'x'.repeat(9_000)}` } });
    expect((await fault()).message).toMatch(/^answered 400: bad error RateMonitor: forged x{1,100}…$/);
  });

  it('shows no part of an answer that repeats the address or a secret, in any form', async () => {
    const { pathname, hostname } = new URL(server.url);
    const token = pathname.split('/').at(-1) as string;
    const answers = [
      `Cannot POST ${pathname}`,
      `no such host ${hostname}`,
      `no such hook: ${token.toUpperCase()}`,
      `no such hook: ${token.slice(3, 11)}...`,
      `no such hook: ${Buffer.from(token).toString('base64')}`,
      `no such hook: ${Buffer.from(`x${pathname}`).toString('base64url')}`,
      `no such hook: ${Buffer.from(token).toString('hex')}`,
      ...(OWN_SECRETS[kind] ?? []).flatMap((secret) => [`bad key ${secret}`, `bad key ${secret.slice(1, 8)}`]),
      `no such hook: ${encodeURIComponent(pathname).replaceAll('-', '%2D')}`,
    ];
    for (const message of answers) {
      server.answerNext({ status: 400, body: { message } });
      expect((await fault()).message).toBe('answered 400');
    }
  });

  it('reads no more of a response than it needs', async () => {
    server.answerNext({ status: 200, body: 'x'.repeat(5_000_000) });
    await channel.send(anAlert());
    expect(server.requests).toHaveLength(1);
  });

  it('retries an alert if no server listens', async () => {
    await server.close();
    expect(await fault()).toMatchObject({ message: 'could not be reached (ECONNREFUSED)', retry: true });
  });

  it.each<[string, object | undefined, string]>([
    [
      'a proxy refuses', // as fetch of Node 24, and of undici 7 on Node 20
      {
        code: 0,
        message: 'Request was cancelled.',
        cause: { code: 'UND_ERR_ABORTED', message: 'Proxy response (407) !== 200 when HTTP Tunneling' },
      },
      ' (the proxy answered 407)',
    ],
    [
      'a proxy refuses a request to an http address', // as fetch of Node 26
      { code: 'UND_ERR_INVALID_ARG', message: 'Proxy Authentication Required (407)' },
      ' (the proxy answered 407)',
    ],
    ['TLS fails', { code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', message: SECRET }, ' (ERR_SSL_TLSV1_ALERT_UNKNOWN_CA)'],
    ['the cause of a cause has a code', { message: SECRET, cause: { code: 'ECONNRESET' } }, ' (ECONNRESET)'],
    ['a code is a text', { code: `bad ${SECRET}`, message: `Proxy response (${SECRET})` }, ''],
    ['there is no cause', undefined, ''],
  ])('gives the reason why no server is reached if %s', async (_, cause, why) => {
    const failing = jest.spyOn(globalThis, 'fetch').mockRejectedValue(new TypeError(`no ${SECRET}`, { cause }));
    expect(await fault()).toMatchObject({ message: `could not be reached${why}`, retry: true });
    failing.mockRestore();
  });

  it('gives a server 30 seconds: it may have taken an alert that it is slow to answer', async () => {
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    const limit = jest.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => timeout(ms / 100));
    server.hang();
    expect(await fault()).toMatchObject({ message: 'gave no answer within 30 s', retry: true });
    expect(limit).toHaveBeenCalledWith(30_000);
    limit.mockRestore();
  });

  it('shows no secret, however it is printed', () => {
    const shown = `${inspect(channel, { showHidden: true, depth: 9 })} ${JSON.stringify([channel])}`;
    for (const secret of SECRETS) expect(shown).not.toContain(secret);
  });
});

it('the first alert does not hold up requests while Node loads fetch: creating a channel has loaded it', () => {
  const isLoaded = "process.moduleLoadList.includes('NativeModule internal/deps/undici/undici')";
  const script = `const { SlackChannel } = require('./src/index.ts'); const before = ${isLoaded};
    new SlackChannel({ url: 'https://hooks.slack.com/services/a' }); console.log(before, ${isLoaded})`;
  const shown = execFileSync(process.execPath, ['-r', './test/support/register.js', '-e', script], {
    encoding: 'utf8',
  });
  expect(shown.trim()).toBe('false true');
});
