import type { ThresholdResolver } from '../model/category.js';
import type { AlertLevel, Levels } from '../model/level.js';
import type { Tenant } from '../model/tenant.js';
import type { LevelsFor } from '../model/window.js';
import { levelsOf } from './levels.js';
import { ThresholdFunction, Turns } from './threshold-function.js';

/** A category's threshold settings. */
export interface Thresholds {
  readonly threshold: number | ThresholdResolver;
  readonly levels: readonly AlertLevel[];
}

/** How threshold functions are called. */
export interface AskedThresholds {
  /** How long an answer holds, in milliseconds. */
  readonly ttlMs: number;
  /** Shared by all functions. */
  readonly turns: Turns;
}

/** With a fixed threshold all tenants share the same levels, computed once; the result of a function is cached. */
export function levelsFor(
  { threshold, levels }: Thresholds,
  { ttlMs, turns }: AskedThresholds = { ttlMs: 60_000, turns: new Turns() },
): LevelsFor {
  if (typeof threshold === 'number') {
    const same = levelsOf(threshold, levels);
    return Object.assign(() => same, { byKey: () => same });
  }
  let version = 0;
  const thresholds = new ThresholdFunction(threshold, { ttlMs, turns, changed: () => version++ });
  const of = (tenant: Tenant): Levels | Promise<Levels> => {
    const known = thresholds.of(tenant);
    return typeof known === 'number' ? levelsOf(known, levels) : known.then((later) => levelsOf(later, levels));
  };
  const byKey = (key: string): Levels | undefined => {
    const known = thresholds.known(key);
    return known === undefined ? undefined : levelsOf(known, levels);
  };
  return Object.defineProperty(Object.assign(of, { byKey }), 'version', { get: () => version });
}
