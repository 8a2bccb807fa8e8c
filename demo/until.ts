import { setTimeout as wait } from 'node:timers/promises';

/** Waits until it is so, and no longer than `withinMs`: whoever reads the outcome then sees that it was not. */
export async function until(isSo: () => boolean, withinMs: number): Promise<void> {
  const from = performance.now();
  while (!isSo() && performance.now() - from < withinMs) await wait(20);
}
