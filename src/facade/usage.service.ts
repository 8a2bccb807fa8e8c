import { Inject, Injectable } from '@nestjs/common';

import { withStore } from '../store/records.js';
import type { Deferred } from '../util/deferred.js';
import type {
  AdviseOptions,
  CategoryAdvice,
  HourlyPeaks,
  TimeRange,
  TopOptions,
  UsageReader,
  UsageRow,
  UsageSeries,
} from '../usage/usage-reader.js';

/** Injection token for what reads usage, once the app has started. */
export const USAGE = Symbol.for('nestjs-rate-monitor:usage');

/**
 * Reports who uses how much and since when, from history stored with the counts. Every replica returns the same. A range is clipped to what
 * is stored, and is empty if it ends before it begins.
 */
@Injectable()
export class UsageService {
  /** @internal */
  constructor(@Inject(USAGE) private readonly usage: Deferred<UsageReader>) {}

  /**
   * The busiest tenants of a window, highest count first. For one shorter than a minute that ended ten windows ago or earlier, counts are
   * the highest of its minute.
   *
   * @throws RangeError or TypeError if the category is unknown or an option is wrong; an Error if usage is off or the store is away.
   */
  async top(category: string, options: TopOptions = {}): Promise<UsageRow[]> {
    return this.read((usage) => usage.top(category, options));
  }

  /**
   * A tenant's counts, one per minute, complete for the retention. For windows shorter than a minute, each is the highest count in that
   * minute; for longer ones, the running count at its end. If the category has several windows, the shortest is used.
   *
   * @throws RangeError or TypeError if the category is unknown or the range is wrong; an Error if usage is off or the store is away.
   */
  async history(category: string, tenantId: string, range: TimeRange): Promise<UsageSeries> {
    return this.read((usage) => usage.history(category, tenantId, range));
  }

  /**
   * The total of all tenants, one count per minute.
   *
   * @throws RangeError or TypeError if the category is unknown or the range is wrong; an Error if usage is off or the store is away.
   */
  async totals(category: string, range: TimeRange): Promise<UsageSeries> {
    return this.read((usage) => usage.totals(category, range));
  }

  /**
   * The 100 highest counts of each hour with any, kept for `hourlyRetentionMs`.
   *
   * @throws RangeError or TypeError if the category is unknown or the range is wrong; an Error if usage is off or the store is away.
   */
  async hourlyPeaks(category: string, range: TimeRange): Promise<HourlyPeaks[]> {
    return this.read((usage) => usage.hourlyPeaks(category, range));
  }

  /**
   * How many tenants were counted in the range.
   *
   * @throws RangeError or TypeError if the category is unknown or the range is wrong; an Error if usage is off or the store is away.
   */
  async active(category: string, range: TimeRange): Promise<number> {
    return this.read((usage) => usage.active(category, range));
  }

  /**
   * Advises on the threshold: what other thresholds would have alerted on, and which one to set instead.
   *
   * @throws RangeError or TypeError if the category is unknown or an option is wrong; an Error if usage is off or the store is away.
   */
  async advise(category: string, options: AdviseOptions = {}): Promise<CategoryAdvice> {
    return this.read((usage) => usage.advise(category, options));
  }

  private async read<T>(work: (usage: UsageReader) => Promise<T>): Promise<T> {
    const { value } = this.usage;
    if (!value) throw new Error('There is no usage: the app has not started, or the monitor or its usage is off');
    try {
      return await work(value);
    } catch (error) {
      if (error instanceof RangeError || error instanceof TypeError) throw error;
      return withStore('Usage cannot be read', () => Promise.reject(error as Error));
    }
  }
}
