import { setImmediate as turn } from 'node:timers/promises';

import type { RateCounterService } from '../../src/index.js';
import { LoopWatch } from './loop-watch.js';

/** What a parent may ask of an instance; every answer is a number. */
export type Asked =
  /** To count these tenants, each once; the answer is how many. */
  | { flood: { from: number; to: number } }
  /** The bytes in use on its heap. */
  | { heap: true }
  /** The longest that its event loop was held since the first flood, in milliseconds; taking stock of the heap aside. */
  | { held: true };

const AT_ONCE = 500;

/** Floods an instance with tenants from within, and watches what that does to its process. */
export class Flood {
  private readonly watch = new LoopWatch();

  constructor(private readonly counter: RateCounterService) {}

  async answer(asked: Asked): Promise<number> {
    if ('flood' in asked) return this.count(asked.flood.from, asked.flood.to);
    if ('heap' in asked) return this.heap();
    return this.watch.heldMs;
  }

  /** No more in a turn of the loop than a busy server would do. */
  private async count(from: number, to: number): Promise<number> {
    this.watch.start();
    for (let i = from; i < to; i++) {
      void this.counter.add('llm_call', { id: `flood_${i}` }, 1);
      if (i % AT_ONCE === 0) await turn();
    }
    return to - from;
  }

  private heap(): number {
    this.watch.pause();
    globalThis.gc?.();
    this.watch.start();
    return process.memoryUsage().heapUsed;
  }
}
