import type { Levels } from './level.js';
import type { Tenant } from './tenant.js';
import type { NamedWindow } from './window-name.js';

/** One window of time that a category counts in. */
export interface WindowSpan {
  /** Names the window among all of its category: the same key always stands for the same span. */
  readonly key: string;
  /** Milliseconds since the epoch, by the store's clock. */
  readonly start: number;
  /** When the next window begins. */
  readonly end: number;
}

/** Gives the levels that hold for a tenant: at once, later, or a rejection if the threshold is not known. Asked again, it may answer otherwise. */
export interface LevelsFor {
  (tenant: Tenant): Levels | Promise<Levels>;
  /** Grows whenever the answers change while the app runs; counts are then compared with the new levels without a further request. */
  readonly version?: number;
  /**
   * The levels of a tenant of which only the key is known, with those it had `before`; undefined if more of the tenant must be known.
   */
  readonly byKey?: (key: string, before: Levels | undefined) => Levels | undefined;
}

/** One way to cut time for a category, and what is too much within it. */
export interface CountedWindow extends NamedWindow {
  /** The window that `now` lies in; of a sliding one, the newest of its parts. */
  spanAt(now: number): WindowSpan;
  readonly levelsFor: LevelsFor;
  /** Of a sliding window: how many consecutive spans it is the sum of. Left out, the window is one span. */
  readonly parts?: number;
}

/** A category as the counter sees it. */
export interface CountedCategory {
  readonly name: string;
  /** What costs more counts as this much. */
  readonly maxCost: number;
  readonly windows: readonly CountedWindow[];
}

/** A counter outlives its window by the window's length, a day at most: late totals are accepted, and a month is not kept for two. */
const MAX_KEPT_AFTER_MS = 86_400_000;

/** How long after its end a window may still be published and read, in milliseconds. */
export function keptAfterMs({ start, end }: WindowSpan, parts = 1): number {
  return parts > 1 ? parts * (end - start) : Math.min(end - start, MAX_KEPT_AFTER_MS);
}

/** The spans before `span` that a sliding window adds to it, newest first. */
export function earlierParts(
  { spanAt, parts = 1 }: Pick<CountedWindow, 'spanAt' | 'parts'>,
  span: WindowSpan,
): WindowSpan[] {
  const earlier: WindowSpan[] = [];
  for (let before = span; earlier.length < parts - 1;) earlier.push((before = spanAt(before.start - 1)));
  return earlier;
}

/** Asks for a tenant's count in a window of a category. */
export interface CountRead {
  readonly category: string;
  /** One of the names of the category's window. */
  readonly window: string;
  /** As it is shown, or its key. */
  readonly tenantId: string;
  /** A moment in the window, in milliseconds since the epoch, by the store's clock. */
  readonly at: number;
}
