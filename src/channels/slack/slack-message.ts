import { alertMessage } from '../message/alert-message.js';
import { displayName, standing, TEST_MARK } from '../message/alert-words.js';
import type { RateAlert } from '../../model/rate-alert.js';
import { factsOf, type Dialect } from '../message/alert-facts.js';
import { batchLine, batchTitle } from '../message/batch-lines.js';
import type { MessageOptions } from '../channel-options.js';
import { linkOf } from '../message/safe-link.js';
import { plainText, slackText } from '../message/safe-text.js';

/** Of a channel's options, what its messages depend on. */
type Look = Pick<MessageOptions, 'environment' | 'link'>;

/** Shown as it is: in a text of this type Slack reads no mention, link or format. */
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

/** As Slack's webhooks take it. */
export interface SlackMessage {
  /** What notifications show. */
  text: string;
  mrkdwn: false;
  blocks: Block[];
}

const FIELDS_PER_SECTION = 10;
/** Of the longest lines, 10 are within the 3,000 characters of a section. */
const LINES_PER_SECTION = 10;

const SLACK: Dialect = {
  text: plainText,
  time: (at) => `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`,
};

/** One alert: a title, what there is to say of it in two columns, and the link as a button. */
export function slackMessage(alert: RateAlert, { environment, link }: Look): SlackMessage {
  const who = `${alert.test ? TEST_MARK : ''}${plainText(displayName(alert), 60)}`;
  const title = `${who} is ${standing(alert)} the ${plainText(alert.category, 40)} threshold`;
  const fields = factsOf(alert, environment, SLACK).map(({ label, value }) => plain(`${label}\n${value}`));
  const sections = chunks(fields, FIELDS_PER_SECTION).map((some): Block => ({ type: 'section', fields: some }));
  return messageOf(alertMessage(alert), title, [...sections, ...buttonTo(linkOf(alert, link))]);
}

/** Many alerts as lines of one message. */
export function slackBatch(alerts: readonly RateAlert[]): SlackMessage {
  const lines = alerts.map((alert) => batchLine(alert, { name: plainText, text: plainText, category: plainText }));
  const sections = chunks(lines, LINES_PER_SECTION).map((some): Block => ({
    type: 'section',
    text: plain(some.join('\n')),
  }));
  return messageOf(`${batchTitle(alerts)}, worst: ${lines[0]}`, batchTitle(alerts), sections);
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

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
