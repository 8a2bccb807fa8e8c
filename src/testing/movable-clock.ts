import type { Clock } from '../counter/clock.js';

/** A clock that stands still until it is moved, so that a test stays in one window. */
export class MovableClock implements Clock {
  private time = Date.now();

  /** The time it shows, in milliseconds since the epoch. */
  now(): number {
    return this.time;
  }

  /** Moves it on: by the length of a window, and the next one has begun. */
  advance(ms: number): void {
    this.time += ms;
  }
}
