import { SEVERITIES, type Severity } from '../../model/level.js';
import type { Notice } from '../../model/notice.js';
import type { RateAlert } from '../../model/rate-alert.js';
import { within } from '../../util/within.js';
import type { MessageOptions } from '../common-options.js';
import { checkOptions, DISCORD_RULES } from '../option-rules.js';
import { accept, type Answer } from '../http/answer.js';
import { HttpChannel } from '../http/http-channel.js';
import { isOpen } from '../message/alert-words.js';
import { plainText } from '../message/safe-text.js';
import {
  discordBatch,
  discordMessage,
  discordNotice,
  discordSuperseded,
  withMention,
  type DiscordMessage,
} from './discord-message.js';

/** Options of {@link DiscordChannel}. Its `url` is the one that Discord shows under "Integrations", "Webhooks". */
export interface DiscordChannelOptions extends MessageOptions {
  /**
   * The id of a role to ping when a tenant goes over, reaches a higher level, or is still over: digits, in quotes. A message with several
   * alerts pings it once; a test alert never does.
   *
   * @defaultValue no ping
   */
  mentionRole?: string | undefined;
  /**
   * The least severity that pings `mentionRole`.
   *
   * @defaultValue 'warning'
   */
  mentionFrom?: Severity | undefined;
  /**
   * For a forum channel, which accepts messages only in threads: the name of an incident's thread, up to 100 characters.
   *
   * @defaultValue no thread is opened
   */
  threadName?: string | ((alert: RateAlert) => string) | undefined;
}

/** Discord's codes for a thread, a message or a webhook that no longer exists. */
const UNKNOWN_THREAD = 10_003;
const UNKNOWN_MESSAGE = 10_008;
const UNKNOWN_WEBHOOK = 10_015;
/** Messages in an archived thread cannot be edited. A new message makes the thread active again. */
const ARCHIVED_THREAD = 50_083;
/** People pinged a moment ago are already looking, so only a more severe alert pings them again. */
const PING_REST_MS = 10_000;
/** How long a new message waits for edits of older ones. Slower edits still happen, or are retried next time. */
const EDITS_WITHIN_MS = 2_000;
const MAX_THREAD_NAME = 100;

const MAX_SUPERSEDED = 3;
const WRITTEN = /^(?:(\d+)\/)?(\d+(?:,\d+)*)$/;

/** The stored state of an incident's messages in Discord. */
interface Posted {
  /** The current message. */
  readonly id: string;
  /** The thread opened for the incident's messages. */
  readonly thread?: string | undefined;
  /** Older messages that do not point to the newer one yet. */
  readonly superseded: readonly string[];
}

/**
 * Posts alerts to a Discord channel. Discord does not notify people of edits, so each step of an incident is a new message, and the older
 * one is edited to point to it. The end of an incident is an edit of its last message.
 *
 * Names from users are escaped: they cannot mention anyone or contain a link.
 */
export class DiscordChannel extends HttpChannel {
  /** {@inheritDoc AlertChannel.name} */
  readonly name = 'discord';
  readonly #options: DiscordChannelOptions;
  #pinged = { at: -Infinity, severity: -1 };

  /** @throws RateMonitorConfigError if an option is wrong. */
  constructor(options: DiscordChannelOptions) {
    const given = checkOptions('DiscordChannel', DISCORD_RULES, options);
    super(given.url, given);
    this.#options = given;
  }

  /** {@inheritDoc AlertChannel.send} */
  async send(alert: RateAlert, previous?: string): Promise<string | undefined> {
    const posted = readPosted(previous);
    const message = discordMessage(alert, this.#options);
    if (!isOpen(alert) && posted && (await this.#edit(posted, posted.id, message)))
      return writePosted(await this.#supersede(posted, alert));
    const next = await this.#postWithPing(message, [alert], posted?.thread);
    if (!next || !posted) return next && writePosted(next);
    return writePosted(await this.#supersede({ ...next, superseded: [posted.id, ...posted.superseded] }, alert));
  }

  /** Pings nobody, because what a notice reports is over. */
  async notify(notice: Notice): Promise<void> {
    const { environment, threadName } = this.#options;
    const message = discordNotice(notice, environment);
    const body =
      threadName === undefined ? message : { ...message, thread_name: plainText(notice.title, MAX_THREAD_NAME) };
    accept(await this.request({ body: JSON.stringify(body), query: { wait: 'true' } }), isGone);
  }

  /** {@inheritDoc AlertChannel.sendBatch} */
  async sendBatch(alerts: readonly RateAlert[], more = 0): Promise<void> {
    await this.#postWithPing(discordBatch(alerts, this.#options, more), alerts);
  }

  async #postWithPing(
    message: DiscordMessage,
    alerts: readonly RateAlert[],
    thread?: string,
  ): Promise<Posted | undefined> {
    const severity = this.#pingFor(alerts);
    const { mentionRole: role } = this.#options;
    const posted = await this.#post(severity < 0 || !role ? message : withMention(message, role), alerts, thread);
    if (severity >= 0) this.#pinged = { at: performance.now(), severity };
    return posted;
  }

  async #post(message: DiscordMessage, alerts: readonly RateAlert[], thread?: string): Promise<Posted | undefined> {
    const threadName = thread === undefined ? this.#threadName(alerts[0] as RateAlert) : undefined;
    const body = threadName === undefined ? message : { ...message, thread_name: threadName };
    // Without `wait`, Discord responds before it has checked the message.
    const query = { wait: 'true', ...(thread === undefined ? {} : { thread_id: thread }) };
    const answer = await this.request({ body: JSON.stringify(body), query });
    // Somebody deleted the thread. Only this incident needs a new one; the webhook still works.
    if (thread !== undefined && isMissing(answer, UNKNOWN_THREAD)) return this.#post(message, alerts);
    const { json } = accept(answer, isGone);
    if (typeof json.id !== 'string') return undefined;
    const opened = threadName !== undefined && typeof json.channel_id === 'string' ? json.channel_id : thread;
    return { id: json.id, thread: opened, superseded: [] };
  }

  /** Returns false if the message no longer exists or cannot be edited. */
  async #edit({ thread }: Posted, id: string, message: DiscordMessage): Promise<boolean> {
    const query: Record<string, string> = thread === undefined ? {} : { thread_id: thread };
    const path = `/messages/${encodeURIComponent(id)}`;
    const answer = await this.request({ method: 'PATCH', path, body: JSON.stringify(message), query });
    if (isMissing(answer, UNKNOWN_MESSAGE) || isMissing(answer, UNKNOWN_THREAD)) return false;
    if (answer.status === 400 && answer.json.code === ARCHIVED_THREAD) return false;
    accept(answer, isGone);
    return true;
  }

  /** Edits older messages. Failed edits are kept for the next time, because the alert itself has been posted. */
  async #supersede(posted: Posted, alert: RateAlert): Promise<Posted> {
    const message = discordSuperseded(alert, this.#options);
    const left = new Set(posted.superseded);
    const edits = posted.superseded.map(async (id) => {
      await this.#edit(posted, id, message);
      left.delete(id);
    });
    await within(Promise.allSettled(edits), EDITS_WITHIN_MS, 'not edited', false).catch(() => undefined);
    return { ...posted, superseded: [...left] };
  }

  /** Index of the severity to ping for; -1 for no ping. */
  #pingFor(alerts: readonly RateAlert[]): number {
    const calling = alerts.filter((alert) => isOpen(alert) && !alert.test);
    const severity = Math.max(-1, ...calling.map(({ level }) => SEVERITIES.indexOf(level.severity)));
    if (severity < SEVERITIES.indexOf(this.#options.mentionFrom ?? 'warning')) return -1;
    const rests = performance.now() - this.#pinged.at < PING_REST_MS;
    return rests && severity <= this.#pinged.severity ? -1 : severity;
  }

  #threadName(alert: RateAlert): string | undefined {
    const { threadName } = this.#options;
    try {
      const name = typeof threadName === 'function' ? threadName(alert) : threadName;
      return name === undefined ? undefined : plainText(String(name), MAX_THREAD_NAME);
    } catch {
      // A failing name function must not prevent the alert.
      return plainText(alert.category, MAX_THREAD_NAME);
    }
  }
}

function isGone(answer: Answer): boolean {
  return isMissing(answer, UNKNOWN_WEBHOOK);
}

function isMissing({ status, json }: Answer, code: number): boolean {
  return status === 404 && json.code === code;
}

/** `thread/id,older,older`; everything except the id is optional. */
function writePosted({ id, thread, superseded }: Posted): string {
  return `${thread === undefined ? '' : `${thread}/`}${[id, ...superseded.slice(0, MAX_SUPERSEDED)].join(',')}`;
}

function readPosted(written = ''): Posted | undefined {
  const [, thread, ids] = WRITTEN.exec(written) ?? [];
  const [id, ...superseded] = ids?.split(',') ?? [];
  return id === undefined ? undefined : { id, thread, superseded };
}
