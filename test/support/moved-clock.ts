import type { Clock } from '../../src/counter/clock.js';

/** The time of day, moved on by whoever tests. What Redis says is put right by before: only what it is moved by later counts. */
export class MovedClock implements Clock {
  private movedMs = 0;

  now(): number {
    return Date.now() + this.movedMs;
  }

  get aheadMs(): number {
    return this.movedMs;
  }

  /** Gives back by how much it is ahead now. */
  advance(ms: number): number {
    return (this.movedMs += ms);
  }
}
