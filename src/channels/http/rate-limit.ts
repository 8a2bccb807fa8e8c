import { setTimeout as after } from 'node:timers/promises';

import { DeliveryError } from '../../model/delivery-error.js';

/** A wait within one attempt: with the attempt itself it stays below what an attempt may take. */
const MAX_WAIT_MS = 2_000;

/** Discord shows its rate limit with every answer: waiting it out beforehand spares a 429. */
export class RateLimit {
  private freeAt = 0;

  heed(headers: Headers): void {
    const resetAfterMs = Number(headers.get('x-ratelimit-reset-after')) * 1_000;
    if (headers.get('x-ratelimit-remaining') === '0' && resetAfterMs > 0)
      this.freeAt = performance.now() + resetAfterMs;
  }

  /** @throws DeliveryError, to be tried again when it is free, if that takes longer than an attempt may. */
  async free(): Promise<void> {
    const waitMs = this.freeAt - performance.now();
    if (waitMs > MAX_WAIT_MS)
      throw new DeliveryError('wants to be left alone for a while', { retry: true, retryAfterMs: waitMs });
    // Not a reason for a process to stay.
    if (waitMs > 0) await after(waitMs, undefined, { ref: false });
  }
}
