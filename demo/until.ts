import { setTimeout as wait } from 'node:timers/promises';

/** Waits until the condition holds, `withinMs` at most. It does not fail then: the output shows what is missing. */
export async function until(isSo: () => boolean, withinMs: number): Promise<void> {
  const from = performance.now();
  while (!isSo() && performance.now() - from < withinMs) await wait(20);
}
