import type { AlertLevel, Levels } from '../model/level.js';

/** The levels of a tenant whose threshold is not known: no count reaches any. */
export const NO_LEVELS: Levels = Object.freeze({ threshold: Infinity, counts: [], steps: [] });

/** The counts that `steps` stand for under `threshold`; `steps` ascend. */
export function levelsOf(threshold: number, steps: readonly AlertLevel[]): Levels {
  // To 15 digits: 1.15 times 100 is 115, and not a little less.
  return { threshold, counts: steps.map((step) => Number((step.at * threshold).toPrecision(15))), steps };
}

/** The highest level that `count` is strictly above. */
export function levelReached({ steps, counts }: Levels, count: number): AlertLevel | undefined {
  let reached = 0;
  while (reached < counts.length && count > (counts[reached] as number)) reached++;
  return steps[reached - 1];
}
