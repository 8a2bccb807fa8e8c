import { within } from './within.js';

/** Times out functions of the app so that one that hangs is reported. */
const GIVE_UP_AFTER_MS = 10_000;

/** What a function of the app promised; rejects if it never comes. */
export function answered<T>(promise: Promise<T>): Promise<T> {
  return within(promise, GIVE_UP_AFTER_MS, 'no answer', false);
}
