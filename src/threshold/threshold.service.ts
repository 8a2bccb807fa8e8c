import { Inject, Injectable } from '@nestjs/common';

import type {
  RemoveThresholdOptions,
  SetThresholdOptions,
  ThresholdChange,
  ThresholdOverride,
} from '../model/threshold-override.js';
import type { Deferred } from '../util/deferred.js';
import type { Overrides } from './overrides.js';

/** What holds the thresholds that are set while the app runs, once it has started. */
export const OVERRIDES = Symbol.for('nestjs-rate-monitor:overrides');

/**
 * Changes thresholds while the app runs: without a deploy, for all replicas, kept where counts are kept. What it refuses changes nothing.
 *
 * Of several thresholds the more exact wins: of the tenant, of a prefix of its id (the longest), of the category, of the variable, of
 * the code.
 */
@Injectable()
export class ThresholdService {
  constructor(@Inject(OVERRIDES) private readonly overrides: Deferred<Overrides>) {}

  /**
   * Sets a threshold, in place of one that was set for the same. It holds here when this resolves, and on all replicas within two
   * seconds. A count that is over it by then is alerted on at once.
   *
   * @example
   * ```ts
   * await thresholds.set({ category: 'llm_call', tenant: 'proj_1', threshold: 100, until: friday, reason: 'import', by: 'dana' });
   * ```
   * @throws TypeError or RangeError if an option is wrong; an Error if the store is away or the module is off.
   */
  async set(options: SetThresholdOptions): Promise<ThresholdOverride> {
    return this.present().set(options);
  }

  /**
   * Removes a threshold that was set.
   *
   * @returns Whether there was one.
   * @throws TypeError or RangeError if an option is wrong; an Error if the store is away or the module is off.
   */
  async remove(options: RemoveThresholdOptions): Promise<boolean> {
    return this.present().remove(options);
  }

  /**
   * The thresholds that are set.
   *
   * @throws an Error if the store is away, or the module is off or has not started.
   */
  async list(): Promise<ThresholdOverride[]> {
    return this.present().list();
  }

  /**
   * The latest 200 changes, newest first.
   *
   * @throws an Error if the store is away, or the module is off or has not started.
   */
  async changes(): Promise<ThresholdChange[]> {
    return this.present().changes();
  }

  private present(): Overrides {
    const { value } = this.overrides;
    if (!value)
      throw new Error('Thresholds cannot be looked at or changed: the app has not started, or the monitor is off');
    return value;
  }
}
