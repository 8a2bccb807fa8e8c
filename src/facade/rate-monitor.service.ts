import { Injectable } from '@nestjs/common';

import type { TenantLike } from '../model/tenant.js';
import { OwnLogger } from '../util/own-logger.js';
import { warnOfNames } from '../util/option-names.js';
import { WarnOnce } from '../util/warn-once.js';
import { reasonOf } from '../util/text.js';
import { AlertService } from './alert.service.js';
import { RateCounterService } from './rate-counter.service.js';
import { flushLimit } from '../util/within.js';

/** Counts work without a request, and publishes what was counted. */
@Injectable()
export class RateMonitorService {
  private readonly once = new WarnOnce(new OwnLogger());

  constructor(
    private readonly counter: RateCounterService,
    private readonly alerts: AlertService,
  ) {}

  /**
   * Counts work without a request, such as a cron job or a queue message. It never throws or rejects; an unknown category or a missing tenant
   * is logged once. In `await` mode the promise resolves once the alert is out, after `waitAtMostMs` at the latest.
   *
   * {@link RateCounterService.increment} counts the same and returns the count.
   *
   * @param category - A configured category.
   * @param tenant - The tenant, or its id.
   * @param options - `cost`: how much to count, 0 or more; 1 by default. Anything else has no effect, and is logged once.
   */
  async record(category: string, tenant: TenantLike, options?: { cost?: number | undefined }): Promise<void> {
    try {
      warnOfNames(this.once, options, ['cost'], 'record()');
      await this.counter.increment(category, tenant, options?.cost);
    } catch (error) {
      this.once.warn(`record ${reasonOf(error)}`, () => `Something was not counted (${reasonOf(error)})`);
    }
  }

  /**
   * Publishes counts and sends the resulting alerts now. For serverless functions, which are frozen after their response.
   *
   * @param withinMs - Time limit in milliseconds; 2,000 by default, and for anything but a number, which is logged once.
   * @returns Whether nothing is left.
   */
  async flush(withinMs?: number): Promise<boolean> {
    const limitMs = flushLimit(withinMs);
    const end = performance.now() + limitMs;
    const isPublished = await this.counter.flush(limitMs);
    const isSent = await this.alerts.flush(Math.max(end - performance.now(), 0));
    return isPublished && isSent;
  }
}
