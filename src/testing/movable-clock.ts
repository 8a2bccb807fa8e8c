import type { Clock } from '../counter/clock.js';

/** A clock that stands still until the test moves it, so that the test stays in one window. */
export class MovableClock implements Clock {
  private time = Date.now();

  /** Its time, in milliseconds since the epoch. */
  now(): number {
    return this.time;
  }

  /** Moves it forward. Moving it by the length of a window starts the next window. */
  advance(ms: number): void {
    this.time += ms;
  }
}
