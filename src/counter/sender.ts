import { within } from '../util/within.js';
import type { Counted, CounterStore, OwnTotal, Published, Refused } from '../store/counter-store.js';
import type { TrackedTenant } from './tracked-tenant.js';

/** Totals in one call: enough to make a call cheap, few enough that neither Redis nor the event loop is held. */
const CHUNK = 200;
/** A Cluster that lacks a node keeps each call waiting for it: the rest of a long queue is not to wait in a row. */
const AT_ONCE_AFTER_A_FAULT = 5;
/** A publish that took longer has failed, whatever the store's own limits are. */
const GIVE_UP_AFTER_MS = 1_000;

/** What becomes of totals that are sent. */
export interface SendListener {
  /** The store has taken `total` of it. */
  taken(tracked: TrackedTenant, total: number, counted: Counted): void;
  /** The store will never take it. */
  refused(tracked: TrackedTenant, reason: string): void;
  /** The store could not be reached with them, and will be tried again. */
  unreached(left: readonly TrackedTenant[]): void;
  /** Whether there is no use in sending it any more. */
  expired(tracked: TrackedTenant): boolean;
}

/** How the store behaved. */
export interface SendOutcome {
  /** It was asked, and has yet to answer. */
  asked(): void;
  failed(error: unknown): void;
  /** It took all that it was sent; the slowest call took `tookMs`. */
  answered(tookMs: number): void;
}

/** What the store has not taken, and is to be sent again. */
export interface Left {
  /** It was sent, and may have been counted further and queued again meanwhile. */
  untaken: TrackedTenant[];
  /** It was not: it is queued still. */
  unsent: TrackedTenant[];
}

/** Sends totals to the store, some at a time. */
export class Sender {
  constructor(
    private readonly store: CounterStore,
    private readonly listener: SendListener,
    private readonly outcome: SendOutcome,
  ) {}

  /** Gives back what the store did not take. Nothing here walks over the whole queue while the store answers: it may be long. */
  async send(queue: readonly TrackedTenant[]): Promise<Left> {
    const isLive = (tracked: TrackedTenant): boolean => this.isLive(tracked);
    const untaken: TrackedTenant[] = [];
    let unsent: TrackedTenant[] = [];
    let slowestMs: number | undefined;
    for (let at = 0, size = CHUNK; at < queue.length;) {
      const sent = queue.slice(at, at + size).filter(isLive);
      at += size;
      if (sent.length === 0) continue;
      const asked = performance.now();
      const failed = await this.sendAll(sent);
      slowestMs = Math.max(slowestMs ?? 0, performance.now() - asked);
      if (failed.length === 0) continue;
      this.listener.unreached(failed);
      untaken.push(...failed);
      size = AT_ONCE_AFTER_A_FAULT * CHUNK;
      if (failed.length < sent.length) continue;
      // Where nothing went through, nothing else will now.
      unsent = queue.slice(at).filter(isLive);
      break;
    }
    this.listener.unreached(unsent);
    // One that takes some and not others, a Cluster that lacks a node, has not come right.
    if (slowestMs !== undefined && untaken.length === 0) this.outcome.answered(slowestMs);
    return { untaken, unsent };
  }

  /** Whether there is any use in sending it; what there is none for is queued no more. */
  isLive(tracked: TrackedTenant): boolean {
    if (!this.listener.expired(tracked)) return true;
    tracked.queued = false;
    return false;
  }

  private async sendAll(live: readonly TrackedTenant[]): Promise<TrackedTenant[]> {
    const sending: Promise<TrackedTenant[]>[] = [];
    for (let at = 0; at < live.length; at += CHUNK) sending.push(this.sendChunk(live.slice(at, at + CHUNK)));
    return (await Promise.all(sending)).flat();
  }

  private async sendChunk(chunk: readonly TrackedTenant[]): Promise<TrackedTenant[]> {
    for (const tracked of chunk) tracked.queued = false;
    const totals = chunk.map((tracked) => tracked.toOwnTotal());
    this.outcome.asked();
    let answers: Published[];
    try {
      answers = await within(this.store.publish(totals), GIVE_UP_AFTER_MS, 'no answer');
      if (answers.length !== totals.length) throw new Error(`${answers.length} answers to ${totals.length} totals`);
    } catch (error) {
      this.outcome.failed(error);
      return [...chunk];
    }
    const failed = answers.find((answer): answer is Refused => 'refused' in answer && !answer.forGood);
    if (failed) this.outcome.failed(failed.refused);
    return chunk.filter((tracked, i) => {
      const [{ total }, answer] = [totals[i] as OwnTotal, answers[i] as Published];
      if (!('refused' in answer)) this.listener.taken(tracked, total, answer);
      else if (answer.forGood) this.listener.refused(tracked, answer.refused);
      else return true;
      return false;
    });
  }
}
