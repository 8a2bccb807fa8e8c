import type { CounterStore } from '../store/counter-store.js';

/** Tells the time, in milliseconds since the epoch. */
export interface Clock {
  now(): number;
}

/** The clock of this process; a test may put another one in its place with `overrideProvider(CLOCK)`. */
export const CLOCK = Symbol.for('nestjs-rate-monitor:clock');

/** A time that took longer to come says nothing of now. */
const ANSWER_WITHIN_MS = 1_000;

/**
 * The store's clock as this instance knows it: its own, set right by the difference it measured. So replicas whose clocks differ
 * count in the same window.
 */
export class StoreClock implements Clock {
  private offsetMs = 0;

  constructor(private readonly local: Clock) {}

  now(): number {
    return this.local.now() + this.offsetMs;
  }

  /** Asks the store for its time; half of the round trip had passed when it was told. Keeps the last offset where there is no answer. */
  async sync(store: CounterStore): Promise<void> {
    if (!store.time) return;
    const asked = this.local.now();
    try {
      const told = await store.time();
      const tookMs = this.local.now() - asked;
      if (tookMs <= ANSWER_WITHIN_MS) this.offsetMs = told - (asked + tookMs / 2);
    } catch {
      // Not lost: the publish that follows meets the same fault and says so.
    }
  }
}
