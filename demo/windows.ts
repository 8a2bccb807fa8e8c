import { setTimeout as wait } from 'node:timers/promises';

/** Counts begin anew with each minute: waits out the last seconds of one, so that all calls fall into the next. */
export async function quietMinute(): Promise<void> {
  const leftMs = 60_000 - (Date.now() % 60_000);
  if (leftMs < 5_000) await wait(leftMs + 100);
}

/** Waits for the next window to begin, so that all of it is left. */
export async function nextWindow(windowMs: number): Promise<void> {
  // A timer may ring a moment too early.
  await wait(windowMs - (Date.now() % windowMs) + 20);
}
