import { Inject, Injectable } from '@nestjs/common';

import type { Route } from '../model/route.js';
import type { Tenant, TenantLike } from '../model/tenant.js';
import type { Deferred } from '../util/deferred.js';
import type { Counter } from './counter.js';

/** What counts, once the app has started. */
export const COUNTER = Symbol.for('nestjs-rate-monitor:counter');

/**
 * Counts tenants, whether a request brings them or a job does. It throws nothing and waits for the store no longer than `waitAtMostMs`.
 * What comes before the module has started is counted then.
 */
@Injectable()
export class RateCounterService {
  constructor(@Inject(COUNTER) private readonly counter: Deferred<Counter>) {}

  /**
   * Counts `cost` more for a tenant and gives its count in the window: that of all instances in `await` mode, else the best this one
   * knows; 0 if it could not be counted, which the log explains once, or if the module has not started yet.
   *
   * @param category - A configured category.
   * @param tenant - The tenant, or its id.
   * @param cost - What to count: a request, or tokens known only after the answer.
   */
  async increment(category: string, tenant: TenantLike, cost = 1): Promise<number> {
    const { value } = this.counter;
    if (value) return value.increment(category, tenant, cost);
    // Not waited for: the caller may be part of the start that would have to finish first.
    this.counter.whenSet((counter) => void counter.increment(category, tenant, cost));
    return 0;
  }

  /**
   * A tenant's count in the current window: of all instances, or, if the store is away, of this one.
   *
   * @param category - A configured category.
   * @param tenant - The tenant, or its id.
   */
  async read(category: string, tenant: TenantLike): Promise<number> {
    return (await this.counter.value?.read(category, tenant)) ?? 0;
  }

  /**
   * Publishes at once what is pending. `RateMonitorService.flush` also sends the alerts that come of it.
   *
   * @param withinMs - How long that may take, in milliseconds; 2,000 if it is left out.
   * @returns Whether nothing is left.
   */
  async flush(withinMs = 2_000): Promise<boolean> {
    return (await this.counter.value?.flush(withinMs)) ?? true;
  }

  /**
   * Counts at once; the promise, if there is one, is for those who want to wait until the store has answered. It never rejects and
   * never takes longer than `waitAtMostMs`.
   */
  add(category: string, tenant: Tenant, cost: number, route?: Route): Promise<void> | undefined {
    const { value } = this.counter;
    const routeOf = route && ((): Route => route);
    if (value) return value.add(category, tenant, cost, routeOf);
    this.counter.whenSet((counter) => void counter.add(category, tenant, cost, routeOf));
    return undefined;
  }
}
