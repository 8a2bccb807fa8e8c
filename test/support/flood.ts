import { setImmediate as turn } from 'node:timers/promises';

import type { RateCounterService } from '../../src/index.js';
import { LoopWatch } from './loop-watch.js';

/** Commands to an instance; every reply is a number. */
export type Asked =
  /** Counts these tenants once each; the reply is how many. */
  | { flood: { from: number; to: number } }
  /** The bytes in use on its heap. */
  | { heap: true }
  /** The longest that its event loop was blocked since the first flood, in milliseconds, not counting heap measurements. */
  | { held: true };

const AT_ONCE = 500;

/** Floods an instance with tenants from inside its process, and measures the effect on the process. */
export class Flood {
  private readonly watch = new LoopWatch();

  constructor(private readonly counter: RateCounterService) {}

  async answer(asked: Asked): Promise<number> {
    if ('flood' in asked) return this.count(asked.flood.from, asked.flood.to);
    if ('heap' in asked) return this.heap();
    return this.watch.heldMs;
  }

  /** As many per turn of the event loop as on a busy server. */
  private async count(from: number, to: number): Promise<number> {
    this.watch.start();
    for (let i = from; i < to; i++) {
      void this.counter.increment('llm_call', `flood_${i}`);
      if (i % AT_ONCE === 0) await turn();
    }
    return to - from;
  }

  /** Measured once everything is published, because totals on their way to the store do not stay in memory. */
  private async heap(): Promise<number> {
    await this.counter.flush(30_000);
    this.watch.pause();
    globalThis.gc?.();
    this.watch.start();
    return process.memoryUsage().heapUsed;
  }
}
