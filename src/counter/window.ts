/** One window of one category, as this instance counts in it. */
export interface Window {
  readonly category: string;
  /** The name under which its totals are published: never used before, so totals that start at 0 start a field of their own. */
  readonly instance: string;
  /** `floor(now / windowMs)`. */
  readonly number: number;
  readonly windowMs: number;
}

/** Over for longer than a window: the store has forgotten it, or soon will. */
export function isOver({ number, windowMs }: Window, now: number): boolean {
  return now >= (number + 2) * windowMs;
}
