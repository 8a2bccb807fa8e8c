import { setTimeout as after } from 'node:timers/promises';

const LONGEST_WAIT_MS = 60_000;

/** What Discord says of its rate limit with every answer: waiting it out beforehand spares a 429. */
export class RateLimit {
  private freeAt = 0;

  heed(headers: Headers): void {
    const resetAfterMs = Number(headers.get('x-ratelimit-reset-after')) * 1_000;
    if (headers.get('x-ratelimit-remaining') !== '0' || !(resetAfterMs > 0)) return;
    this.freeAt = performance.now() + Math.min(resetAfterMs, LONGEST_WAIT_MS);
  }

  async free(): Promise<void> {
    const wait = this.freeAt - performance.now();
    // Not a reason for a process to stay.
    if (wait > 0) await after(wait, undefined, { ref: false });
  }
}
