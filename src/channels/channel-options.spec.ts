import { DiscordChannel } from './discord/discord.channel.js';
import { LogChannel } from './log.channel.js';
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
    ['no host', discord, { url: 'https://' }, /DiscordChannel\.url is a text of another kind: write/],
    ['another protocol', discord, { url: 'ftp://host/kept-secret' }, /DiscordChannel\.url is/],
    ['no protocol', slack, { url: 'hooks.slack.com/kept-secret' }, /SlackChannel\.url is/],
    ['a password in the url', webhook, { url: 'https://me:kept-secret@host/' }, /no user name or password in it/],
    [
      'a severity there is none',
      discord,
      { url, minSeverity: 'urgent' },
      /minSeverity is 'urgent': write 'info', 'war/,
    ],
    ['a role that is a name', discord, { url, mentionRole: 'abc' }, /mentionRole is 'abc': write the role's id/],
    ['an option there is none', slack, { url, mentionRole: '1' }, /SlackChannel\.mentionRole is not an option/],
    ['no category', slack, { url, categories: [] }, /SlackChannel\.categories is another list: write a list of cat/],
    ['categories that are none', slack, { url, categories: [7] }, /categories is another list/],
    ['an empty environment', slack, { url, environment: '' }, /environment is empty: write a name such as/],
    ['a link that is a text', discord, { url, link: 'https://a' }, /link is a text of another kind: write a function/],
    ['an empty secret', webhook, { url, secret: '' }, /WebhookChannel\.secret is empty: write/],
    [
      'headers that are a text',
      webhook,
      { url, headers: 'kept-secret' },
      /headers is a text of another kind: write an/,
    ],
    ['a header that is a number', webhook, { url, headers: { a: 1 } }, /headers is another object/],
    ['two lines of a header', webhook, { url, headers: { a: 'kept-secret\nb' } }, /headers is another object/],
    ['a header of no name', webhook, { url, headers: { 'a b': 'kept-secret' } }, /headers is another object/],
    ['a severity for the log', (o) => new LogChannel(o), { minSeverity: 1 }, /LogChannel\.minSeverity is a number/],
    ['a url for Sentry', (o) => new SentryChannel(o), { url }, /SentryChannel\.url is not an option/],
  ])('refuses %s, and shows no secret', (_, make, options, message) => {
    expect(() => make(options as never)).toThrow(message);
    expect(() => make(options as never)).not.toThrow(/kept-secret/);
  });

  it('says of itself what it takes', () => {
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

  it('takes an option that is undefined for one left out', () => {
    expect(() => new WebhookChannel({ url, secret: undefined, headers: undefined })).not.toThrow();
  });
});
