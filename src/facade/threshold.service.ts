import { Inject, Injectable } from '@nestjs/common';

import type {
  RemoveThresholdOptions,
  SetThresholdOptions,
  ThresholdChange,
  ThresholdOverride,
} from '../model/threshold-override.js';
import type { Deferred } from '../util/deferred.js';
import type { Overrides } from '../threshold/overrides.js';

/** Injection token for the thresholds set at run time, once the app has started. */
export const OVERRIDES = Symbol.for('nestjs-rate-monitor:overrides');

/**
 * Changes thresholds at run time for all replicas, without a deployment. They are stored with the counts. A rejected change has no effect.
 *
 * The most specific threshold wins: set for the tenant, for the longest prefix of its id, or for the category; then from the environment
 * variable; then from code.
 */
@Injectable()
export class ThresholdService {
  /** @internal */
  constructor(@Inject(OVERRIDES) private readonly overrides: Deferred<Overrides>) {}

  /**
   * Sets a threshold, replacing one with the same scope. It applies here when this resolves, and on all replicas within two seconds. A
   * count that is already over it raises an alert at once.
   *
   * @example
   * ```ts
   * await thresholds.set({ category: 'llm_call', tenant: 'proj_1', threshold: 100, until: friday, reason: 'import', by: 'dana' });
   * ```
   * @throws TypeError or RangeError if an option is wrong; an Error if the store is away or the module is disabled.
   */
  async set(options: SetThresholdOptions): Promise<ThresholdOverride> {
    return this.present().set(options);
  }

  /**
   * Removes a threshold that was set at run time.
   *
   * @returns Whether there was one.
   * @throws TypeError or RangeError if an option is wrong; an Error if the store is away or the module is disabled.
   */
  async remove(options: RemoveThresholdOptions): Promise<boolean> {
    return this.present().remove(options);
  }

  /**
   * The thresholds set at run time.
   *
   * @throws Error if the store is away, or the module is disabled or has not started.
   */
  async list(): Promise<ThresholdOverride[]> {
    return this.present().list();
  }

  /**
   * The latest 200 changes, newest first.
   *
   * @throws Error if the store is away, or the module is disabled or has not started.
   */
  async changes(): Promise<ThresholdChange[]> {
    return this.present().changes();
  }

  private present(): Overrides {
    const { value } = this.overrides;
    if (!value) throw new Error('Thresholds cannot be read or changed: the app has not started, or the monitor is off');
    return value;
  }
}
