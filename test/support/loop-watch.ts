import { readFileSync } from 'node:fs';

const EVERY_MS = 2;
/** Linux tells how long the main thread was ready to run and had no core, in nanoseconds. */
const SCHEDULER = '/proc/self/schedstat';

/** Watches for how long an event loop is held by what runs on it; what else is on the machine does not count, as far as the system tells. */
export class LoopWatch {
  private longestMs = 0;
  private timer: NodeJS.Timeout | undefined;

  /** The longest that the loop was held while watched, in milliseconds. */
  get heldMs(): number {
    return this.longestMs;
  }

  start(): void {
    let last = this.now();
    clearInterval(this.timer);
    this.timer = setInterval(() => {
      const now = this.now();
      this.longestMs = Math.max(this.longestMs, now - last - EVERY_MS);
      last = now;
    }, EVERY_MS);
  }

  pause(): void {
    clearInterval(this.timer);
  }

  /** A clock that stands still while others have the core. */
  private now(): number {
    return performance.now() - waitedMs();
  }
}

function waitedMs(): number {
  try {
    return Number(readFileSync(SCHEDULER, 'latin1').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}
