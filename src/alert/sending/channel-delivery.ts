import { setTimeout as after } from 'node:timers/promises';

import type { Logger } from '@nestjs/common';

import type { AlertChannel, ChannelStatus } from '../../model/alert-channel.js';
import { SEVERITIES } from '../../model/level.js';
import type { RateAlert } from '../../model/rate-alert.js';
import { MAX_IN_A_TURN } from '../../store/records.js';
import { chunks } from '../../util/chunks.js';
import { isThenable } from '../../util/guest-function.js';
import { plural, reasonOf } from '../../util/text.js';
import { within } from '../../util/within.js';
import { ChannelHealth, mayBeOfOneAlert, type Failure } from './channel-health.js';
import { byRank, RankedQueue, type Item } from './ranked-queue.js';
import { SEND_LEASE_MS } from './which-replica-sends.js';
import type { Due } from '../incident/incident.js';

/** A channel with its unique name. */
export interface NamedChannel {
  readonly channel: AlertChannel;
  /** Its name, with a number if another channel has the same name. */
  readonly name: string;
  /** What to fix: `channels[1]`, or the environment variable that added the channel. */
  readonly option: string;
}

/** What to send about one incident, as it is now. */
export interface Present {
  readonly due: Due;
  readonly alert: RateAlert;
  /** What the channel stored about the incident, and about records merged into it. */
  readonly memory: string | undefined;
  readonly also: readonly string[];
  /** It failed when sent alone, and is sent alone until it goes through: it would make a whole group fail. */
  readonly isAtFault: boolean;
  /** It failed and may be at fault, so it is sent after those that have not failed, and never together with them. */
  readonly isSuspect: boolean;
}

/** The outcome of an attempt. */
export type Outcome =
  { readonly delivered: true; readonly memory: string | undefined } | ({ readonly delivered: false } & Failure);

/** What a delivery needs from alerts: what to send, and where to report the outcome. */
export interface Incidents {
  /** What to send, in the order of `ids`; undefined if nothing is due. Synchronous if all are known here. */
  present(key: string, ids: readonly string[]): (Present | undefined)[] | Promise<(Present | undefined)[]>;
  /**
   * Notes the outcome of an attempt, calls `noted`, and hands on what is due then. Returns how long to wait before the next try, in
   * milliseconds.
   */
  report(key: string, id: string, present: Present, outcome: Outcome, noted: () => void): Promise<number>;
  /** Tries again to send what failed or waited. */
  again(key: string, id: string): Promise<void>;
}

/** A queued item with what is still due for it, as it is now. */
interface Live {
  readonly item: Item;
  readonly present: Present;
}

/**
 * A message that takes longer counts as failed. It may take three requests, each with 2 s to wait for a rate limit and 30 s for the response:
 * if an incident's message and thread were deleted, Discord says so twice before it takes a new message. Editing older ones adds 2 s.
 */
export const SEND_WITHIN_MS = 100_000;
/** Shorter for a test alert, because somebody is waiting for its outcome. */
const TEST_WITHIN_MS = 10_000;
/** Enough for storms, fewer than the 64 that Sentry's buffer holds. */
const MAX_IN_FLIGHT = 16;
const BATCH_SIZE = 25;
const MAX_MEMORY = 1_000;
/** How often a flush checks whether it is done. */
const LOOK_AGAIN_MS = 20;
/** If more than this many messages wait for a rate limit, the least urgent are only counted: "and 40 more". */
const MAX_LISTED_BATCHES = 4;
/**
 * How many waiting alerts are ranked by their current counts before a message. If more wait, the worst by their queued rank are chosen.
 */
const MAX_RANKED = 2_000;

/** Sends what one channel is due: most severe first, in groups if the channel takes them. */
export class ChannelDelivery {
  private readonly pending = new RankedQueue();
  /** Something was put back when its turn had come, so the next message does not wait for others. */
  private hasWaited = false;
  private readonly retries = new Map<string, { readonly timer: NodeJS.Timeout; readonly at: number }>();
  /** Tried again, and not yet claimed or left for later by their records. */
  private readonly trying = new Set<string>();
  private readonly sending = new Set<string>();
  /** Sent, and not yet noted in the record. */
  private readonly reporting = new Set<string>();
  private readonly working = new Set<Promise<unknown>>();
  private readonly health: ChannelHealth;
  private timer: NodeJS.Timeout | undefined;
  private isGroupUnderWay = false;
  /** Halved when a group fails, to find the alert at fault, if any; doubled when a message goes through. */
  private maxGroup = Infinity;
  private readonly outcomes = { delivered: 0, retried: 0, failed: 0, suppressed: 0 };
  /** How often the channel has worked again. */
  private recoveries = 0;
  private hurry = false;
  private isEnded = false;

  constructor(
    readonly key: string,
    private readonly named: NamedChannel,
    private readonly groupWaitMs: number,
    private readonly incidents: Incidents,
    private readonly run: <T>(work: () => T) => T,
    private readonly logger: Pick<Logger, 'log' | 'warn' | 'error'>,
  ) {
    this.health = new ChannelHealth(this.title, named.option, logger);
  }

  get name(): string {
    return this.named.name;
  }

  get channel(): AlertChannel {
    return this.named.channel;
  }

  /** Whether the channel takes several alerts as one message. Only one replica at a time sends to it then. */
  get isGrouped(): boolean {
    return this.channel.sendBatch !== undefined;
  }

  /** How much longer the channel is paused, in milliseconds; 0 if it is not. */
  get pausedMs(): number {
    return this.health.pausedMs;
  }

  /** How many alerts wait or are being sent. */
  get waiting(): number {
    return this.pending.size + this.sending.size;
  }

  /** @param now - Milliseconds since the epoch. */
  status(now: number): ChannelStatus {
    const queued = this.unsent.length;
    return { name: this.name, ...this.health.status(now), queued, outcomes: { ...this.outcomes } };
  }

  /** Counts an alert that a mute held back. */
  suppressed(): void {
    this.outcomes.suppressed++;
  }

  /** Ids of what this replica is sending, so that its leases are extended: first those that cannot be left to others any more. */
  ids(): string[] {
    return [...this.sending, ...this.reporting, ...this.pending.ids()];
  }

  /** Ids of what waits, is being sent, or is retried later. */
  private get unsent(): string[] {
    return [...new Set([...this.pending.ids(), ...this.sending, ...this.retries.keys()])];
  }

  push(id: string, due: Due, isSuspect: boolean): void {
    // The claim expired during a slow attempt or report. Sending again now would deliver twice; the report claims what is still due.
    if (this.sending.has(id) || this.reporting.has(id)) return;
    this.forget(id);
    this.trying.delete(id);
    const rank = rankOf(due, isSuspect);
    const { since = performance.now() } = this.pending.get(id) ?? {};
    this.pending.set({ id, since, rank });
    this.pump();
  }

  /** Sends a test alert now. Success, even if late, turns on a channel that is off or paused. Returns the reason if it fails. */
  async test(alert: RateAlert): Promise<string | undefined> {
    try {
      const sending = this.run(() => this.channel.send(alert));
      const done = Promise.resolve(sending).then(() => this.works());
      await within(done, TEST_WITHIN_MS, 'no answer', false);
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  }

  /** Tries everything once more, for up to `withinMs`. Returns the ids of what is left. */
  async stop(withinMs: number): Promise<string[]> {
    const end = performance.now() + withinMs;
    await this.sendAll(withinMs);
    this.hurry = true;
    if (!(await this.handedOn(Math.max(end - performance.now(), 1))))
      this.logger.warn(`${this.title} may not have sent its last alerts: the process ended first`);
    const left = [...new Set([...this.unsent, ...this.trying])];
    for (const { timer } of this.retries.values()) clearTimeout(timer);
    clearTimeout(this.timer);
    this.pending.take(Infinity);
    if (left.length > 0)
      this.logger.warn(`${this.title} did not send ${plural(left.length, 'alert')}: the process ended first`);
    this.isEnded = true;
    return left;
  }

  /**
   * Sends now what waits for a group, a retry or the end of a pause, and repeats retries that fall due within the time limit. Returns whether
   * nothing is left.
   */
  async flush(withinMs: number): Promise<boolean> {
    const end = performance.now() + withinMs;
    await this.sendAll(withinMs);
    while (!this.isIdle || this.retries.size > 0) {
      const now = performance.now();
      const retryMs = Math.min(...Array.from(this.retries.values(), ({ at }) => at - now));
      const nextMs = this.working.size > 0 ? 0 : this.isIdle ? retryMs : this.pausedMs;
      if (!(now + nextMs < end)) return false;
      await after(Math.min(end - now, Math.max(nextMs, LOOK_AGAIN_MS)));
      this.hurry = true;
      this.pump();
      this.hurry = false;
    }
    return true;
  }

  /** Tries everything once. */
  private async sendAll(withinMs: number): Promise<void> {
    const end = performance.now() + withinMs;
    this.hurry = true;
    this.health.resume();
    await within(this.tryAgain(), withinMs, '').catch(() => undefined);
    this.pump();
    while (!this.isIdle) {
      const left = end - performance.now();
      if (!(left > 0) || (this.working.size === 0 && this.pausedMs >= left)) break;
      const next = this.working.size > 0 ? Promise.race(this.working) : after(this.pausedMs);
      await within(next, left, '').catch(() => undefined);
      this.pump();
    }
    this.hurry = false;
  }

  /** Retries an alert when the channel's pause is over, or earlier if the channel works again. */
  awaitPause(id: string): void {
    this.retryAfter(id, this.pausedMs);
  }

  /** Cancels the retry of an alert. */
  forget(id: string): void {
    clearTimeout(this.retries.get(id)?.timer);
    this.retries.delete(id);
  }

  private async handedOn(withinMs: number): Promise<boolean> {
    try {
      return this.channel.flush
        ? await within(Promise.resolve(this.channel.flush(withinMs)), withinMs, 'not flushed')
        : true;
    } catch {
      return false;
    }
  }

  private pump(): void {
    if (this.isEnded || this.pending.size === 0) return;
    // Here, it would wait under a lease that is extended without end, and one that runs out would let others send during the pause.
    if (this.pausedMs > SEND_LEASE_MS && !this.hurry)
      return void this.tryAgain(this.pending.take(Infinity).map(({ id }) => id));
    if (this.isGrouped) return this.pumpGroup();
    while (this.sending.size < MAX_IN_FLIGHT && this.pending.size > 0 && this.pausedMs === 0) this.start(this.take(1));
    if (this.pausedMs > 0) this.pumpIn(this.pausedMs);
  }

  private pumpGroup(): void {
    if (this.isGroupUnderWay) return;
    const { since } = this.pending.first as Item;
    const groupWaitMs = this.hurry || this.hasWaited ? 0 : since + this.groupWaitMs - performance.now();
    const waitMs = Math.max(groupWaitMs, this.pausedMs);
    if (waitMs <= 0) {
      this.hasWaited = false;
      return this.start(this.take(MAX_RANKED));
    }
    this.pumpIn(waitMs);
  }

  private pumpIn(waitMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.pump(), Math.min(waitMs, 60_000)).unref();
  }

  private get batchSize(): number {
    const { batchSize = BATCH_SIZE } = this.channel;
    // A custom channel may have any size here. A size below 1 would lose what is queued.
    return batchSize >= 1 ? Math.floor(Math.min(batchSize, 10_000)) : BATCH_SIZE;
  }

  private take(most: number): Item[] {
    const taken = this.pending.take(most);
    for (const { id } of taken) this.sending.add(id);
    return taken;
  }

  private start(items: readonly Item[]): void {
    this.isGroupUnderWay = true;
    const work = this.run(() => (this.isGrouped ? this.sendGroup(items) : this.sendOne(items[0] as Item)));
    const failed = (error: unknown): void => {
      for (const { id } of items) this.sending.delete(id);
      this.logger.error(`${this.title} could not send (${reasonOf(error)})`);
    };
    const done = work.catch(failed).finally(() => {
      this.working.delete(done);
      this.isGroupUnderWay = false;
      this.pump();
    });
    this.working.add(done);
  }

  private async sendOne(item: Item): Promise<void> {
    const found = this.incidents.present(this.key, [item.id]);
    const [present] = found instanceof Promise ? await found : found;
    if (present) await this.attempt([{ item, present }], () => this.single(present), 1);
    else this.drop(item.id);
  }

  /**
   * Sends one message about the most urgent alerts, ranked by their current counts. The others wait for the next message. If too many wait,
   * the least urgent are only counted.
   */
  private async sendGroup(items: readonly Item[]): Promise<void> {
    const ids = items.map(({ id }) => id);
    const found = await this.incidents.present(this.key, ids);
    const live: Live[] = [];
    for (const [i, item] of items.entries()) {
      const present = found[i];
      if (present) live.push({ item: { ...item, rank: rankOf(present.due, present.isSuspect) }, present });
      else this.drop(item.id);
    }
    live.sort((a, b) => byRank(a.item, b.item));
    const [first] = live;
    if (!first) return;
    const isAlone = ({ present }: Live): boolean => present.isAtFault || present.memory !== undefined;
    const most = Math.min(this.batchSize, this.maxGroup);
    const isWithFirst = (one: Live): boolean => !isAlone(one) && one.present.isSuspect === first.present.isSuspect;
    const listed = isAlone(first) ? [first] : live.filter(isWithFirst).slice(0, most);
    const others = live.filter((one) => !listed.includes(one));
    // A smaller group is a search for an alert at fault.
    const isFull = listed.length > 1 && listed.length === this.batchSize;
    // Not those that have a message of their own: it would never show the end.
    const counted = isFull ? others.slice(this.batchSize * MAX_LISTED_BATCHES).filter((one) => !isAlone(one)) : [];
    const sent = new Set([...listed, ...counted]);
    for (const one of others) if (!sent.has(one)) this.putBack(one.item);
    await this.attempt(
      [...sent],
      () => {
        if (listed.length === 1) return this.single(first.present);
        const alerts = listed.map(({ present }) => ({ ...present.alert }));
        const message = this.channel.sendBatch?.(alerts, counted.length);
        return isThenable(message) ? inTime(message) : message;
      },
      listed.length,
    );
  }

  /** Drops an item that is no longer due or is muted, and updates its record. */
  private drop(id: string): void {
    this.sending.delete(id);
    void this.tryAgain([id]);
  }

  private putBack(item: Item): void {
    this.sending.delete(item.id);
    this.pending.set(item);
    this.hasWaited = true;
  }

  private async single({ alert, memory, also }: Present): Promise<string | undefined> {
    const isEnd = alert.incident?.status === 'resolved';
    // A copy, because a custom channel may change what it is given, and the record notes what was sent.
    const sent = this.channel.send({ ...alert }, memory);
    const next = isThenable(sent) ? await inTime(sent) : sent;
    // Replicas that could not reach each other posted several messages. All of them must show the end.
    if (isEnd) for (const other of also) await inTime(this.channel.send({ ...alert }, other)).catch(() => undefined);
    return next ?? memory;
  }

  /** @param listed - How many of the sent alerts have a line of their own. */
  private async attempt(
    sent: readonly Live[],
    send: () => Promise<string | void> | string | void,
    listed: number,
  ): Promise<void> {
    let outcome: Outcome;
    const since = performance.now();
    try {
      const sending = send();
      const memory = isThenable(sending) ? await sending : sending;
      this.works(since);
      this.maxGroup *= 2;
      // A custom channel may return anything.
      const isKept = typeof memory === 'string' && memory.length <= MAX_MEMORY;
      outcome = { delivered: true, memory: isKept ? memory : undefined };
    } catch (error) {
      // Another replica takes over.
      if (this.isEnded) return;
      if (listed > 1 && mayBeOfOneAlert(error)) {
        this.maxGroup = Math.floor(listed / 2);
        // Logged now, because each of the smaller groups may time out.
        this.health.couldNotSend(subjectsOf(sent)[1], error);
        for (const { item } of sent) this.putBack(item);
        return;
      }
      const failure = this.health.failed(...subjectsOf(sent), error, since);
      // A group waits out a short pause in the queue: noting a rate limit in hundreds of records would cost more than the message.
      if (sent.length > 1 && failure.waitMs <= SEND_LEASE_MS) {
        this.outcomes.retried += sent.length;
        for (const { item } of sent) this.putBack(item);
        return;
      }
      outcome = { delivered: false, ...failure };
    }
    const { recoveries } = this;
    for (const some of chunks(sent, MAX_IN_A_TURN)) {
      for (const { item } of some) {
        this.sending.delete(item.id);
        this.reporting.add(item.id);
      }
      await Promise.all(some.map((one) => this.report(one, outcome, recoveries)));
    }
  }

  private async report({ item, present }: Live, outcome: Outcome, recoveries: number): Promise<void> {
    this.outcomes[outcome.delivered ? 'delivered' : outcome.refused ? 'failed' : 'retried']++;
    const noted = (): void => void this.reporting.delete(item.id);
    const waitMs = await this.incidents.report(this.key, item.id, present, outcome, noted);
    noted();
    // What waited when the channel worked again was tried then. This may not have been noted yet.
    if (!outcome.delivered) this.retryAfter(item.id, this.recoveries > recoveries ? 0 : waitMs);
  }

  private retryAfter(id: string, waitMs: number): void {
    if (this.isEnded || this.pending.get(id)) return;
    clearTimeout(this.retries.get(id)?.timer);
    // A little later than the record says, so that it is due by then.
    const laterMs = waitMs + 5;
    const timer = setTimeout(() => void this.tryAgain([id]), laterMs).unref();
    this.retries.set(id, { timer, at: performance.now() + laterMs });
  }

  private async tryAgain(ids = [...this.retries.keys()]): Promise<void> {
    for (const id of ids) {
      this.forget(id);
      this.trying.add(id);
    }
    const again = (id: string) => this.incidents.again(this.key, id).finally(() => this.trying.delete(id));
    const trying = Promise.all(ids.map(again));
    this.working.add(trying);
    await trying.finally(() => this.working.delete(trying));
  }

  /** @param since - When an attempt began that went through; by default now. */
  private works(since?: number): void {
    if (!this.health.works(since)) return;
    this.recoveries++;
    void this.tryAgain();
  }

  private get isIdle(): boolean {
    return this.pending.size === 0 && this.working.size === 0;
  }

  private get title(): string {
    return `The ${this.name} channel`;
  }
}

/** Gives each message the full time limit. Awaits any thenable: a query builder, for example, runs nothing until awaited. */
function inTime<T>(sending: PromiseLike<T> | T): Promise<T> {
  return within(Promise.resolve(sending), SEND_WITHIN_MS, 'no answer', false);
}

/** The incidents' ids, and their description for the log: `2 alerts of llm_call, exports`. */
function subjectsOf(sent: readonly Live[]): [ids: string[], what: string] {
  const categories = [...new Set(sent.map(({ present }) => present.alert.category))].join(', ');
  const what = `${sent.length === 1 ? 'an alert' : plural(sent.length, 'alert')} of ${categories}`;
  return [sent.map(({ item }) => item.id), what];
}

/** Alerts that have not failed first, then open ones, then by severity, then by ratio. */
function rankOf({ status, level, window }: Due, isSuspect: boolean): readonly number[] {
  const ratio = window.count / window.threshold;
  const urgency = status === 'resolved' ? [0, 0, ratio] : [1, SEVERITIES.indexOf(level.severity), ratio];
  return [isSuspect ? 0 : 1, ...urgency];
}
