import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as immediate } from 'node:timers/promises';

/**
 * Spreads work that arrives all at once, such as many replies of the store, over turns of the event loop, so that requests are answered in
 * between. Awaiting a resolved promise would not give the event loop a turn.
 */
export class Turns {
  private next = Promise.resolve();
  private taken = 0;
  private readonly outside = AsyncLocalStorage.snapshot();

  /** @param size - How much goes on in one turn. */
  constructor(private readonly size: number) {}

  /** Resolves in the order of the calls, at once if little goes on. */
  mine(much = 1): Promise<void> {
    const mine = this.next;
    this.taken += much;
    if (this.taken >= this.size) {
      this.taken = 0;
      this.next = this.outside(() => mine.then(() => immediate()));
    }
    return mine;
  }
}
