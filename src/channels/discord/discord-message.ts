import type { Notice } from '../../model/notice.js';
import type { RateAlert } from '../../model/rate-alert.js';
import type { MessageOptions } from '../common-options.js';
import { factsOf } from '../message/alert-facts.js';
import { headline, isOpen } from '../message/alert-words.js';
import { batchOf } from '../message/batch.js';
import type { Dialect } from '../message/names.js';
import { noticeLines } from '../message/notice-text.js';
import { linkOf, safeLink } from '../message/safe-link.js';
import { discordCategory, discordText } from '../message/safe-text.js';

/** The channel options that affect its messages. */
type Look = Pick<MessageOptions, 'environment' | 'link'>;

interface Embed {
  title?: string;
  url?: string | undefined;
  description?: string;
  color: number;
  fields?: { name: string; value: string; inline: boolean }[];
  footer?: { text: string };
}

/** A message for Discord's API. */
export interface DiscordMessage {
  content: string;
  embeds: Embed[];
  /** Without this, Discord pings everyone that a text mentions. */
  allowed_mentions: { parse: []; roles?: string[] };
}

const COLOR = { info: 0x3498db, warning: 0xf39c12, critical: 0xe74c3c } as const;
const GREEN = 0x2ecc71;
const GREY = 0x95a5a6;
/** Fields up to this length are shown side by side. */
const SHORT = 30;
const DOTTED = /[^.]\.[^.]/;
/** A longer link would be truncated after escaping and would not work. */
const MAX_SHOWN_LINK = 300;
const TITLE_ROOM = { name: 64, id: 58, category: 60 };
/** What the title, context and link leave of a message's 6,000 characters. */
const BATCH_ROOM = 5_200;
const MAX_DESCRIPTION = 4_096;
const MAX_TITLE = 256;
/** Times of windows this long or longer are shown with a date, because they may be on another day. */
const DATED_MS = 6 * 3_600_000;

const DISCORD: Dialect = {
  text: discordText,
  category: discordCategory,
  // Discord shows this in each reader's own time zone.
  time: (at, spanMs) => `<t:${Math.floor(at.getTime() / 1_000)}:${spanMs >= DATED_MS ? 'f' : 'T'}>`,
  strong: (text) => `**${text}**`,
};
const IN_TITLE: Dialect = { ...DISCORD, strong: (text) => text };

/** One alert as an embed, with at most 5,900 of the 6,000 characters that Discord accepts. */
export function discordMessage(alert: RateAlert, { environment, link }: Look): DiscordMessage {
  const title = headline(alert, IN_TITLE, TITLE_ROOM);
  const fields = factsOf(alert, environment, DISCORD).map(({ label, value }) => ({
    name: label,
    value,
    inline: value.length <= SHORT,
  }));
  const embed: Embed = { title, color: colorOf(alert), fields };
  return messageOf([withLink(embed, linkOf(alert, link))]);
}

/** What an older message becomes once a newer one continues it. */
export function discordSuperseded(alert: RateAlert, look: Look): DiscordMessage {
  const message = discordMessage(alert, look);
  const footer = { text: 'Continued in a newer message.' };
  return { ...message, embeds: message.embeds.map((embed) => ({ ...embed, color: GREY, footer })) };
}

/** Several alerts as lines of one message, within 6,000 characters. */
export function discordBatch(
  alerts: readonly RateAlert[],
  { environment, link }: Look,
  unlisted: number,
): DiscordMessage {
  const { title, context, lines, worst } = batchOf(alerts, environment, DISCORD, BATCH_ROOM, unlisted);
  const color = colorOf(worst);
  const [first = '', ...more] = packed([context, ...lines].filter(Boolean));
  const head = withLink({ title, color, description: first }, linkOf(worst, link));
  return messageOf([head, ...more.map((rest) => ({ color, description: rest }))]);
}

/** A notice: its title, lines and link. */
export function discordNotice(notice: Notice, environment: string | undefined): DiscordMessage {
  const [description = '', ...more] = packed(noticeLines(notice, environment, discordText, BATCH_ROOM));
  const color = COLOR[notice.severity];
  const head = withLink({ title: discordText(notice.title, MAX_TITLE), color, description }, safeLink(notice.link));
  return messageOf([head, ...more.map((rest) => ({ color, description: rest }))]);
}

/** A message that pings a role. */
export function withMention(message: DiscordMessage, role: string): DiscordMessage {
  return { ...message, content: `<@&${role}>`, allowed_mentions: { parse: [], roles: [role] } };
}

function messageOf(embeds: Embed[]): DiscordMessage {
  // Empty rather than absent, so that an edit removes an earlier mention.
  return { content: '', allowed_mentions: { parse: [] }, embeds };
}

/** Discord rejects a `url` whose host has no dot, so `http://grafana:3000` is shown as text. */
function withLink(embed: Embed, url: string | undefined): Embed {
  if (url === undefined) return embed;
  if (isDotted(url)) return { ...embed, url };
  const value = discordText(url, MAX_SHOWN_LINK);
  if (value.endsWith('…')) return embed;
  return { ...embed, fields: [...(embed.fields ?? []), { name: 'Link', value, inline: false }] };
}

function isDotted(url: string): boolean {
  return DOTTED.test(new URL(url).hostname);
}

/** Splits lines into descriptions of the allowed length. */
function packed(lines: readonly string[]): string[] {
  const descriptions: string[] = [];
  for (const line of lines) {
    const last = descriptions.at(-1);
    if (last !== undefined && last.length + 1 + line.length <= MAX_DESCRIPTION)
      descriptions[descriptions.length - 1] = `${last}\n${line}`;
    else descriptions.push(line);
  }
  return descriptions;
}

function colorOf(alert: RateAlert): number {
  return isOpen(alert) ? COLOR[alert.level.severity] : GREEN;
}
