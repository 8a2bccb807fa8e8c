/** How urgent an alert may be, least urgent first. */
export const SEVERITIES = ['info', 'warning', 'critical'] as const;

/** How urgent an alert is. */
export type Severity = (typeof SEVERITIES)[number];

export function isSeverity(value: unknown): value is Severity {
  return (SEVERITIES as readonly unknown[]).includes(value);
}

/** A multiple of the threshold at which a tenant's count causes an alert. */
export interface AlertLevel {
  /** The multiple of the threshold, above 0: 1 is the threshold itself, 5 is five times as much. */
  at: number;
  /** How urgent an alert at this level is. */
  severity: Severity;
}

/** What one tenant's count is compared with in one category. */
export interface Levels {
  /** The count that may not be exceeded. */
  readonly threshold: number;
  /** Ascending. A level is identified by its `at`, because replicas may have different lists. */
  readonly steps: readonly AlertLevel[];
  /** The count above which each of `steps` is reached, in their order. */
  readonly counts: readonly number[];
}

/** The place of the highest level whose value is `at` or less: 1 for the first, 0 for none. */
export function levelPlace({ steps }: Levels, at: number): number {
  let place = 0;
  while (place < steps.length && (steps[place] as { at: number }).at <= at) place++;
  return place;
}

/** The value of the level at a place; 0 for none. */
export function placeAt({ steps }: Levels, place: number): number {
  return steps[place - 1]?.at ?? 0;
}
