export const DEFAULT_WINDOW_MS = 60_000;

const UNITS = [
  [3_600_000, 'hour', 'h'],
  [60_000, 'minute', 'min'],
  [1_000, 'second', 's'],
  [1, 'millisecond', 'ms'],
] as const;

/** Names a window among those of its category, in alerts and in variables: `minute`, `90s`, `24h`, `day`. */
export function windowName({ period, windowMs = DEFAULT_WINDOW_MS }: { period?: unknown; windowMs?: unknown }): string {
  if (typeof period === 'string') return period;
  // Options are named before they are validated.
  const length = typeof windowMs === 'number' ? windowMs : NaN;
  const [unitMs, name, short] = UNITS.find(([ms]) => length % ms === 0) ?? UNITS[3];
  return length === unitMs ? name : `${length / unitMs}${short}`;
}

/** The names of a window of a category. */
export interface NamedWindow {
  /** `''` if it is the category's only one, else its `lengthName`. */
  readonly name: string;
  /** Stays the same if a deploy adds or removes other windows, so replicas identify a window by it. */
  readonly lengthName: string;
}

/** Finds a window by either of its names. */
export function windowNamed<T extends NamedWindow>(windows: readonly T[] | undefined, name: string): T | undefined {
  return windows?.find((window) => window.name === name || window.lengthName === name);
}
