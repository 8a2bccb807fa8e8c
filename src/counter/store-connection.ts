import type { StoreClock } from './clock.js';
import type { CounterStore } from '../store/counter-store.js';

/** Clocks drift by milliseconds a minute: once in a while is enough. */
const SYNC_EVERY_MS = 60_000;

/** Keeps in touch with a store: opens it, learns its clock at each connection and now and then, and closes it. */
export class StoreConnection {
  private timer: NodeJS.Timeout | undefined;

  /** @param ready - Called at each (re)connection, once the store's clock is known: the store may have lost what it knew. */
  constructor(
    private readonly store: CounterStore,
    private readonly clock: StoreClock,
    private readonly ready: () => void,
  ) {}

  /** Settles at the first connection. */
  open(): Promise<void> {
    if (this.store.time) this.timer = setInterval(() => void this.sync(), SYNC_EVERY_MS).unref();
    return new Promise((resolve) => {
      const connected = (): void =>
        void this.sync().then(() => {
          this.ready();
          resolve();
        });
      if (this.store.open) this.store.open(connected);
      else connected();
    });
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.store.close?.();
  }

  private async sync(): Promise<void> {
    await this.clock.sync(this.store);
  }
}
