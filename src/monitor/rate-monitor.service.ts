import { Injectable, Logger, type ExecutionContext } from '@nestjs/common';

import { AlertService } from '../alert/alert.service.js';
import type { Breach } from '../model/breach.js';
import { RateCounterService } from '../counter/rate-counter.service.js';
import { MonitoredHandlers, type CountsIn } from './monitored-handlers.js';
import { beginObservation, observationOf, type Observation } from './observation.js';
import type { CompleteOptions } from '../options/complete-options.js';
import { RequestReader } from './request-reader.js';
import { routeOf } from './route-of.js';
import { SayOnce } from '../util/say-once.js';
import type { Tenant, TenantLike } from '../model/tenant.js';
import { reasonOf } from '../util/text.js';
import { within } from '../util/within.js';

const NONE: readonly CountsIn[] = [];

/** Conducts: a request comes in, its tenants are counted, and what goes over a threshold is told. Nothing here ever throws into a request. */
@Injectable()
export class RateMonitorService {
  private readonly once = new SayOnce(new Logger('RateMonitor'));
  private reader = new RequestReader(undefined, this.once);
  private options: CompleteOptions | undefined;

  constructor(
    private readonly handlers: MonitoredHandlers,
    private readonly counter: RateCounterService,
    private readonly alerts: AlertService,
  ) {}

  /**
   * Begins to observe.
   *
   * @internal
   */
  start(options: CompleteOptions): void {
    this.reader = new RequestReader(options.skipIf, this.once);
    this.options = options;
  }

  /**
   * Looks at a request and counts it: once, however often it is looked at. The promise, where there is one, is what the request is to
   * wait for: it never rejects and never takes longer than `waitAtMostMs`.
   *
   * @param isLast No guard comes after this look: a tenant that is unknown now stays so.
   */
  observe(context: ExecutionContext, isLast: boolean): Promise<void> | undefined {
    if (!this.options) return undefined;
    try {
      const handler = this.handlers.find(context.getClass(), context.getHandler());
      if (!handler) return undefined;
      const observation = observationOf(context, handler) ?? beginObservation(context, handler, this);
      const wait = this.look(observation, context, isLast);
      return wait && this.options.counting === 'await' ? this.inTime(wait, observation) : undefined;
    } catch (error) {
      this.notCounted(error);
      return undefined;
    }
  }

  /**
   * Counts what no request brings: a job, a message of a queue. What it cannot count (an unknown category, no tenant) is said once in the
   * log; it never throws and never rejects. It counts at once; await it, and in `await` mode the alert is out when it comes back, after
   * `waitAtMostMs` at the latest.
   *
   * `RateCounterService.increment` counts the same and tells the count, for code that decides by it.
   *
   * @param category A configured category.
   * @param tenant The tenant, or its id.
   * @param options `cost`: what to count, 1 where it is left out.
   */
  async record(category: string, tenant: TenantLike, options?: { cost?: number }): Promise<void> {
    try {
      await this.counter.increment(category, tenant, options?.cost);
    } catch (error) {
      this.once.warn(`record ${reasonOf(error)}`, () => `Something was not counted (${reasonOf(error)})`);
    }
  }

  /**
   * Tells of a breach.
   *
   * @internal
   */
  raise({ window, route, windowStart, windowEnd, ...breach }: Breach): void {
    const times = { windowStart: new Date(windowStart), windowMs: windowEnd - windowStart };
    this.alerts.raise({ ...breach, ...times, ...(route ? { route } : {}), ...(window === '' ? {} : { window }) });
  }

  private look(observation: Observation, context: ExecutionContext, isLast: boolean): Promise<void> | undefined {
    if (!observation.pending) return this.countLeft(observation, context, isLast);
    return observation.pending
      .then(() => this.countLeft(observation, context, isLast))
      .catch((error: unknown) => this.notCounted(error));
  }

  /** Counts what is left of a request, as far as its tenants are known; what then is left waits for the next look. */
  private countLeft(observation: Observation, context: ExecutionContext, isLast: boolean): Promise<void> | undefined {
    const { handler, left } = observation;
    observation.left = NONE;
    if (left.length === 0 || this.reader.skips(context, handler)) return undefined;
    let wait: Promise<void> | undefined;
    const asked: Promise<void>[] = [];
    for (const counts of left) {
      const tenant = this.reader.tenantOf(counts, context, handler, isLast);
      if (tenant instanceof Promise) {
        asked.push(tenant.then((known) => this.countOrLeave(counts, known, observation, context, isLast)));
      } else wait = this.countOrLeave(counts, tenant, observation, context, isLast) ?? wait;
    }
    if (asked.length === 0) return wait;
    observation.pending = Promise.all([...asked, wait]).then(
      () => undefined,
      (error: unknown) => this.notCounted(error),
    );
    return observation.pending;
  }

  private countOrLeave(
    counts: CountsIn,
    tenant: Tenant | undefined,
    observation: Observation,
    context: ExecutionContext,
    isLast: boolean,
  ): Promise<void> | undefined {
    const { handler } = observation;
    if (tenant)
      return this.counter.add(
        counts.category.name,
        tenant,
        this.reader.costOf(counts, context, handler),
        routeOf(context, handler),
      );
    if (isLast) this.reader.hasNoTenant(counts, context, handler);
    else observation.left = [...observation.left, counts];
    return undefined;
  }

  /** However many looks at a request wait, it waits for `waitAtMostMs` in all. */
  private inTime(wait: Promise<void>, observation: Observation): Promise<void> {
    const { left, pending, waitedMs } = observation;
    // This wait is the only one, and the counter keeps time itself.
    if (left.length === 0 && !pending && waitedMs === 0) return wait;
    const began = performance.now();
    const leftMs = Math.max((this.options as CompleteOptions).waitAtMostMs - waitedMs, 0);
    return within(wait, leftMs, 'not counted')
      .catch(() => undefined)
      .then(() => void (observation.waitedMs += performance.now() - began));
  }

  private notCounted(error: unknown): void {
    this.once.warn(`observe ${reasonOf(error)}`, () => `A request was not counted (${reasonOf(error)})`);
  }
}
