import { OwnLogger } from './own-logger.js';
import { WarnOnce } from './warn-once.js';
import { duration, numberOrKind } from './text.js';

const FLUSH_MS = 2_000;
const once = new WarnOnce(new OwnLogger());

/**
 * Settles like `promise`, or rejects after `ms` milliseconds; the promise itself continues, and its outcome is ignored.
 *
 * @param holdsProcess - Whether the timer keeps the process alive.
 */
export function within<T>(promise: Promise<T>, ms: number, what: string, holdsProcess = true): Promise<T> {
  return new Promise((resolve, reject) => {
    // A timer above 2 ** 31 - 1 ms, `Infinity` included, would fire at once.
    const timer = setTimeout(() => reject(new Error(`${what} within ${duration(ms)}`)), Math.min(ms, 2 ** 31 - 1));
    if (!holdsProcess) timer.unref();
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** How long a flush may take. It may be the last call before a process is frozen, so a wrong limit does not make it throw. */
export function flushLimit(withinMs: unknown): number {
  // What is left of a deadline may be negative.
  if (typeof withinMs === 'number' && !Number.isNaN(withinMs)) return Math.max(withinMs, 0);
  if (withinMs !== undefined && withinMs !== null) {
    const given = numberOrKind(withinMs);
    once.warn('flush', () => `flush() is given ${given}: its limit is ${FLUSH_MS} ms. Write flush(500)`, given);
  }
  return FLUSH_MS;
}
