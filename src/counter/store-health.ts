import type { Logger } from '@nestjs/common';

import { CONNECTION_LOST } from '../store/counter-store.js';
import { duration, reasonOf } from '../util/text.js';

/** How long the store must answer in time before the log reports it as back: a store that flaps is reported once, not a hundred times. */
const STEADY_MS = 1_000;
/** How long answers must be late before the log reports it: one late answer does not matter. */
const SLOW_FOR_MS = 1_000;
/** How long the store must be unreachable before this instance judges alone: a short gap causes one alert in all, not one per instance. */
const ALONE_AFTER_MS = 1_000;
/** A timer that fires this late shows that the event loop was blocked, which says nothing about the store. */
export const BLOCKED_MS = 20;
/** How long to delay the line about a failure: a second try may give the reason. Longer while only a lost connection is known. */
const SAY_AFTER_MS = 250;
const SAY_AT_LAST_MS = 1_000;

/** Tracks whether requests may wait for the store and whether it is reachable, and logs when it goes and when it is back. */
export class StoreHealth {
  /** Whether the store is down, or slower than requests may wait: then no request waits for it. */
  away = false;
  private troubledSince: number | undefined;
  private unreachableSince: number | undefined;
  private lateSince: number | undefined;
  private answeringSince: number | undefined;
  private said = false;
  /** Why it was unreachable in this outage, if it was. */
  private reason: string | undefined;
  private sayTimer: NodeJS.Timeout | undefined;
  private backTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: string,
    private readonly logger: Logger,
  ) {}

  /** How long it has been unreachable, in milliseconds; undefined while it is reachable. */
  get unreachableForMs(): number | undefined {
    return this.unreachableSince === undefined ? undefined : performance.now() - this.unreachableSince;
  }

  /** Whether it has been unreachable for so long that this instance judges by its own counts. */
  get alone(): boolean {
    return this.unreachableSince !== undefined && performance.now() - this.unreachableSince >= ALONE_AFTER_MS;
  }

  /** A call to the store failed. */
  failed(error: unknown): void {
    this.unreachableSince ??= performance.now();
    this.trouble();
    const reason = reasonOf(error);
    // A client that is refused may close the connection itself: then the refusal is the reason, not the lost connection.
    if (this.reason === undefined || reason !== CONNECTION_LOST) this.reason = reason;
    const sayIfKnown = (): void => {
      if (this.reason !== CONNECTION_LOST) return this.sayAway();
      this.sayTimer = setTimeout(() => this.sayAway(), SAY_AT_LAST_MS - SAY_AFTER_MS).unref();
    };
    this.sayTimer ??= setTimeout(sayIfKnown, SAY_AFTER_MS).unref();
  }

  /** Requests gave up waiting for a publish, or a call took longer than they may wait. */
  late(): void {
    this.lateSince ??= performance.now();
    this.trouble();
    if (performance.now() - this.lateSince >= SLOW_FOR_MS) this.say('answers too slowly to wait for');
  }

  /**
   * Watches a call to the store. Call the returned function when it ends; it returns whether the store took longer than `withinMs`. If a
   * busy event loop reads the answer late, that is not the store's fault.
   *
   * @param late - Called once if there is no answer in that time, with whether that is the store's fault.
   */
  ask(withinMs: number, late?: (isOfStore: boolean) => void): () => boolean {
    // Until the answer arrives, it is unknown whether the store is still there.
    this.disarm();
    let [isOver, isLate] = [false, false];
    const due = performance.now() + withinMs;
    const timer = setTimeout(() => {
      const wasBlocked = performance.now() - due > BLOCKED_MS;
      // An answer that has already arrived is read before an immediate runs, but not before a timer.
      setImmediate(() => {
        if (isOver) return;
        isLate = !wasBlocked;
        late?.(isLate);
      });
    }, withinMs);
    if (!late) timer.unref();
    return () => {
      isOver = true;
      clearTimeout(timer);
      return isLate;
    };
  }

  /** A call to the store was answered in time. */
  answered(): void {
    this.away = false;
    this.unreachableSince = undefined;
    this.lateSince = undefined;
    if (!this.said && !this.sayTimer) this.troubledSince = undefined;
    if (this.troubledSince === undefined) return;
    this.answeringSince ??= performance.now();
    const steadyInMs = this.answeringSince + STEADY_MS - performance.now();
    if (steadyInMs <= 0) this.back();
    else this.backTimer ??= setTimeout(() => this.back(), steadyInMs).unref();
  }

  /** A call to the store was answered, but later than requests may wait. */
  slow(): void {
    this.unreachableSince = undefined;
    this.late();
  }

  stop(): void {
    clearTimeout(this.sayTimer);
    this.disarm();
  }

  private trouble(): void {
    this.away = true;
    if (this.troubledSince === undefined) this.reason = undefined;
    this.troubledSince ??= performance.now();
    this.answeringSince = undefined;
    this.disarm();
  }

  private sayAway(): void {
    this.say(`is away (${this.reason})`);
  }

  private say(what: string): void {
    clearTimeout(this.sayTimer);
    this.sayTimer = undefined;
    if (this.said) return;
    this.said = true;
    this.logger.warn(`${this.store} ${what}: requests continue, and their counts are kept in memory until it is back`);
  }

  private back(): void {
    // A busy event loop may have held up that line until now.
    this.sayAway();
    const troubledForMs = (this.answeringSince as number) - (this.troubledSince as number);
    this.logger.log(`${this.store} is back after ${duration(troubledForMs)}: counts from the outage are published`);
    this.said = false;
    this.troubledSince = undefined;
    this.answeringSince = undefined;
    this.disarm();
  }

  private disarm(): void {
    clearTimeout(this.backTimer);
    this.backTimer = undefined;
  }
}
