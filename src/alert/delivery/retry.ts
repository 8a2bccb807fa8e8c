import {
  DelegateBackoff,
  ExponentialBackoff,
  halfJitterGenerator,
  handleWhen,
  retry,
  type IBackoff,
  type IRetryBackoffContext,
  type RetryPolicy,
} from 'cockatiel';

import { isDeliveryError } from '../../model/delivery-error.js';

/** Three to six minutes in all: longer than a deployment of the other side, shorter than an alert is worth reading. */
const MOST_RETRIES = 13;
const FIRST_DELAY_MS = 250;
const LAST_DELAY_MS = 60_000;
/** Who asks to be left alone for longer than this is asked again all the same. */
const LONGEST_WAIT_MS = 5 * 60_000;

/** Tries again what may come right by waiting: exponentially longer, with jitter, and no less than the other side asks for. A wait holds no process alive. */
export function retrying(): RetryPolicy {
  return retry(handleWhen(mayComeRight), { maxAttempts: MOST_RETRIES, backoff: asAsked() }).dangerouslyUnref();
}

/** Whether the same alert may go through a little later. */
export function mayComeRight(error: unknown): boolean {
  return !isDeliveryError(error) || error.retry;
}

function asAsked(): DelegateBackoff<IRetryBackoffContext<unknown>, IBackoff<unknown>> {
  const exponential = new ExponentialBackoff({
    initialDelay: FIRST_DELAY_MS,
    maxDelay: LAST_DELAY_MS,
    // Of each delay half at least: with more jitter than that, all of them might come to nothing.
    generator: halfJitterGenerator,
  });
  return new DelegateBackoff((context, last?: IBackoff<unknown>) => {
    const next = last ? last.next(context) : exponential.next();
    const asked = 'error' in context.result ? askedFor(context.result.error) : 0;
    return { delay: Math.max(asked, next.duration), state: next };
  });
}

function askedFor(error: unknown): number {
  const asked = isDeliveryError(error) ? error.retryAfterMs : undefined;
  // What an app's own channel made of a header may be NaN.
  return Math.min(asked || 0, LONGEST_WAIT_MS);
}
