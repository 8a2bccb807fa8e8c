import { Inject, Injectable } from '@nestjs/common';

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
} from './usage-reader.js';

/** What reads usage, once the app has started. */
export const USAGE = Symbol.for('nestjs-rate-monitor:usage');

/**
 * Who uses how much, since when: from history that is kept beside the counts. Each replica gives the same answers. A range is cut to what is
 * kept, and empty if it ends before it begins.
 */
@Injectable()
export class UsageService {
  constructor(@Inject(USAGE) private readonly usage: Deferred<UsageReader>) {}

  /**
   * The busiest tenants of a window, the highest count first.
   *
   * @throws RangeError if there is no such category or an option is wrong; an Error if usage is off or the store is away.
   */
  async top(category: string, options: TopOptions = {}): Promise<UsageRow[]> {
    return this.present().top(category, options);
  }

  /**
   * A tenant's counts, one a minute, complete for the retention. Of windows shorter than a minute it is the highest, of longer ones the
   * running count at the end of each minute; of several windows the shortest.
   *
   * @throws RangeError if there is no such category or a time is none; an Error if usage is off or the store is away.
   */
  async history(category: string, tenantId: string, range: TimeRange): Promise<UsageSeries> {
    return this.present().history(category, tenantId, range);
  }

  /**
   * What all tenants counted together, one count a minute.
   *
   * @throws RangeError if there is no such category or a time is none; an Error if usage is off or the store is away.
   */
  async totals(category: string, range: TimeRange): Promise<UsageSeries> {
    return this.present().totals(category, range);
  }

  /**
   * The highest counts of each hour in which there were any, the top 100, for `hourlyRetentionMs`.
   *
   * @throws RangeError if there is no such category or a time is none; an Error if usage is off or the store is away.
   */
  async hourlyPeaks(category: string, range: TimeRange): Promise<HourlyPeaks[]> {
    return this.present().hourlyPeaks(category, range);
  }

  /**
   * How many tenants were counted.
   *
   * @throws RangeError if there is no such category or a time is none; an Error if usage is off or the store is away.
   */
  async active(category: string, range: TimeRange): Promise<number> {
    return this.present().active(category, range);
  }

  /**
   * Whether the threshold is right: what other thresholds would have alerted on, and what to write instead.
   *
   * @throws RangeError if there is no such category or an option is wrong; an Error if usage is off or the store is away.
   */
  async advise(category: string, options: AdviseOptions = {}): Promise<CategoryAdvice> {
    return this.present().advise(category, options);
  }

  private present(): UsageReader {
    const { value } = this.usage;
    if (!value) throw new Error('There is no usage: the app has not started, or the monitor or its usage is off');
    return value;
  }
}
