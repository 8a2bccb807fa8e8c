import type { Clock } from '../../src/counter/clock.js';

/** The system clock plus an offset that a test sets. The store has already corrected earlier offsets by Redis's time. */
export class MovedClock implements Clock {
  private movedMs = 0;

  now(): number {
    return Date.now() + this.movedMs;
  }

  get aheadMs(): number {
    return this.movedMs;
  }

  /** Returns how far ahead it is now. */
  advance(ms: number): number {
    return (this.movedMs += ms);
  }
}
