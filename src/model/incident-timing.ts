/** How long an incident is silent, and when it is over, in milliseconds. */
export interface IncidentTiming {
  readonly remindAfterMs: number;
  /** If undefined: five windows of the category, at most five minutes, but at least two windows. */
  readonly resolveAfterMs: number | undefined;
}

/** What the options leave out, and all timing of incidents that were opened before the option was turned off. */
export const DEFAULT_TIMING: IncidentTiming = { remindAfterMs: 30 * 60_000, resolveAfterMs: undefined };
