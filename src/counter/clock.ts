import type { CounterStore } from '../store/counter-store.js';

/** A clock, in milliseconds since the epoch. */
export interface Clock {
  now(): number;
  /** Milliseconds since an arbitrary moment, unaffected by corrections of the clock. Default: `now`. */
  monotonic?(): number;
}

/** The token of the process's clock; a test may replace the clock with `overrideProvider(CLOCK)`. */
export const CLOCK = Symbol.for('nestjs-rate-monitor:clock');

/** The clock of this process, for {@link CLOCK}. */
export const PROCESS_CLOCK: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

/** An answer that took longer is too old to set the clock by. */
const FRESH_WITHIN_MS = 1_000;
/** Often enough, because clocks drift by milliseconds a minute. */
const SYNC_EVERY_MS = 60_000;
/** How often to check whether the process was suspended, which stops monotonic time. */
const CHECK_EVERY_MS = 1_000;
const SUSPENDED_MS = 1_000;

/**
 * The store's clock as this instance knows it, so that replicas whose clocks differ count in the same window. Once the store has
 * answered, monotonic time continues from there, so changing the local clock has no effect.
 */
export class StoreClock implements Clock {
  /** The store's time minus monotonic time; undefined until the store has answered. */
  private offsetMs: number | undefined;
  private syncedAt = 0;
  private wallAhead = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly local: Clock) {}

  /** Whether the store has returned its time; its user may lack the permission. */
  get isSynced(): boolean {
    return this.offsetMs !== undefined;
  }

  now(): number {
    return this.offsetMs === undefined ? this.local.now() : this.monotonic() + this.offsetMs;
  }

  /** How far it is ahead of this process's clock; negative if it is behind. */
  get aheadMs(): number {
    return this.now() - this.local.now();
  }

  /** Starts to ask the store for its time regularly. */
  start(store: CounterStore): void {
    if (!store.time) return;
    const check = (): void => {
      const isDue = this.monotonic() - this.syncedAt >= SYNC_EVERY_MS;
      const wasSuspended = Math.abs(this.local.now() - this.monotonic() - this.wallAhead) > SUSPENDED_MS;
      if (isDue || wasSuspended) void this.sync(store);
    };
    this.timer = setInterval(check, CHECK_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Asks the store for its time, assuming that it answered halfway through the round trip. Keeps the last offset if there is no answer. */
  async sync(store: CounterStore): Promise<void> {
    if (!store.time) return;
    const asked = this.monotonic();
    this.syncedAt = asked;
    this.wallAhead = this.local.now() - asked;
    try {
      const time = await store.time();
      const tookMs = this.monotonic() - asked;
      // The app's own store, or a proxy, may answer anything, and without a valid time there are no windows.
      if (tookMs <= FRESH_WITHIN_MS && Number.isFinite(time)) {
        this.offsetMs = time - (asked + tookMs / 2);
        return;
      }
    } catch {
      // The next publish fails in the same way and reports it.
    }
    // The next check asks again: after a suspension, the network is often back later than the process.
    if (this.isSynced) this.syncedAt = -Infinity;
  }

  monotonic(): number {
    return this.local.monotonic?.() ?? this.local.now();
  }
}
