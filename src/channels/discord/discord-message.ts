import { displayName, standing, TEST_MARK } from '../message/alert-words.js';
import type { RateAlert } from '../../model/rate-alert.js';
import { factsOf, type Dialect } from '../message/alert-facts.js';
import { batchLine, batchTitle } from '../message/batch-lines.js';
import { linkOf } from '../message/safe-link.js';
import { discordCategory, discordText } from '../message/safe-text.js';
import type { DiscordChannelOptions } from './discord.channel.js';

/** Of an app's options, what its messages depend on. */
export type DiscordLook = Pick<DiscordChannelOptions, 'environment' | 'link' | 'mentionRole'>;

interface Embed {
  title?: string;
  url?: string | undefined;
  description?: string;
  color: number;
  fields?: { name: string; value: string; inline: boolean }[];
}

/** As Discord's API takes it. */
export interface DiscordMessage {
  content?: string;
  embeds: Embed[];
  /** Without it Discord would ping whomever a text happens to name. */
  allowed_mentions: { parse: []; roles?: string[] };
}

const COLOR = { info: 0x3498db, warning: 0xf39c12, critical: 0xe74c3c } as const;
const GREEN = 0x2ecc71;
/** Fields up to this length stand side by side. */
const SHORT = 30;
const DOTTED = /[^.]\.[^.]/;
/** A longer link, with what escapes it, would be shown cut and lead nowhere. */
const LONGEST_SHOWN_LINK = 300;
/** Of the longest lines, 13 are within the 4,096 characters of a description. */
const LINES_PER_EMBED = 13;

const DISCORD: Dialect = { text: discordText, time: (at) => `<t:${Math.floor(at.getTime() / 1_000)}:T>` };

/** One alert as an embed. At their longest its texts add up to 5,900 of the 6,000 characters that Discord takes. */
export function discordMessage(alert: RateAlert, { environment, link, mentionRole }: DiscordLook): DiscordMessage {
  const who = `${alert.test ? TEST_MARK : ''}${discordText(displayName(alert), 120)}`;
  const fields = factsOf(alert, environment, DISCORD).map(({ label, value }) => ({
    name: label,
    value,
    inline: value.length <= SHORT,
  }));
  const title = `${who} is ${standing(alert)} the ${discordCategory(alert.category, 80)} threshold`;
  const embed: Embed = { title, color: colorOf(alert), fields };
  const url = linkOf(alert, link);
  return { ...mention(alert, mentionRole), embeds: [url === undefined ? embed : withLink(embed, url)] };
}

/** Discord refuses a message with a `url` whose host has no dot: `http://grafana:3000` is shown as text. */
function withLink(embed: Embed, url: string): Embed {
  if (DOTTED.test(new URL(url).hostname)) return { ...embed, url };
  const value = discordText(url, LONGEST_SHOWN_LINK);
  if (value.endsWith('…')) return embed;
  return { ...embed, fields: [...(embed.fields ?? []), { name: 'Link', value, inline: false }] };
}

/** Up to 25 alerts as lines of one message, within 6,000 characters. */
export function discordBatch(alerts: readonly RateAlert[], { mentionRole }: DiscordLook): DiscordMessage {
  const color = colorOf(alerts[0] as RateAlert);
  const name = (text: string, most: number): string => `**${discordText(text, most)}**`;
  const lines = alerts.map((alert) => batchLine(alert, { name, text: discordText, category: discordCategory }));
  const embeds: Embed[] = [];
  for (let i = 0; i < lines.length; i += LINES_PER_EMBED)
    embeds.push({ color, description: lines.slice(i, i + LINES_PER_EMBED).join('\n') });
  const [first, ...more] = embeds;
  const calling = alerts.find(calls);
  return {
    ...(calling ? mention(calling, mentionRole) : QUIET),
    embeds: [{ title: batchTitle(alerts), ...(first as Embed) }, ...more],
  };
}

const QUIET: Pick<DiscordMessage, 'allowed_mentions'> = { allowed_mentions: { parse: [] } };

/** A reminder keeps the mention that its message has; the end of an incident takes it away. */
function mention(alert: RateAlert, role: string | undefined): Pick<DiscordMessage, 'content' | 'allowed_mentions'> {
  if (role === undefined) return QUIET;
  if (alert.incident?.status === 'resolved') return { content: '', ...QUIET };
  return calls(alert) ? { content: `<@&${role}>`, allowed_mentions: { parse: [], roles: [role] } } : QUIET;
}

function calls({ incident }: RateAlert): boolean {
  return incident?.status !== 'reminded' && incident?.status !== 'resolved';
}

function colorOf({ level, incident }: RateAlert): number {
  return incident?.status === 'resolved' ? GREEN : COLOR[level.severity];
}
