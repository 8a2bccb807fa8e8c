import { setTimeout as after } from 'node:timers/promises';

import { DeliveryError } from '../../model/delivery-error.js';

/** Longest wait within one attempt, so that the wait and the request stay within the attempt's time limit. */
const MAX_WAIT_IN_ATTEMPT_MS = 2_000;
/** A header that asks for a longer wait is wrong, and must not silence the channel. */
const MAX_RESET_MS = 5 * 60_000;

/** Discord sends its rate limit with every response, so waiting in advance avoids a 429. */
export class RateLimit {
  private freeAt = 0;

  heed(headers: Headers): void {
    const resetAfterMs = Number(headers.get('x-ratelimit-reset-after')) * 1_000;
    if (headers.get('x-ratelimit-remaining') === '0' && resetAfterMs > 0)
      this.freeAt = performance.now() + Math.min(resetAfterMs, MAX_RESET_MS);
  }

  /** @throws DeliveryError with the time to retry after, if the wait is too long for one attempt. */
  async free(): Promise<void> {
    const waitMs = this.freeAt - performance.now();
    if (waitMs > MAX_WAIT_IN_ATTEMPT_MS)
      throw new DeliveryError('has reached its rate limit', { retry: true, retryAfterMs: waitMs });
    // The wait must not keep the process alive.
    if (waitMs > 0) await after(waitMs, undefined, { ref: false });
  }
}
