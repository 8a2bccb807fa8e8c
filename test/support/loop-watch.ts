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

  /** A clock that stops while other processes have the core. */
  private now(): number {
    return performance.now() - waitedMs();
  }
}

/** Measures for how long in all the event loop served nobody: it was busy, or other processes had the core. */
export class LoopLateness {
  private lateMs = 0;
  private lastAt = 0;
  private users = 0;
  private timer: NodeJS.Timeout | undefined;

  start(): void {
    if (this.users++ > 0) return;
    this.lastAt = performance.now();
    this.timer = setInterval(() => {
      this.lateMs = this.totalMs();
      this.lastAt = performance.now();
    }, EVERY_MS);
  }

  stop(): void {
    if (--this.users === 0) clearInterval(this.timer);
  }

  /** Milliseconds, up to now. */
  totalMs(): number {
    return this.lateMs + Math.max(0, performance.now() - this.lastAt - EVERY_MS);
  }
}

function waitedMs(): number {
  try {
    return Number(readFileSync(SCHEDULER, 'latin1').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}
