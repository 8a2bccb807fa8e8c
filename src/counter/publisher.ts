import { AsyncLocalStorage } from 'node:async_hooks';

import {
  isCount,
  LEVEL_LEASE_MS,
  ODD_ANSWER,
  type Counted,
  type CounterStore,
  type OwnTotal,
  type Published,
} from '../store/counter-store.js';
import type { Clock } from './clock.js';
import { PublishStats } from './publish-stats.js';
import type { CountLosses } from './count-losses.js';
import { LevelCrossings, type Raise } from './level-crossings.js';
import { BLOCKED_MS, type StoreHealth } from './store-health.js';
import { chunks } from '../util/chunks.js';
import { duration, kindOf } from '../util/text.js';
import type { TenantTotal, Urgency } from './tenant-total.js';
import { isOver, type TenantsByWindow } from './tenants-by-window.js';

/** Totals in one call: enough to make a call cheap, few enough that neither Redis nor the event loop is blocked. */
const CHUNK = 200;
/** After a fault, the rest of a long queue is sent in several calls at a time: while a Cluster node is down, every call waits for it. */
const CHUNKS_AFTER_A_FAULT = 5;
/** A publish that takes longer has failed, even if the store could still answer. */
const PUBLISH_WITHIN_MS = 1_000;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 1_000;
/** How long until a total is published again that was refused, or whose level another instance has yet to announce. */
const HELD_FOR_MS = LEVEL_LEASE_MS;
/** How soon lost counters that are close to a level are published again, all at once. */
const PUT_BACK_AFTER_MS = 500;

export interface PublisherOptions {
  readonly counting: 'auto' | 'await' | 'background';
  readonly waitAtMostMs: number;
  readonly flushIntervalMs: number;
}

/**
 * Sends totals to the store, one publish at a time; totals that change during a publish go with the next. The store's answers are kept in the
 * totals.
 */
export class Publisher {
  private urgent: TenantTotal[] = [];
  private later: TenantTotal[] = [];
  /** Totals to publish again later, the earliest first. */
  private held: { tracked: TenantTotal; at: number }[] = [];
  private isProbing = false;
  /** Time and calls spent so far. */
  readonly stats = new PublishStats();
  private batch: Batch | undefined;
  private immediate: NodeJS.Immediate | undefined;
  private flushTimer: NodeJS.Timeout | undefined;
  private heldTimer: NodeJS.Timeout | undefined;
  private putBackTimer: NodeJS.Timeout | undefined;
  private isFlushDue = false;
  private publishing: Promise<void> | undefined;
  private failures = 0;
  private failedAt = -Infinity;
  /** A failure was ignored by `isBelieved`, and the store has not answered since. */
  private isUnsure = false;
  /** Whether nothing is published any more. */
  isStopped = false;
  /** A publish belongs to no request: run outside of them, it neither keeps one alive nor carries its trace. */
  private readonly outside = AsyncLocalStorage.snapshot();
  private readonly crossings: LevelCrossings;

  constructor(
    private readonly store: CounterStore,
    private readonly options: PublisherOptions,
    private readonly clock: Clock,
    private readonly windows: TenantsByWindow,
    private readonly health: StoreHealth,
    private readonly losses: CountLosses,
    raiseBreach: Raise,
  ) {
    this.crossings = new LevelCrossings(raiseBreach, {
      publish: (tracked) => this.enqueue(tracked, true),
      // Other instances may learn of a level only once its alert is recorded: if the store loses its data, only they know it.
      confirm: (tracked) => this.enqueue(tracked, this.options.counting !== 'background'),
      hold: (tracked) => this.hold(tracked, 'lease'),
    });
  }

  /** Queues a total. Returns a promise if the request should wait; it never rejects and never takes longer than `waitAtMostMs`. */
  publish(tracked: TenantTotal, urgency: Urgency): Promise<void> | undefined {
    if (tracked.isRefused) {
      this.crossings.judgeAlone([tracked]);
      return undefined;
    }
    // Judged now, because the next try may be a second away.
    if (this.health.alone) this.crossings.judgeAlone([tracked]);
    const { counting, waitAtMostMs } = this.options;
    const waits = counting === 'await' || (counting === 'auto' && urgency === 'wait');
    this.enqueue(tracked, waits || (counting === 'auto' && urgency === 'now'));
    if (!waits || this.health.away) return undefined;
    return (this.batch ??= new Batch(this.health, waitAtMostMs, this.stats)).join();
  }

  /** Publishes everything that the store would still take, at once: it may have lost its data. */
  publishAll(): void {
    this.urgent = this.urgent.filter((tracked) => this.isLive(tracked));
    this.later = this.later.filter((tracked) => this.isLive(tracked));
    for (const tracked of this.windows.live(this.clock.now()))
      if (!tracked.isRefused && tracked.enqueue('urgent')) this.urgent.push(tracked);
    this.failures = 0;
    if (this.isIdle) this.health.answered();
    else this.schedule();
  }

  /**
   * Checks whether the store is reachable, if there is nothing to publish: without requests an outage would go unnoticed. Never rejects.
   */
  async probe(): Promise<void> {
    if (!this.store.time || !this.isIdle || this.isProbing) return;
    this.isProbing = true;
    const [asked, askedAt] = [this.health.ask(this.options.waitAtMostMs), performance.now()];
    let failure: unknown;
    try {
      // The app's own store may return a value instead of a promise.
      await inTime(Promise.resolve(this.store.time()));
    } catch (error) {
      failure = error ?? new Error('no reason');
    }
    const isSlow = asked();
    this.isProbing = false;
    // A publish, even a failed one, tells more than a probe: the store may return its time but take no totals.
    if (this.isStopped || !this.isIdle || this.failures > 0) return;
    if (failure === undefined) this.wasReached(isSlow);
    else if (this.isBelieved(askedAt)) this.health.failed(failure);
  }

  /** Publishes what is queued. Resolves when that is done or has failed. */
  async flush(): Promise<void> {
    // Set before waiting, so that a publish that begins in the meantime takes everything, not only what is urgent.
    this.isFlushDue = true;
    await this.publishing;
    if (this.isFlushDue && this.publishing === undefined) this.outside(() => this.start());
    await this.publishing;
  }

  /**
   * Publishes what is queued. Resolves when all alerts are raised too, and the store knows their levels, which it would otherwise give out
   * again.
   */
  async settle(): Promise<void> {
    await this.flush();
    await this.crossings.settled();
    if (this.failures === 0 && !this.isIdle) await this.flush();
  }

  /** Stops publishing. What is left is judged alone. Resolves when all alerts are raised. */
  async stop(left: Iterable<TenantTotal>): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.flushTimer);
    clearTimeout(this.heldTimer);
    clearTimeout(this.putBackTimer);
    clearImmediate(this.immediate);
    this.batch?.settle();
    this.health.stop();
    this.crossings.judgeAlone(left);
    await this.crossings.stop();
  }

  private get isIdle(): boolean {
    return this.publishing === undefined && this.urgent.length === 0 && this.later.length === 0;
  }

  private enqueue(tracked: TenantTotal, isUrgent: boolean): void {
    const queue = isUrgent ? 'urgent' : 'later';
    if (!tracked.enqueue(queue)) return;
    this[queue].push(tracked);
    this.schedule();
  }

  /** Runs for each request, so closures are created in other methods, only when needed. */
  private schedule(): void {
    if (this.isStopped || this.publishing) return;
    if (this.failures > 0)
      this.flushTimer ??= this.flushIn(Math.min(FIRST_RETRY_MS * 2 ** (this.failures - 1), LAST_RETRY_MS));
    else if (this.isFlushDue || this.urgent.length > 0 || this.batch) this.immediate ??= this.startSoon();
    else if (this.later.length > 0) this.flushTimer ??= this.flushIn(this.options.flushIntervalMs);
  }

  private startSoon(): NodeJS.Immediate {
    return this.outside(() => setImmediate(() => this.start()));
  }

  private flushIn(ms: number): NodeJS.Timeout {
    return this.outside(() => setTimeout(() => this.startFlush(), ms).unref());
  }

  private startFlush(): void {
    this.flushTimer = undefined;
    this.isFlushDue = true;
    if (!this.publishing) this.start();
  }

  /** Called outside of requests. */
  private start(): void {
    clearImmediate(this.immediate);
    this.immediate = undefined;
    this.publishing = this.run().catch((error: unknown) => this.failed(error));
  }

  private async run(): Promise<void> {
    const { batch } = this;
    this.batch = undefined;
    // Totals that are not urgent wait for their flush, so that one urgent total does not publish all of them.
    const takesAll = this.isFlushDue;
    const queue = takesAll ? this.urgent.concat(this.later) : this.urgent;
    this.urgent = [];
    if (takesAll) {
      this.later = [];
      this.isFlushDue = false;
      clearTimeout(this.flushTimer);
      this.flushTimer = undefined;
    }
    const raised: Promise<void>[] = [];
    let unsent = queue;
    try {
      unsent = await this.send(queue, raised);
    } finally {
      this.urgent = this.urgent.concat(unsent);
      this.publishing = undefined;
      void Promise.all(raised).then(() => batch?.settle());
      // A total that was updated during this publish may already have left the queue; its waiters need another publish.
      this.schedule();
    }
  }

  /** Sends totals in chunks and returns those not sent. Never walks over the whole queue at once, because it may be long. */
  private async send(queue: readonly TenantTotal[], raised: Promise<void>[]): Promise<TenantTotal[]> {
    let [isAnswered, isSlow, isWhole] = [false, false, true];
    for (let at = 0, size = CHUNK; at < queue.length;) {
      // A total that became urgent while it was queued is in it twice.
      const sent = queue.slice(at, at + size).filter((tracked) => tracked.dequeue() && this.isLive(tracked));
      at += size;
      if (sent.length === 0) continue;
      // A store in memory answers within the turn.
      if (isAnswered) await new Promise(setImmediate);
      const asked = this.health.ask(this.options.waitAtMostMs);
      const failed = await this.sendAll(sent, raised);
      isSlow = asked() || isSlow;
      isAnswered = true;
      if (failed.length === 0) continue;
      isWhole = false;
      if (this.health.alone) this.crossings.judgeAlone(failed);
      size = CHUNKS_AFTER_A_FAULT * CHUNK;
      if (failed.length < sent.length) continue;
      // If nothing went through, nothing else will now.
      const unsent = queue.slice(at);
      if (this.health.alone) this.crossings.judgeAlone(unsent);
      return unsent;
    }
    // A store that takes only some totals, such as a Cluster with a node down, has not recovered yet.
    if (isAnswered && isWhole) this.answered(isSlow);
    return [];
  }

  private async sendAll(totals: readonly TenantTotal[], raised: Promise<void>[]): Promise<TenantTotal[]> {
    if (totals.length <= CHUNK) return this.sendChunk(totals, raised);
    const sending = chunks(totals, CHUNK).map((some) => this.sendChunk(some, raised));
    return (await Promise.all(sending)).flat();
  }

  /** Returns the totals that the store did not take; they are queued again. */
  private async sendChunk(chunk: readonly TenantTotal[], raised: Promise<void>[]): Promise<TenantTotal[]> {
    const totals = chunk.map((tracked) => tracked.send());
    let answers: readonly Published[];
    const [published, askedAt] = [this.stats.publishing(), performance.now()];
    try {
      // The app's own store may return a plain value or any thenable.
      answers = await inTime(Promise.resolve(this.store.publish(totals, this.clock.now())));
    } catch (error) {
      published(false);
      this.failed(error, askedAt);
      for (const tracked of chunk) if (tracked.enqueue('urgent')) this.urgent.push(tracked);
      return [...chunk];
    }
    answers = readable(answers, totals.length);
    published(!answers.some((answer) => 'refused' in answer));
    let failure: string | undefined;
    const untaken = chunk.filter((tracked, i) => {
      const answer = answers[i] as Published;
      if (!('refused' in answer)) this.taken(tracked, totals[i] as OwnTotal, answer, raised);
      else if (answer.ofKey) this.refused(tracked, answer.refused);
      else {
        failure ??= answer.refused;
        if (tracked.enqueue('urgent')) this.urgent.push(tracked);
        return true;
      }
      return false;
    });
    if (failure !== undefined) this.failed(failure, askedAt);
    return untaken;
  }

  private taken(tracked: TenantTotal, { total }: OwnTotal, counted: Counted, raised: Promise<void>[]): void {
    const odd = notNumber(counted);
    if (odd !== undefined) return this.refused(tracked, `${ODD_ANSWER} the ${odd} is not a number, 0 or more`);
    // A total that was sent but never answered may not have arrived, and then its counter was not lost.
    const hasLost = counted.lost === true && tracked.isKnownToStore;
    const raising = this.crossings.taken(tracked, total, counted, this.wasCutOff);
    if (raising) raised.push(raising);
    tracked.forgetTenant();
    if (hasLost) this.lostData();
  }

  private refused(tracked: TenantTotal, reason: string): void {
    this.hold(tracked, 'refused');
    this.losses.refused(tracked, reason);
    this.crossings.judgeAlone([tracked]);
  }

  /** Whether the store was away during the lease of a level, so that the others could not confirm theirs either. */
  private get wasCutOff(): boolean {
    return performance.now() - this.failedAt < LEVEL_LEASE_MS;
  }

  /** Publishes it again after a while, even if no further request arrives. */
  private hold(tracked: TenantTotal, why: 'refused' | 'lease'): void {
    const isHeld = tracked.isHeld;
    tracked.hold(why);
    if (isHeld || this.isStopped) return;
    this.held.push({ tracked, at: performance.now() + HELD_FOR_MS });
    this.heldTimer ??= this.outside(() => setTimeout(() => this.releaseHeld(), HELD_FOR_MS).unref());
  }

  private releaseHeld(): void {
    this.heldTimer = undefined;
    const now = performance.now();
    const due = this.held.findIndex(({ at }) => at > now);
    const released = this.held.splice(0, due === -1 ? this.held.length : due);
    for (const { tracked } of released) {
      tracked.release();
      this.enqueue(tracked, true);
    }
    const [next] = this.held;
    if (next) this.heldTimer = this.outside(() => setTimeout(() => this.releaseHeld(), next.at - now).unref());
  }

  /** The store has lost one counter, and perhaps others: those close to a level are published again without waiting for a request. */
  private lostData(): void {
    this.losses.lostData();
    this.putBackTimer ??= this.outside(() =>
      setTimeout(() => {
        this.putBackTimer = undefined;
        for (const tracked of this.windows.live(this.clock.now()))
          if (tracked.isHot && !tracked.isRefused) this.enqueue(tracked, true);
      }, PUT_BACK_AFTER_MS).unref(),
    );
  }

  private failed(error: unknown, askedAt = performance.now()): void {
    this.failures++;
    if (!this.isBelieved(askedAt)) return;
    this.failedAt = performance.now();
    this.health.failed(error);
  }

  /**
   * Whether a failure is the store's. If the event loop was blocked, the first is ignored: the answer may have arrived, but a client times
   * out before it reads it. The next try tells.
   */
  private isBelieved(askedAt: number): boolean {
    const wasBlocked = performance.now() - askedAt > PUBLISH_WITHIN_MS + BLOCKED_MS;
    if (!wasBlocked || this.isUnsure) return true;
    this.isUnsure = true;
    return false;
  }

  private answered(isSlow: boolean): void {
    const hasRecovered = this.failures > 0;
    this.failures = 0;
    this.wasReached(isSlow);
    if (!hasRecovered) return;
    this.publishAll();
    this.losses.say();
  }

  private wasReached(isSlow: boolean): void {
    this.isUnsure = false;
    if (isSlow && this.options.counting !== 'background') this.health.slow();
    else this.health.answered();
  }

  /** Whether it is still worth sending; otherwise it leaves the queue. */
  private isLive(tracked: TenantTotal): boolean {
    if (!isOver(tracked.window, this.clock.now())) return true;
    tracked.dequeue();
    this.losses.unpublished(tracked);
    return false;
  }
}

/**
 * The field of an answer that is missing or no number, 0 or more; undefined if all are right. Without `announce`, nobody would ever be
 * alerted on.
 */
function notNumber({ count, announced, announce, earlier = 0 }: Counted): keyof Counted | undefined {
  if (!isCount(count)) return 'count';
  if (!isCount(announced)) return 'announced';
  if (!isCount(announce)) return 'announce';
  return isCount(earlier) ? undefined : 'earlier';
}

/** One answer for each total. Anything else from the app's own store becomes a refusal, so that the total is published again later. */
function readable(answers: unknown, size: number): Published[] {
  const refused = (how: string): Published => ({ refused: `${ODD_ANSWER} ${how}`, ofKey: true });
  const isList = Array.isArray(answers) && answers.length === size;
  if (!isList) {
    const how = Array.isArray(answers) ? `${answers.length} answers to ${size} totals` : kindOf(answers);
    return Array.from({ length: size }, () => refused(how));
  }
  return answers.map((answer: unknown) =>
    typeof answer === 'object' && answer !== null ? (answer as Published) : refused(kindOf(answer)),
  );
}

/** The store's answer, or a rejection if it takes too long. An answer that has already arrived is read before an immediate runs, but not before a timer. */
function inTime<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(new Error(`no answer within ${duration(PUBLISH_WITHIN_MS)}`));
    const timer = setTimeout(() => setImmediate(giveUp), PUBLISH_WITHIN_MS);
    const settle =
      <V>(by: (value: V) => void) =>
      (value: V): void => {
        clearTimeout(timer);
        by(value);
      };
    answer.then(settle(resolve), settle(reject));
  });
}

/** The requests that wait for one publish: until it is done, but no longer than they may wait. */
class Batch {
  private readonly done: Promise<void>;
  private readonly isLate: () => boolean;
  private resolve!: () => void;
  private waiting = 0;
  private joinedAt = 0;

  constructor(
    health: StoreHealth,
    waitAtMostMs: number,
    private readonly stats: PublishStats,
  ) {
    this.done = new Promise((resolve) => (this.resolve = resolve));
    this.isLate = health.ask(waitAtMostMs, (isOfStore) => {
      if (isOfStore) health.late();
      this.end();
    });
  }

  /** Lets one more request wait. */
  join(): Promise<void> {
    this.waiting++;
    this.joinedAt += performance.now();
    return this.done;
  }

  settle(): void {
    this.isLate();
    this.end();
  }

  private end(): void {
    this.stats.waits += this.waiting;
    this.stats.waitMs += this.waiting * performance.now() - this.joinedAt;
    this.waiting = this.joinedAt = 0;
    this.resolve();
  }
}
