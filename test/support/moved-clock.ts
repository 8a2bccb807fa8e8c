import type { Clock } from '../../src/counter/clock.js';

/** The time of day, moved by whoever tests. It begins a little after the start of a minute, so that a test knows in which window it is. */
export class MovedClock implements Clock {
  private movedMs = 60_000 - (Date.now() % 60_000) + 5_000;

  now(): number {
    return Date.now() + this.movedMs;
  }

  /** Into the next minute, or `minutes` on; gives back by how much it is ahead now. */
  advance(minutes = 1): number {
    return (this.movedMs += minutes * 60_000);
  }
}
