import promised from 'node:timers/promises';

/** Jest's fake timers, and by them that of `node:timers/promises`, which jest leaves real. */
export function useFakeTimers(): void {
  jest.useFakeTimers();
  const after = (ms: number, value: unknown, { signal }: { signal?: AbortSignal } = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const abort = (): void => reject(new Error('aborted'));
      if (signal?.aborted) return abort();
      setTimeout(resolve, ms, value);
      signal?.addEventListener('abort', abort);
    });
  jest.spyOn(promised, 'setTimeout').mockImplementation(after as never);
}

/** Gives both back, with all else that the test replaced. */
export function useRealTimers(): void {
  jest.restoreAllMocks();
  jest.useRealTimers();
}

/** Runs what is due within that time of the faked timers. */
export function pass(ms: number): Promise<void> {
  return jest.advanceTimersByTimeAsync(ms);
}

/** Whether the work is done, without any time passing. */
export async function isDone(work: Promise<unknown> | undefined): Promise<boolean> {
  let done = false;
  void work?.then(() => (done = true));
  await pass(0);
  return done;
}
