import type { Clock } from '../counter/clock.js';

/** A clock that stands still until the test moves it, so that the test stays in one window. */
export class MovableClock implements Clock {
  private time = Date.now();

  /** The current time, in milliseconds since the epoch. */
  now(): number {
    return this.time;
  }

  /**
   * Moves the clock forward. Moving it by the length of a window starts the next window.
   *
   * @param ms - How far, in milliseconds.
   * @throws RangeError if it is not a finite number.
   */
  advance(ms: number): void {
    if (!Number.isFinite(ms)) throw new RangeError('the clock was not moved: write a finite number of milliseconds');
    this.time += ms;
  }
}
