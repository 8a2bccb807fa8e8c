import { setTimeout as wait } from 'node:timers/promises';

/** Counts restart with each minute: waits out the last seconds of one, so that all calls fall into the next. */
export async function quietMinute(): Promise<void> {
  const leftMs = 60_000 - (Date.now() % 60_000);
  if (leftMs < 5_000) await wait(leftMs + 100);
}

/** Waits for the window after that of `time` to begin, so that all of it is left; returns at once if that was a while ago. */
export async function windowAfter(time: number, windowMs: number): Promise<void> {
  const leftMs = time - (time % windowMs) + windowMs - Date.now();
  // A timer may fire slightly early.
  if (leftMs > 0) await wait(leftMs + 20);
}
