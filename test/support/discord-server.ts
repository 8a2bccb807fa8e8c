import { discordFaults, type DiscordBody } from './discord-limits.js';
import { StandIn, type Received, type StandInAnswer } from './stand-in.js';

/** A message in the channel. */
interface PostedMessage {
  id: string;
  /** The thread, in a forum channel. */
  thread?: string | undefined;
  /** Its current content. */
  now: DiscordBody;
  /** Its content when posted and after each edit. */
  versions: DiscordBody[];
}

export interface DiscordServerOptions {
  /**
   * The rate limit of the webhook.
   *
   * @defaultValue 5 in 2,000 ms, as at Discord
   */
  rateLimit?: { requests: number; perMs: number };
  /** A forum channel: messages exist only in threads. */
  forum?: boolean;
}

/** Simulates a Discord webhook: size limits, rate limit, edits, and the errors for a deleted webhook or message. */
export class DiscordServer extends StandIn {
  /** The messages of the channel, oldest first. */
  readonly messages: PostedMessage[] = [];
  protected readonly path = '/api/webhooks/1101234567890123456/discord-token-kept-secret';
  private readonly rateLimit: { requests: number; perMs: number };
  private readonly forum: boolean;
  private removed = false;
  private readonly deleted = new Set<string>();
  private readonly archived = new Set<string>();
  private failing = 0;
  private bucket = { since: 0, used: 0 };
  private lastId = 1_201_234_567_890_123_456n;

  constructor({ rateLimit = { requests: 5, perMs: 2_000 }, forum = false }: DiscordServerOptions = {}) {
    super();
    this.rateLimit = rateLimit;
    this.forum = forum;
  }

  /** The webhook is deleted. */
  remove(): void {
    this.removed = true;
  }

  /** The next edits fail. */
  failEdits(times: number): void {
    this.failing = times;
  }

  /** Deletes a message, as a user would. */
  deleteMessage(id: string): void {
    const at = this.messages.findIndex((message) => message.id === id);
    if (at >= 0) this.messages.splice(at, 1);
  }

  /** Deletes a thread of a forum with all that is in it, as a moderator would. */
  deleteThread(thread: string): void {
    this.deleted.add(thread);
    for (const { id } of this.messages.filter((message) => message.thread === thread)) this.deleteMessage(id);
  }

  /** A thread in which nobody wrote for a while is archived: nothing in it can be edited until somebody writes again. */
  archiveThread(thread: string): void {
    this.archived.add(thread);
  }

  protected answer(request: Received): StandInAnswer {
    if (this.removed || !request.path.startsWith(this.path)) return notFound('Unknown Webhook', 10_015);
    const waitMs = this.take();
    if (waitMs > 0) return tooMany(waitMs);
    const body = parse(request.body);
    if (!body) return { status: 400, body: { message: 'The request body contains invalid JSON.', code: 50_109 } };
    const faults = body.allowed_mentions ? discordFaults(body) : ['allowed_mentions: this suite wants it said'];
    if (faults.length > 0)
      return { status: 400, body: { message: 'Invalid Form Body', code: 50_035, errors: { _errors: faults } } };
    const edited = /\/messages\/([^/]+)$/.exec(request.path)?.[1];
    const thread = request.query.get('thread_id') ?? undefined;
    if (thread !== undefined && this.deleted.has(thread)) return notFound('Unknown Channel', 10_003);
    if (request.method === 'PATCH' && this.archived.has(thread ?? ''))
      return { status: 400, body: { message: 'Thread is archived', code: 50_083 } };
    this.archived.delete(thread ?? '');
    if (request.method === 'PATCH' && this.failing-- > 0) return { status: 500 };
    if (request.method === 'PATCH') return this.edit(edited, body, thread);
    return this.post(body, request.query.get('wait') === 'true', thread);
  }

  protected override headers(): Record<string, string> {
    const { requests, perMs } = this.rateLimit;
    const resetAfter = Math.max(0, this.bucket.since + perMs - performance.now()) / 1_000;
    return {
      'x-ratelimit-limit': String(requests),
      'x-ratelimit-remaining': String(Math.max(0, requests - this.bucket.used)),
      'x-ratelimit-reset-after': resetAfter.toFixed(3),
    };
  }

  private post(body: DiscordBody, wait: boolean, asked: string | undefined): StandInAnswer {
    if (!body.content && !body.embeds?.length)
      return { status: 400, body: { message: 'Cannot send an empty message', code: 50_006 } };
    const id = String(++this.lastId);
    // A thread created with a message has the message's id.
    const thread = this.forum ? (asked ?? (body.thread_name === undefined ? undefined : id)) : undefined;
    if (this.forum && thread === undefined)
      return {
        status: 400,
        body: { message: 'Webhooks posted to forum channels must have a thread_name or thread_id', code: 220_001 },
      };
    if (!this.forum && body.thread_name !== undefined)
      return { status: 400, body: { message: 'Webhooks can only create threads in forum channels', code: 220_003 } };
    this.messages.push({ id, thread, now: body, versions: [body] });
    return wait ? { status: 200, body: { ...body, id, channel_id: thread ?? '1101' } } : { status: 204 };
  }

  private edit(id: string | undefined, body: DiscordBody, thread: string | undefined): StandInAnswer {
    const message = this.messages.find((posted) => posted.id === id && (!this.forum || posted.thread === thread));
    if (!message) return notFound('Unknown Message', 10_008);
    message.now = { ...message.now, ...body };
    message.versions.push(message.now);
    return { status: 200, body: { id, ...message.now } };
  }

  /** Uses one request of the rate limit; returns how long to wait if none is left. */
  private take(): number {
    const { requests, perMs } = this.rateLimit;
    const now = performance.now();
    if (now >= this.bucket.since + perMs) this.bucket = { since: now, used: 0 };
    if (this.bucket.used >= requests) return this.bucket.since + perMs - now;
    this.bucket.used++;
    return 0;
  }
}

function parse(body: string): DiscordBody | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function notFound(message: string, code: number): StandInAnswer {
  return { status: 404, body: { message, code } };
}

function tooMany(waitMs: number): StandInAnswer {
  const seconds = waitMs / 1_000;
  const headers = { 'retry-after': String(Math.ceil(seconds)) };
  return {
    status: 429,
    headers,
    body: { message: 'You are being rate limited.', retry_after: seconds, global: false },
  };
}
