/**
 * What `promise` comes to, or a rejection once `ms` have passed. The promise itself continues; its end is ignored.
 *
 * @param holdsProcess - Whether the process is to stay for it.
 */
export function within<T>(promise: Promise<T>, ms: number, what: string, holdsProcess = true): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what} within ${ms} ms`)), ms);
    if (!holdsProcess) timer.unref();
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
