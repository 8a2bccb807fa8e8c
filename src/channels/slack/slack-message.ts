import type { Notice } from '../../model/notice.js';
import type { RateAlert } from '../../model/rate-alert.js';
import type { MessageOptions } from '../common-options.js';
import { factsOf } from '../message/alert-facts.js';
import { alertLine } from '../message/alert-line.js';
import { headline, isOpen, symbolOf } from '../message/alert-words.js';
import { batchOf } from '../message/batch.js';
import { PLAIN, type Dialect } from '../message/names.js';
import { noticeLines } from '../message/notice-text.js';
import { linkOf, safeLink } from '../message/safe-link.js';
import { plainText, slackText } from '../message/safe-text.js';
import { moment } from '../../util/text.js';
import { chunks } from '../../util/chunks.js';

/** The channel options that affect its messages. */
type Look = Pick<MessageOptions, 'environment' | 'link'>;

/** Slack shows text of this type literally, without mentions, links or formats. */
interface PlainText {
  type: 'plain_text';
  text: string;
  emoji: false;
}

type Block =
  | { type: 'header'; text: PlainText }
  | { type: 'section'; fields: PlainText[] }
  | { type: 'section'; text: PlainText }
  | { type: 'actions'; elements: { type: 'button'; text: PlainText; url: string }[] };

/** A message for Slack's webhooks. */
export interface SlackMessage {
  /** Text of notifications. */
  text: string;
  mrkdwn: false;
  blocks: Block[];
}

const FIELDS_PER_SECTION = 10;
/** 10 lines of maximum length fit into a section's 3,000 characters. */
const LINES_PER_SECTION = 10;
const BATCH_ROOM = 10_000;
/** Maximum length of a header. */
const MAX_HEADER = 150;
const HEADER_ROOM = { name: 32, id: 24, category: 24 };

const SLACK: Dialect = {
  ...PLAIN,
  time: moment,
};

/** One alert: its title, its facts in two columns, and its link as a button. */
export function slackMessage(alert: RateAlert, { environment, link }: Look): SlackMessage {
  const title = headline(alert, SLACK, HEADER_ROOM);
  const fields = factsOf(alert, environment, SLACK).map(({ label, value }) => plain(`${label}\n${value}`));
  const sections = chunks(fields, FIELDS_PER_SECTION).map((some): Block => ({ type: 'section', fields: some }));
  const severity = isOpen(alert) ? alert.level.severity : 'resolved';
  return messageOf(`[${severity}] ${alertLine(alert)}`, `${symbolOf(alert)} ${title}`, [
    ...sections,
    ...buttonTo(linkOf(alert, link)),
  ]);
}

/** Several alerts as lines of one message; the button links to the most urgent one. */
export function slackBatch(alerts: readonly RateAlert[], { environment, link }: Look, unlisted: number): SlackMessage {
  const { title, context, lines, worst } = batchOf(alerts, environment, SLACK, BATCH_ROOM, unlisted);
  const sections = [context, ...chunks(lines, LINES_PER_SECTION).map((some) => some.join('\n'))].filter(Boolean);
  return messageOf(`${title}, first: ${lines[0]}`, `${symbolOf(worst)} ${title}`, [
    ...sections.map((text): Block => ({ type: 'section', text: plain(text) })),
    ...buttonTo(linkOf(worst, link)),
  ]);
}

/** A notice: its title, lines and link. */
export function slackNotice(notice: Notice, environment: string | undefined): SlackMessage {
  const lines = noticeLines(notice, environment, plainText, BATCH_ROOM);
  const title = plainText(notice.title, MAX_HEADER);
  return messageOf([notice.title, ...lines].join('; '), title, [
    ...chunks(lines, LINES_PER_SECTION).map((some): Block => ({ type: 'section', text: plain(some.join('\n')) })),
    ...buttonTo(safeLink(notice.link)),
  ]);
}

function messageOf(text: string, title: string, blocks: Block[]): SlackMessage {
  return { text: slackText(text, 3_000), mrkdwn: false, blocks: [{ type: 'header', text: plain(title) }, ...blocks] };
}

function buttonTo(url: string | undefined): Block[] {
  return url === undefined ? [] : [{ type: 'actions', elements: [{ type: 'button', text: plain('Open'), url }] }];
}

function plain(text: string): PlainText {
  return { type: 'plain_text', text, emoji: false };
}
