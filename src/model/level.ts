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
  /** The levels themselves, in the order of `counts`. */
  readonly steps: readonly AlertLevel[];
}
