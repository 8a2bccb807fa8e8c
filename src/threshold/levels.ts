/** How urgent an alert may be, the least urgent first. */
export const SEVERITIES = ['info', 'warning', 'critical'] as const;

/** How urgent an alert is. */
export type Severity = (typeof SEVERITIES)[number];

/** A step at which a tenant's count is worth an alert. */
export interface AlertLevel {
  /** A multiple of the category's threshold: 1 is the threshold itself, 5 five times as many. Above 0. */
  at: number;
  /** How urgent an alert at this level is. */
  severity: Severity;
}

/** What one tenant's count is held against in one category. */
export interface Levels {
  /** The count that may not be exceeded. */
  readonly threshold: number;
  /** Ascending: level n is reached by a count above `counts[n - 1]`. */
  readonly counts: readonly number[];
}

/** The levels of a tenant whose threshold is not known: no count reaches any. */
export const NO_LEVELS: Levels = Object.freeze({ threshold: Infinity, counts: [] });

/** The counts that `steps` stand for under `threshold`; `steps` ascend. */
export function levelsOf(threshold: number, steps: readonly AlertLevel[]): Levels {
  // To 15 digits: 1.15 times 100 is 115, and not a little less.
  return { threshold, counts: steps.map((step) => Number((step.at * threshold).toPrecision(15))) };
}

/** The highest level that `count` is strictly above: 1 for the first, 0 for none. */
export function levelReached(levels: Levels, count: number): number {
  let reached = 0;
  while (reached < levels.counts.length && count > (levels.counts[reached] as number)) reached++;
  return reached;
}
