import type { ThresholdResolver } from '../model/category.js';
import type { AlertLevel, Levels } from '../model/level.js';
import type { Tenant } from '../model/tenant.js';
import type { LevelsFor } from '../model/window.js';
import { ThresholdFunction, type CallLimit } from './threshold-function.js';

/** Answers expire between two looks at all tenants, so more than one, or a busy tenant's answer would hold for almost two of its times. */
const LOOKS_PER_TTL = 4;

/** The levels of a tenant whose threshold is not known: no count reaches any. */
export const NO_LEVELS: Levels = Object.freeze({ threshold: Infinity, counts: [], steps: [] });

/** The levels for a threshold; `steps` must be ascending. */
export function levelsOf(threshold: number, steps: readonly AlertLevel[]): Levels {
  // To 15 digits, so that 1.15 times 100 is 115, not slightly less.
  return { threshold, counts: steps.map((step) => Number((step.at * threshold).toPrecision(15))), steps };
}

/** The highest level that `count` is strictly above. */
export function levelReached({ steps, counts }: Levels, count: number): AlertLevel | undefined {
  let reached = 0;
  while (count > (counts[reached] ?? Infinity)) reached++;
  return steps[reached - 1];
}

/** A category's threshold settings. */
export interface Thresholds {
  readonly threshold: number | ThresholdResolver;
  readonly levels: readonly AlertLevel[];
}

/** How threshold functions are called. */
export interface AskedThresholds {
  /** How long an answer is cached, in milliseconds. */
  readonly ttlMs: number;
  /** Shared by all functions. */
  readonly limit: CallLimit;
  /** Milliseconds since an arbitrary moment. */
  readonly now: () => number;
}

/** With a fixed threshold all tenants share the same levels, computed once; the result of a function is cached. */
export function levelsFor({ threshold, levels }: Thresholds, { ttlMs, limit, now }: AskedThresholds): LevelsFor {
  if (typeof threshold === 'number') {
    const same = levelsOf(threshold, levels);
    return Object.assign(() => same, { byKey: () => same });
  }
  let version = 0;
  const thresholds = new ThresholdFunction(threshold, { ttlMs, limit, changed: () => version++, now });
  const of = (tenant: Tenant): Levels | Promise<Levels> => {
    const known = thresholds.of(tenant);
    return typeof known === 'number' ? levelsOf(known, levels) : known.then((later) => levelsOf(later, levels));
  };
  const byKey = (key: string, _before: Levels | undefined, maxAgeMs?: number): Levels | undefined => {
    const known = thresholds.known(key, maxAgeMs);
    return known === undefined ? undefined : levelsOf(known, levels);
  };
  const holdMs = ttlMs / LOOKS_PER_TTL;
  return Object.defineProperty(Object.assign(of, { byKey, holdMs }), 'version', { get: () => version });
}
