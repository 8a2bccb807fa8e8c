import { within } from './within.js';

/** Nobody waits for it so long; but what never comes is to be said. */
const GIVE_UP_AFTER_MS = 10_000;

/** What a function of the app promised; rejects if it never comes. */
export function answered<T>(promise: Promise<T>): Promise<T> {
  return within(promise, GIVE_UP_AFTER_MS, 'no answer', false);
}
