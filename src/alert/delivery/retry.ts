import {
  DelegateBackoff,
  ExponentialBackoff,
  handleWhen,
  retry,
  type IBackoff,
  type IRetryBackoffContext,
  type RetryPolicy,
} from 'cockatiel';

import { DeliveryError } from './delivery-error.js';

/** Some four minutes in all: longer than a deployment of the other side, shorter than an alert is worth reading. */
const MOST_RETRIES = 9;
const FIRST_DELAY_MS = 250;
const LAST_DELAY_MS = 60_000;
/** Who asks to be left alone for longer than this is asked again all the same. */
const LONGEST_WAIT_MS = 5 * 60_000;

/** Tries again what may come right by waiting: for as long as the other side asks, else exponentially longer, with jitter. A wait holds no process alive. */
export function retrying(): RetryPolicy {
  return retry(handleWhen(mayComeRight), { maxAttempts: MOST_RETRIES, backoff: asAsked() }).dangerouslyUnref();
}

/** Whether the same alert may go through a little later. */
export function mayComeRight(error: unknown): boolean {
  return !(error instanceof DeliveryError) || error.retry;
}

function asAsked(): DelegateBackoff<IRetryBackoffContext<unknown>, IBackoff<unknown>> {
  const exponential = new ExponentialBackoff({ initialDelay: FIRST_DELAY_MS, maxDelay: LAST_DELAY_MS });
  return new DelegateBackoff((context, last?: IBackoff<unknown>) => {
    const next = last ? last.next(context) : exponential.next();
    const asked = 'error' in context.result ? askedFor(context.result.error) : undefined;
    return { delay: asked ?? next.duration, state: next };
  });
}

function askedFor(error: unknown): number | undefined {
  const asked = error instanceof DeliveryError ? error.retryAfterMs : undefined;
  return asked === undefined ? undefined : Math.min(asked, LONGEST_WAIT_MS);
}
