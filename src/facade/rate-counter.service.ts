import { Inject, Injectable } from '@nestjs/common';

import type { TenantLike } from '../model/tenant.js';
import type { Deferred } from '../util/deferred.js';
import type { Counter } from '../counter/counter.js';
import { flushLimit } from '../util/within.js';

/** Injection token for what counts, once the app has started. */
export const COUNTER = Symbol.for('nestjs-rate-monitor:counter');

/**
 * Counts for a tenant from anywhere: a handler, a job, a queue worker. It never throws or rejects, and waits for the store for
 * `waitAtMostMs` at most. Calls before the module has started are counted once it has.
 */
@Injectable()
export class RateCounterService {
  /** @internal */
  constructor(@Inject(COUNTER) private readonly counter: Deferred<Counter>) {}

  /**
   * Counts `cost` for a tenant.
   *
   * @param category - A configured category.
   * @param tenant - The tenant, or its id.
   * @param cost - How much to count, 0 or more; 1 by default.
   * @returns The tenant's count in the first window: over all instances in `await` mode, else the latest this instance knows. 0 if it could
   *   not be counted, which is logged once, or if the module has not started.
   */
  async increment(category: string, tenant: TenantLike, cost = 1): Promise<number> {
    const { value } = this.counter;
    if (value) return value.increment(category, tenant, cost);
    // Not awaited: the caller may be part of the startup that would have to finish first.
    this.counter.whenSet((counter) => void counter.increment(category, tenant, cost));
    return 0;
  }

  /**
   * Reads a tenant's count in the current window (the first, if the category has several). Waits for `waitAtMostMs` at most.
   *
   * @param category - A configured category.
   * @param tenant - The tenant, or its id; a very long one also as alerts show it.
   * @returns The count of all instances; if the store is away or does not answer in time, the count as this instance knows it. 0 for an
   *   unknown category or no tenant, which is logged once, and if the module is disabled or has not started.
   */
  async read(category: string, tenant: TenantLike): Promise<number> {
    return (await this.counter.value?.read(category, tenant)) ?? 0;
  }

  /**
   * Publishes pending counts now. {@link RateMonitorService.flush} also sends the resulting alerts.
   *
   * @param withinMs - Time limit in milliseconds; 2,000 by default, and for anything but a number, which is logged once.
   * @returns Whether nothing is left.
   */
  async flush(withinMs?: number): Promise<boolean> {
    return (await this.counter.value?.flush(flushLimit(withinMs))) ?? true;
  }
}
