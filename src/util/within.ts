import { duration } from './text.js';

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
