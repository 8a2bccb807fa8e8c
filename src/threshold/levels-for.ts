import type { Tenant } from '../model/tenant.js';
import { levelsOf } from './levels.js';
import type { AlertLevel } from '../model/level.js';
import type { LevelsFor } from '../model/window.js';

/** What a category says of thresholds. */
export interface Thresholds {
  readonly threshold: number | ((tenant: Tenant) => number | Promise<number>);
  readonly levels: readonly AlertLevel[];
}

/** A fixed threshold gives every tenant the same levels, worked out once. */
export function levelsFor({ threshold, levels }: Thresholds): LevelsFor {
  if (typeof threshold === 'number') {
    const same = levelsOf(threshold, levels);
    return () => same;
  }
  return async (tenant) => {
    const own = await threshold(tenant);
    if (!Number.isFinite(own) || own < 0)
      throw new Error(`the threshold function gave ${String(own)}: give a number, 0 or more`);
    return levelsOf(own, levels);
  };
}
