import { readFileSync } from 'node:fs';

const EVERY_MS = 2;
/** Linux reports how long the main thread was ready to run but had no core, in nanoseconds. */
const SCHEDULER = '/proc/self/schedstat';

/** Measures how long the event loop is blocked by its own work; time that other processes take is subtracted if the system reports it. */
export class LoopWatch {
  private longestMs = 0;
  private timer: NodeJS.Timeout | undefined;

  /** The longest time that the loop was blocked, in milliseconds. */
  get heldMs(): number {
    return this.longestMs;
  }

  start(): void {
    let last = ownMs();
    clearInterval(this.timer);
    this.timer = setInterval(() => {
      const now = ownMs();
      this.longestMs = Math.max(this.longestMs, now - last - EVERY_MS);
      last = now;
    }, EVERY_MS);
  }

  pause(): void {
    clearInterval(this.timer);
  }
}

/** A clock that stops while other processes have the core, as far as the system reports it. */
export function ownMs(): number {
  return performance.now() - waitedMs();
}

function waitedMs(): number {
  try {
    return Number(readFileSync(SCHEDULER, 'latin1').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}
