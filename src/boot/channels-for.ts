import type { AlertChannel } from '../model/alert-channel.js';
import { DiscordChannel } from '../channels/discord/discord.channel.js';
import { LogChannel } from '../channels/log.channel.js';
import { SentryChannel } from '../channels/sentry.channel.js';
import { SlackChannel } from '../channels/slack/slack.channel.js';
import type { NamedChannel } from '../alert/sending/channel-delivery.js';
import { isHttpUrl, isPrivate } from '../util/http-url.js';
import { sendingClient, sentry, sentryInUse } from '../util/optional-peers.js';
import { RateMonitorConfigError } from '../model/config-error.js';
import { valueOf, WEBHOOK_VARIABLES, type Environment } from '../options/environment.js';

type Unnamed = Omit<NamedChannel, 'name'>;

/**
 * The channels from the options (or the defaults), plus those from environment variables, each with a unique name.
 *
 * @throws RateMonitorConfigError if a webhook variable does not hold an address.
 */
export async function channelsFor(
  given: readonly AlertChannel[] | undefined,
  environment: Environment,
): Promise<NamedChannel[]> {
  const chosen = (given ?? (await defaultChannels())).map((channel, i) => ({ channel, option: `channels[${i}]` }));
  return named([...chosen, ...addedBy(environment)]);
}

/** Names of the channels for the log. Marks Sentry if it has no DSN, because it would silently accept nothing. */
export async function shownChannels(channels: readonly NamedChannel[]): Promise<string[]> {
  const isIdle = !sendingClient(await sentryInUse());
  return channels.map(({ name, channel }) =>
    channel.name === 'sentry' && isIdle ? `${name} (installed, not set up)` : name,
  );
}

async function defaultChannels(): Promise<AlertChannel[]> {
  return (await sentry()) ? [new LogChannel(), new SentryChannel()] : [new LogChannel()];
}

function addedBy(environment: Environment): Unnamed[] {
  const added = (option: string, channel: (url: string) => AlertChannel): Unnamed[] => {
    const url = valueOf(environment, option);
    if (url === undefined) return [];
    if (isHttpUrl(url) && isPrivate(url)) return [{ channel: channel(url), option }];
    throw new RateMonitorConfigError([
      `${option} is not the address of a webhook: write all of it, with https:// and without quotes, or unset it`,
    ]);
  };
  return [
    ...added(WEBHOOK_VARIABLES.discord, (url) => new DiscordChannel({ url })),
    ...added(WEBHOOK_VARIABLES.slack, (url) => new SlackChannel({ url })),
  ];
}

function named(channels: readonly Unnamed[]): NamedChannel[] {
  return channels.map(({ channel, option }, i) => {
    const before = channels.slice(0, i).filter((other) => other.channel.name === channel.name).length;
    return { channel, option, name: before > 0 ? `${channel.name} ${before + 1}` : channel.name };
  });
}
