import { closeSync, openSync, readdirSync, readSync } from 'node:fs';

const EVERY_MS = 2;
/** Linux reports, for each thread, how long it ran and how long it was ready to run but had no core, in nanoseconds. */
const THREADS = '/proc/self/task';

/** Milliseconds. */
interface Usage {
  ran: number;
  waited: number;
}

/**
 * Measures how long the event loop is blocked by its own work. If the system reports what other processes take, that is subtracted: the
 * time in which the main thread had no core, or a garbage collector thread that it may wait for had none. What the main thread computed
 * always counts.
 */
export class LoopWatch {
  private longestMs = 0;
  private timer: NodeJS.Timeout | undefined;

  /** The longest time that the loop was blocked, in milliseconds. */
  get heldMs(): number {
    return this.longestMs;
  }

  start(): void {
    this.pause();
    const threads = ownThreads();
    const read = (): Usage[] => threads.map(usageOf);
    let last = { at: performance.now(), usage: read() };
    this.timer = setInterval(() => {
      const now = { at: performance.now(), usage: read() };
      const passed = now.usage.map(({ ran, waited }, i) => {
        const before = last.usage[i] as Usage;
        return { ran: ran - before.ran, waited: waited - before.waited };
      });
      const [main = { ran: 0, waited: 0 }, ...others] = passed;
      const starved = main.waited + Math.max(0, ...others.map(({ waited }) => waited));
      const held = Math.max(main.ran, now.at - last.at - starved) - EVERY_MS;
      this.longestMs = Math.max(this.longestMs, held);
      last = now;
    }, EVERY_MS);
    this.close = () => threads.forEach(closeSync);
  }

  pause(): void {
    clearInterval(this.timer);
    this.close();
    this.close = () => undefined;
  }

  private close = (): void => undefined;
}

/** Measures for how long the event loop was blocked in total: it was busy, or other processes had the core. */
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

/** Open files that report on the main thread, which is first, and on the others; none if the system has no such report. */
function ownThreads(): number[] {
  try {
    const main = String(process.pid);
    const others = readdirSync(THREADS).filter((id) => id !== main);
    return [main, ...others].map((id) => openSync(`${THREADS}/${id}/schedstat`, 'r'));
  } catch {
    return [];
  }
}

const buffer = Buffer.alloc(128);

function usageOf(thread: number): Usage {
  const bytes = readSync(thread, buffer, 0, buffer.length, 0);
  const [ran = 0, waited = 0] = buffer.toString('latin1', 0, bytes).split(' ').map(Number);
  return { ran: ran / 1e6, waited: waited / 1e6 };
}
