import { duration } from './text.js';

/**
 * What `promise` comes to, or a rejection once `ms` have passed. The promise itself continues; its end is ignored.
 *
 * @param holdsProcess - Whether the process is to stay for it.
 */
export function within<T>(promise: Promise<T>, ms: number, what: string, holdsProcess = true): Promise<T> {
  return new Promise((resolve, reject) => {
    // A timer takes no more than 2 ** 31 - 1 and fires at once for anything above, `Infinity` too.
    const timer = setTimeout(() => reject(new Error(`${what} within ${duration(ms)}`)), Math.min(ms, 2 ** 31 - 1));
    if (!holdsProcess) timer.unref();
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
