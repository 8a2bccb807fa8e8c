import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';

import type { RateCounterService } from '../../src/index.js';

/** What a parent may ask of an instance; every answer is a number. */
export type Asked =
  /** To count these tenants, each once; the answer is how many. */
  | { flood: { from: number; to: number } }
  /** The bytes in use on its heap. */
  | { heap: true }
  /** The longest that its event loop was held since the first flood, in milliseconds; taking stock of the heap aside. */
  | { held: true };

const AT_ONCE = 500;
const RESOLUTION_MS = 2;

/** Floods an instance with tenants from within, and watches what that does to its process. */
export class Flood {
  private readonly delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor(private readonly counter: RateCounterService) {}

  async answer(asked: Asked): Promise<number> {
    if ('flood' in asked) return this.count(asked.flood.from, asked.flood.to);
    if ('heap' in asked) return this.heap();
    return this.delay.max / 1e6;
  }

  /** No more in a turn of the loop than a busy server would do. */
  private async count(from: number, to: number): Promise<number> {
    this.delay.enable();
    for (let i = from; i < to; i++) {
      void this.counter.add('llm_call', { id: `flood_${i}` }, 1);
      if (i % AT_ONCE === 0) await turn();
    }
    return to - from;
  }

  private heap(): number {
    this.delay.disable();
    globalThis.gc?.();
    this.delay.enable();
    return process.memoryUsage().heapUsed;
  }
}
