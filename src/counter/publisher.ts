import { AsyncLocalStorage } from 'node:async_hooks';

import { Batch } from './batch.js';
import type { CounterStore } from '../store/counter-store.js';
import { Sender, type Left, type SendListener, type SendOutcome } from './sender.js';
import type { StoreHealth } from './store-health.js';
import type { TrackedTenant } from './tracked-tenant.js';

const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 1_000;

export interface PublisherOptions {
  counting: 'await' | 'background';
  waitAtMostMs: number;
  flushIntervalMs: number;
}

export interface PublishListener extends SendListener {
  /** The store answers again: it may have lost what it knew. */
  recovered(): void;
}

/** Says when totals go to the store: one publish at a time, and all that came meanwhile in the next. */
export class Publisher implements SendOutcome {
  private readonly sender: Sender;
  private queue: TrackedTenant[] = [];
  private batch: Batch | undefined;
  private timer: NodeJS.Timeout | undefined;
  private immediate: NodeJS.Immediate | undefined;
  private publishing: Promise<void> | undefined;
  private failures = 0;
  private stopped = false;
  /** A publish belongs to no request: run outside of all, it neither keeps one alive nor carries its trace. */
  private readonly outside = AsyncLocalStorage.snapshot();

  constructor(
    store: CounterStore,
    private readonly options: PublisherOptions,
    private readonly health: StoreHealth,
    private readonly listener: PublishListener,
  ) {
    this.sender = new Sender(store, listener, this);
  }

  get idle(): boolean {
    return this.publishing === undefined && this.queue.length === 0;
  }

  /** Queues a total; the promise, where there is one to wait for, never rejects and never takes longer than `waitAtMostMs`. */
  publish(tracked: TrackedTenant): Promise<void> | undefined {
    this.publishSoon(tracked);
    if (this.options.counting === 'background' || this.health.away) return undefined;
    return (this.batch ??= new Batch(this.options.waitAtMostMs, () => this.health.late())).done;
  }

  /** Queues a total that nobody waits for. */
  publishSoon(tracked: TrackedTenant): void {
    this.enqueue(tracked);
    this.schedule();
  }

  /** Publishes all of `tenants` again, at once, however long the next try was off. */
  publishAll(tenants: Iterable<TrackedTenant>): void {
    this.queue = this.queue.filter((tracked) => this.sender.isLive(tracked));
    for (const tracked of tenants) if (!tracked.refused) this.enqueue(tracked);
    this.failures = 0;
    if (this.publishing === undefined && this.queue.length > 0) this.start();
  }

  /** Publishes what is queued, and comes back when that is done or has failed. */
  async flush(): Promise<void> {
    await this.publishing;
    // Unless another that waited has begun.
    if (this.publishing === undefined) this.start();
    await this.publishing;
  }

  stop(): void {
    this.stopped = true;
    this.unschedule();
    this.batch?.settle();
    this.health.stop();
  }

  asked(): void {
    this.health.asked();
  }

  failed(error: unknown): void {
    this.failures++;
    this.health.failed(error);
  }

  answered(tookMs: number): void {
    const recovered = this.failures > 0;
    this.failures = 0;
    if (this.options.counting === 'await' && tookMs > this.options.waitAtMostMs) this.health.slow();
    else this.health.answered();
    if (recovered) this.listener.recovered();
  }

  private enqueue(tracked: TrackedTenant): void {
    if (tracked.queued) return;
    tracked.queued = true;
    this.queue.push(tracked);
  }

  private schedule(): void {
    if (this.stopped || (this.timer ?? this.immediate ?? this.publishing)) return;
    const start = (): void => this.start();
    this.outside(() => {
      if (this.failures === 0 && this.options.counting === 'await') this.immediate = setImmediate(start);
      else this.timer = setTimeout(start, this.delayMs()).unref();
    });
  }

  private delayMs(): number {
    if (this.failures === 0) return this.options.flushIntervalMs;
    return Math.min(FIRST_RETRY_MS * 2 ** (this.failures - 1), LAST_RETRY_MS);
  }

  private unschedule(): void {
    clearTimeout(this.timer);
    clearImmediate(this.immediate);
    this.timer = undefined;
    this.immediate = undefined;
  }

  private start(): void {
    this.unschedule();
    this.publishing = this.outside(() => this.run()).catch((error: unknown) => this.failed(error));
  }

  private async run(): Promise<void> {
    const { batch, queue } = this;
    this.batch = undefined;
    this.queue = [];
    let left: Left = { untaken: [], unsent: queue };
    try {
      left = await this.sender.send(queue);
    } finally {
      for (const tracked of left.untaken) this.enqueue(tracked);
      this.queue = this.queue.concat(left.unsent);
      batch?.settle();
      this.publishing = undefined;
      // Of those that came meanwhile, one that was still to be sent then is queued no more: whoever waits for it waits for a next publish.
      if (this.queue.length > 0 || this.batch) this.schedule();
    }
  }
}
