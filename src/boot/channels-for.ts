import type { AlertChannel } from '../alert/alert-channel.js';
import type { NamedChannel } from '../alert/delivery/named-channel.js';
import { LogChannel } from '../alert/channels/log.channel.js';
import { SentryChannel } from '../alert/channels/sentry.channel.js';
import { sentry } from '../optional-peers.js';

/** The channels of the options, or the default ones, and those that the environment adds; each under a name of its own. */
export async function channelsFor(given: readonly AlertChannel[] | undefined): Promise<NamedChannel[]> {
  const channels = given ?? (await defaultChannels());
  const named: NamedChannel[] = [];
  for (const [i, channel] of channels.entries()) {
    const alike = named.filter((other) => other.channel.name === channel.name).length;
    named.push({ channel, name: alike > 0 ? `${channel.name} ${alike + 1}` : channel.name, option: `channels[${i}]` });
  }
  return named;
}

async function defaultChannels(): Promise<AlertChannel[]> {
  return (await sentry()) ? [new LogChannel(), new SentryChannel()] : [new LogChannel()];
}
