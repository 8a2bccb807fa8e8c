import { Logger } from '@nestjs/common';

import { AlertmanagerChannel } from './alertmanager.channel.js';
import { DiscordChannel } from './discord/discord.channel.js';
import { LogChannel } from './log.channel.js';
import { PagerDutyChannel } from './pagerduty.channel.js';
import { SentryChannel } from './sentry.channel.js';
import { SlackChannel } from './slack/slack.channel.js';
import { WebhookChannel } from './webhook/webhook.channel.js';

const url = 'https://discord.com/api/webhooks/1/token-kept-secret';
type Make = (options: never) => unknown;
const discord: Make = (options) => new DiscordChannel(options);
const slack: Make = (options) => new SlackChannel(options);
const webhook: Make = (options) => new WebhookChannel(options);

describe('a channel', () => {
  it.each<[string, Make, unknown, RegExp]>([
    ['no options', slack, undefined, /SlackChannel has no options: write new SlackChannel/],
    ['no url', discord, {}, /DiscordChannel\.url is missing: write the whole address/],
    ['an empty url', slack, { url: '' }, /SlackChannel\.url is empty: write/],
    ['a url that is a number', webhook, { url: 7 }, /WebhookChannel\.url is a number: write/],
    ['a misspelled option', discord, { url, mentionrole: '1' }, /mentionrole is not an option: write mentionRole/],
    ['no host', discord, { url: 'https://' }, /DiscordChannel\.url is not in the expected form: write/],
    ['another protocol', discord, { url: 'ftp://host/kept-secret' }, /DiscordChannel\.url is/],
    ['no protocol', slack, { url: 'hooks.slack.com/kept-secret' }, /SlackChannel\.url is/],
    ['a password in the url', webhook, { url: 'https://me:kept-secret@host/' }, /no user name or password in it/],
    ['an unknown severity', discord, { url, minSeverity: 'urgent' }, /minSeverity is 'urgent': write 'info', 'war/],
    ['a role that is a name', discord, { url, mentionRole: 'abc' }, /mentionRole is 'abc': write the role's id/],
    [
      'an option named by a symbol',
      slack,
      { url, [Symbol('link')]: 1 },
      /SlackChannel\.Symbol\(link\) is not an option/,
    ],
    ['an unknown option', slack, { url, mentionRole: '1' }, /SlackChannel\.mentionRole is not an option/],
    [
      'no category',
      slack,
      { url, categories: [] },
      /SlackChannel\.categories is not in the expected form: write a list of cat/,
    ],
    ['categories that are not a list', slack, { url, categories: [7] }, /categories is not in the expected form/],
    ['an empty environment', slack, { url, environment: '' }, /environment is empty: write a name such as/],
    [
      'a link that is a text',
      discord,
      { url, link: 'https://a' },
      /link is not in the expected form: write a function/,
    ],
    ['an empty secret', webhook, { url, secret: '' }, /WebhookChannel\.secret is empty: write/],
    [
      'a short secret',
      webhook,
      { url, secret: 'kept-secret' },
      /WebhookChannel\.secret is not in the expected form: write/,
    ],
    [
      'a short one of several',
      webhook,
      { url, secret: ['kept-secret'] },
      /WebhookChannel\.secret is not in the expected form/,
    ],
    [
      'too few bytes',
      webhook,
      { url, secret: 'whsec_a2VwdC1zZWNyZXQ=' },
      /secret is not in the expected form: write whsec_/,
    ],
    ['plain http beyond loopback', discord, { url: 'http://hooks.example/kept-secret' }, /DiscordChannel\.url is/],
    ['a thread without a name', discord, { url, threadName: '' }, /DiscordChannel\.threadName is empty: write a name/],
    ['a wrong severity for pings', discord, { url, mentionFrom: 'all' }, /mentionFrom is 'all': write 'info'/],
    [
      'a short routing key',
      (o) => new PagerDutyChannel(o),
      { routingKey: 'kept-secret' },
      /routingKey is not in the expected form/,
    ],
    ['no Alertmanager', (o) => new AlertmanagerChannel(o), {}, /AlertmanagerChannel\.url is missing: write/],
    [
      'headers that are a text',
      webhook,
      { url, headers: 'kept-secret' },
      /headers is not in the expected form: write an/,
    ],
    ['a header that is a number', webhook, { url, headers: { a: 1 } }, /headers is not in the expected form/],
    [
      'two lines of a header',
      webhook,
      { url, headers: { a: 'kept-secret\nb' } },
      /headers is not in the expected form/,
    ],
    ['a header of no name', webhook, { url, headers: { 'a b': 'kept-secret' } }, /headers is not in the expected form/],
    ['a severity for the log', (o) => new LogChannel(o), { minSeverity: 1 }, /LogChannel\.minSeverity is a number/],
    ['a url for Sentry', (o) => new SentryChannel(o), { url }, /SentryChannel\.url is not an option/],
  ])('refuses %s, and shows no secret', (_, make, options, message) => {
    expect(() => make(options as never)).toThrow(message);
    expect(() => make(options as never)).not.toThrow(/kept-secret/);
  });

  it('names the options it accepts', () => {
    const filter = { minSeverity: 'warning' as const, categories: ['llm_call'] };
    const channels = [
      new DiscordChannel({ url, ...filter }),
      new SlackChannel({ url, ...filter }),
      new WebhookChannel({ url, ...filter }),
      new LogChannel(filter),
      new SentryChannel(filter),
    ];
    for (const channel of channels) expect(channel).toMatchObject(filter);
    expect(new LogChannel().minSeverity).toBeUndefined();
  });

  it.each([undefined, null as never])('treats an option that is %s as absent', (none) => {
    expect(() => new WebhookChannel({ url, secret: none, headers: none, minSeverity: none })).not.toThrow();
    expect(() => new SlackChannel({ url, link: none, environment: none, categories: none })).not.toThrow();
    expect(() => new DiscordChannel({ url, mentionRole: none, threadName: none, mentionFrom: none })).not.toThrow();
    expect(() => new AlertmanagerChannel({ url, headers: none })).not.toThrow();
    expect(new LogChannel(none).minSeverity).toBeUndefined();
    expect(new SentryChannel({ minSeverity: none }).minSeverity).toBeUndefined();
  });

  it('warns when it starts if others can read what it posts over plain http', () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const start = (address: string): void => {
      new AlertmanagerChannel({ url: address }).start();
      new WebhookChannel({ url: address }).start();
    };
    start('https://alertmanager');
    start('http://127.0.0.1:9093');
    expect(warn).not.toHaveBeenCalled();
    start('http://alertmanager:9093');
    expect(warn.mock.calls.map(([line]) => String(line).split(':')[0])).toEqual([
      'The alertmanager channel posts over plain http',
      'The webhook channel posts over plain http',
    ]);
    warn.mockRestore();
  });

  it('has a hash of its address that differs for different addresses', () => {
    const hashes = [url, url, `${url}2`].map((one) => new DiscordChannel({ url: one }).addressHash);
    expect(hashes[0]).toMatch(/^[\w-]{22}$/);
    expect(hashes[1]).toBe(hashes[0]);
    expect(hashes[2]).not.toBe(hashes[0]);
    const routingKey = 'R0123456789abcdef0123456789abcde';
    expect(new PagerDutyChannel({ routingKey }).addressHash).not.toBe(
      new PagerDutyChannel({ routingKey: routingKey.replace('R', 'S') }).addressHash,
    );
  });
});
