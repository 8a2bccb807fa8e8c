import { Inject, Injectable, Logger, type ExecutionContext } from '@nestjs/common';

import { AlertService } from '../facade/alert.service.js';
import { RateCounterService } from '../facade/rate-counter.service.js';
import type { TenantLike } from '../model/tenant.js';
import type { Deferred } from '../util/deferred.js';
import { SayOnce } from '../util/say-once.js';
import { reasonOf } from '../util/text.js';
import type { Monitor, Outcome } from './rate-monitor.guard.js';
import type { RequestMonitor } from './request-monitor.js';

/** What counts requests, once the app has started. */
export const REQUEST_MONITOR = Symbol.for('nestjs-rate-monitor:request-monitor');

/** Counts requests that guards see, and work without a request. It never throws into a request. */
@Injectable()
export class RateMonitorService implements Monitor {
  private readonly once = new SayOnce(new Logger('RateMonitor'));

  constructor(
    @Inject(REQUEST_MONITOR) private readonly requests: Deferred<RequestMonitor>,
    private readonly counter: RateCounterService,
    private readonly alerts: AlertService,
  ) {}

  /**
   * Counts a request; one that comes before the module has started is counted then. The promise, if there is one, is what the request is
   * to wait for: it never rejects and never takes longer than `waitAtMostMs`.
   *
   * @param isUnbound - Other guards may still refuse the request: it is counted only if its handler has no guard of its own.
   */
  observe(context: ExecutionContext, isUnbound = false): Promise<void> | undefined {
    try {
      const { value } = this.requests;
      if (value) return value.observe(context, isUnbound);
      this.requests.whenSet(() => void this.observe(context, isUnbound));
    } catch (error) {
      this.once.warn(`observe ${reasonOf(error)}`, () => `A request was not counted (${reasonOf(error)})`);
    }
    return undefined;
  }

  /** Counts what asks for the outcome of a handler: `@MonitorRate` with `after` or `when`. Nothing waits for it. */
  outcome(context: ExecutionContext, outcome: Outcome): void {
    this.requests.whenSet((requests) => requests.outcome(context, outcome));
  }

  /**
   * Counts work without a request: a cron job, a message of a queue. It never throws or rejects; an unknown category or a missing tenant is
   * logged once. In `await` mode the promise resolves once the alert is out, after `waitAtMostMs` at the latest.
   *
   * {@link RateCounterService.increment} counts the same and returns the count.
   *
   * @param category - A configured category.
   * @param tenant - The tenant, or its id.
   * @param options - `cost`: how much to count, 0 or more; 1 by default.
   */
  async record(category: string, tenant: TenantLike, options?: { cost?: number }): Promise<void> {
    try {
      await this.counter.increment(category, tenant, options?.cost);
    } catch (error) {
      this.once.warn(`record ${reasonOf(error)}`, () => `Something was not counted (${reasonOf(error)})`);
    }
  }

  /**
   * Publishes counts and sends the resulting alerts now. For serverless functions, which are frozen after their response.
   *
   * @param withinMs - Time limit in milliseconds; 2,000 by default.
   * @returns Whether nothing is left.
   */
  async flush(withinMs = 2_000): Promise<boolean> {
    const end = performance.now() + withinMs;
    const isPublished = await this.counter.flush(withinMs);
    const isSent = await this.alerts.flush(Math.max(end - performance.now(), 0));
    return isPublished && isSent;
  }
}
