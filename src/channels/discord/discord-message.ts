import { displayName, standing, TEST_MARK } from '../message/alert-words.js';
import type { RateAlert } from '../../model/rate-alert.js';
import { factsOf, type Dialect } from '../message/alert-facts.js';
import { batchLine, batchTitle } from '../message/batch-lines.js';
import type { MessageOptions } from '../channel-options.js';
import { linkOf } from '../message/safe-link.js';
import { discordCategory, discordText } from '../message/safe-text.js';

/** Of a channel's options, what its messages depend on. */
type Look = Pick<MessageOptions, 'environment' | 'link'>;

interface Embed {
  title?: string;
  url?: string | undefined;
  description?: string;
  color: number;
  fields?: { name: string; value: string; inline: boolean }[];
  footer?: { text: string };
}

/** As Discord's API takes it. */
export interface DiscordMessage {
  content: string;
  embeds: Embed[];
  /** Without it Discord would ping whomever a text happens to name. */
  allowed_mentions: { parse: []; roles?: string[] };
}

const COLOR = { info: 0x3498db, warning: 0xf39c12, critical: 0xe74c3c } as const;
const GREEN = 0x2ecc71;
const GREY = 0x95a5a6;
/** Fields up to this length stand side by side. */
const SHORT = 30;
const DOTTED = /[^.]\.[^.]/;
/** A longer link, with what escapes it, would be shown cut and lead nowhere. */
const LONGEST_SHOWN_LINK = 300;
/** Of the longest lines, 13 are within the 4,096 characters of a description. */
const LINES_PER_EMBED = 13;

const DISCORD: Dialect = { text: discordText, time: (at) => `<t:${Math.floor(at.getTime() / 1_000)}:T>` };

/** One alert as an embed. At their longest its texts add up to 5,900 of the 6,000 characters that Discord takes. */
export function discordMessage(alert: RateAlert, { environment, link }: Look): DiscordMessage {
  const who = `${alert.test ? TEST_MARK : ''}${discordText(displayName(alert), 120)}`;
  const fields = factsOf(alert, environment, DISCORD).map(({ label, value }) => ({
    name: label,
    value,
    inline: value.length <= SHORT,
  }));
  const title = `${who} is ${standing(alert)} the ${discordCategory(alert.category, 80)} threshold`;
  const embed: Embed = { title, color: colorOf(alert), fields };
  const url = linkOf(alert, link);
  return { content: '', allowed_mentions: { parse: [] }, embeds: [url === undefined ? embed : withLink(embed, url)] };
}

/** Discord refuses a message with a `url` whose host has no dot: `http://grafana:3000` is shown as text. */
function withLink(embed: Embed, url: string): Embed {
  if (DOTTED.test(new URL(url).hostname)) return { ...embed, url };
  const value = discordText(url, LONGEST_SHOWN_LINK);
  if (value.endsWith('…')) return embed;
  return { ...embed, fields: [...(embed.fields ?? []), { name: 'Link', value, inline: false }] };
}

/** What an older message becomes when a newer one goes on. */
export function discordSuperseded(alert: RateAlert, look: Look): DiscordMessage {
  const message = discordMessage(alert, look);
  const footer = { text: 'A newer message goes on with this.' };
  return { ...message, embeds: message.embeds.map((embed) => ({ ...embed, color: GREY, footer })) };
}

/** A message that pings a role. */
export function withMention(message: DiscordMessage, role: string): DiscordMessage {
  return { ...message, content: `<@&${role}>`, allowed_mentions: { parse: [], roles: [role] } };
}

/** Up to 25 alerts as lines of one message, within 6,000 characters. */
export function discordBatch(alerts: readonly RateAlert[]): DiscordMessage {
  const color = colorOf(alerts[0] as RateAlert);
  const name = (text: string, most: number): string => `**${discordText(text, most)}**`;
  const lines = alerts.map((alert) => batchLine(alert, { name, text: discordText, category: discordCategory }));
  const embeds: Embed[] = [];
  for (let i = 0; i < lines.length; i += LINES_PER_EMBED)
    embeds.push({ color, description: lines.slice(i, i + LINES_PER_EMBED).join('\n') });
  const [first, ...more] = embeds;
  return {
    content: '',
    allowed_mentions: { parse: [] },
    embeds: [{ title: batchTitle(alerts), ...(first as Embed) }, ...more],
  };
}

function colorOf({ level, incident }: RateAlert): number {
  return incident?.status === 'resolved' ? GREEN : COLOR[level.severity];
}
