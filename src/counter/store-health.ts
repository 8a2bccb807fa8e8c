import type { Logger } from '@nestjs/common';

import { CONNECTION_LOST } from '../store/counter-store.js';
import { duration, reasonOf } from '../util/text.js';

/** How long the store must answer in time before the log reports it as back: one that flaps is one story, not a hundred. */
const STEADY_MS = 1_000;
/** How long answers must be late before the log reports it: one late answer is no news. */
const SLOW_FOR_MS = 1_000;
/** How long the store must have been out of reach before this instance judges alone: a short gap ends in one alert by all, not one by each. */
const ALONE_AFTER_MS = 1_000;
/** A timer that fires this late shows that the event loop was held, and then nothing is known of the store. */
export const HELD_MS = 20;
/** How long the line about a failure waits for the reason of a second try, and how long if all that is known is that a connection was lost. */
const SAY_AFTER_MS = 250;
const SAY_AT_LAST_MS = 1_000;

/** Whether the store can be waited for, whether it can be reached, and the two lines of log about it. */
export class StoreHealth {
  /** Down, or slower than requests may wait: requests do not wait for it. */
  away = false;
  private troubledSince: number | undefined;
  private unreachableSince: number | undefined;
  private lateSince: number | undefined;
  private answeringSince: number | undefined;
  private said = false;
  /** Why it was out of reach in this trouble, if it was. */
  private reason: string | undefined;
  private sayTimer: NodeJS.Timeout | undefined;
  private backTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: string,
    private readonly logger: Logger,
  ) {}

  /** For how long it has been out of reach, in milliseconds; undefined while it is not. */
  get unreachableForMs(): number | undefined {
    return this.unreachableSince === undefined ? undefined : performance.now() - this.unreachableSince;
  }

  /** Out of reach for so long that this instance judges by what it counted itself. */
  get alone(): boolean {
    return this.unreachableSince !== undefined && performance.now() - this.unreachableSince >= ALONE_AFTER_MS;
  }

  /** A publish failed. */
  failed(error: unknown): void {
    this.unreachableSince ??= performance.now();
    this.trouble();
    const reason = reasonOf(error);
    // A client that is refused may hang up and connect again: then that is the reason, and not the connection that it ended.
    if (this.reason === undefined || reason !== CONNECTION_LOST) this.reason = reason;
    const say = (): void => this.say(`is away (${this.reason})`);
    const sayIfKnown = (): void => {
      if (this.reason !== CONNECTION_LOST) return say();
      this.sayTimer = setTimeout(say, SAY_AT_LAST_MS - SAY_AFTER_MS).unref();
    };
    this.sayTimer ??= setTimeout(sayIfKnown, SAY_AFTER_MS).unref();
  }

  /** Requests gave up waiting for a publish. */
  late(): void {
    this.lateSince ??= performance.now();
    this.trouble();
    if (performance.now() - this.lateSince >= SLOW_FOR_MS) this.say('answers too slowly to wait for');
  }

  /**
   * A publish is on its way. The function that it gives ends the watch; it answers whether the store took longer than `withinMs`. A busy
   * event loop, which reads the answer late, is not the store's fault.
   *
   * @param late - Called once if there is no answer in that time, with whether that is the store's fault.
   */
  ask(withinMs: number, late?: (isOfStore: boolean) => void): () => boolean {
    // Until the answer arrives, it is unknown whether the store is still there.
    this.disarm();
    let [isOver, isLate] = [false, false];
    const due = performance.now() + withinMs;
    const timer = setTimeout(() => {
      const wasHeld = performance.now() - due > HELD_MS;
      // An answer that has come already is read before an immediate runs, not before a timer does.
      setImmediate(() => {
        if (isOver) return;
        isLate = !wasHeld;
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

  /** A publish was answered, in time. */
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

  /** A publish was answered, but later than requests may wait. */
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

  private say(what: string): void {
    clearTimeout(this.sayTimer);
    this.sayTimer = undefined;
    if (this.said) return;
    this.said = true;
    this.logger.warn(`${this.store} ${what}: requests continue, and their counts are kept in memory until it is back`);
  }

  private back(): void {
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
