import { StandIn, type Received, type StandInAnswer } from './stand-in.js';

/** A message for Slack's webhooks, with the parts that this suite checks. */
interface SlackBody {
  text: string;
  mrkdwn?: boolean;
  blocks: SlackBlock[];
}

interface SlackBlock {
  type: string;
  text?: SlackText;
  fields?: SlackText[];
  elements?: { type: string; text: SlackText; url?: string }[];
}

interface SlackText {
  type: string;
  text: string;
}

/** Simulates an incoming webhook of Slack: size limits, `ok`, and optionally one message per second. */
export class SlackServer extends StandIn {
  /** The messages of the channel, oldest first. */
  readonly messages: SlackBody[] = [];
  protected readonly path = '/services/T00000000/B00000000/slack-token-kept-secret';
  private lastAt = -Infinity;

  constructor(private readonly options: { onePerSecond?: boolean } = {}) {
    super();
  }

  protected answer({ path, body }: Received): StandInAnswer {
    if (path !== this.path) return { status: 404, body: 'no_service' };
    if (this.options.onePerSecond && performance.now() - this.lastAt < 1_000)
      return { status: 429, body: 'rate_limited', headers: { 'retry-after': '1' } };
    this.lastAt = performance.now();
    const message = parse(body);
    if (!message) return { status: 400, body: 'invalid_payload' };
    if (!message.text) return { status: 400, body: 'no_text' };
    if (message.text.length > 3_000 || !fits(message.blocks)) return { status: 400, body: 'invalid_blocks' };
    this.messages.push(message);
    return { status: 200, body: 'ok' };
  }
}

/** Whether Slack accepts the blocks. */
export function fits(blocks: readonly SlackBlock[]): boolean {
  return blocks.length > 0 && blocks.length <= 50 && blocks.every(blockFits);
}

function blockFits({ type, text, fields, elements }: SlackBlock): boolean {
  if (type === 'header') return text?.type === 'plain_text' && textFits(text, 150);
  if (type === 'actions') return !!elements && elements.length <= 25 && elements.every(buttonFits);
  if (type !== 'section' || (!text && !fields)) return false;
  return (
    (!text || textFits(text, 3_000)) &&
    (!fields || (fields.length <= 10 && fields.every((field) => textFits(field, 2_000))))
  );
}

function buttonFits({ type, text, url = '' }: { type: string; text: SlackText; url?: string }): boolean {
  return type === 'button' && text.type === 'plain_text' && textFits(text, 75) && url.length <= 3_000;
}

function textFits({ type, text }: SlackText, most: number): boolean {
  return /^(plain_text|mrkdwn)$/.test(type) && text.length >= 1 && text.length <= most;
}

function parse(body: string): SlackBody | undefined {
  try {
    return JSON.parse(body) as SlackBody;
  } catch {
    return undefined;
  }
}
