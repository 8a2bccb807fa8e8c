import type { Levels } from './level.js';
import type { Tenant } from './tenant.js';
import type { NamedWindow } from './window-name.js';

/** In longer windows a tenant has been over since the crossing, in shorter ones for whole windows. */
export const WHOLE_WINDOWS_MS = 60_000;

/** One occurrence of a window of a category. */
export interface WindowSpan {
  /** Unique within the category: a key always stands for the same span. */
  readonly key: string;
  /** Milliseconds since the epoch, by the store's clock. */
  readonly start: number;
  /** When the next span begins. */
  readonly end: number;
}

/** Returns the levels that apply to a tenant, or a promise that rejects if the threshold is not known. A later call may return others. */
export interface LevelsFor {
  (tenant: Tenant): Levels | Promise<Levels>;
  /** Grows whenever levels change while the app runs; counts are then compared with the new levels without a further request. */
  readonly version?: number;
  /** How long levels hold, in milliseconds; then they are asked for with a tenant's next request. If absent, until the version grows. */
  readonly holdMs?: number;
  /**
   * The levels of a tenant, given only its key and the levels that it had `before`. Undefined if that is not enough, or if a function's
   * answer is older than `maxAgeMs`.
   */
  readonly byKey: (key: string, before: Levels | undefined, maxAgeMs?: number) => Levels | undefined;
}

/** A window as the counter sees it: how it divides time, and its levels. */
export interface CountedWindow extends NamedWindow {
  /** The span that contains `now`; for a sliding window, its newest part. */
  spanAt(now: number): WindowSpan;
  readonly levelsFor: LevelsFor;
  /** How many consecutive spans a sliding window sums up. If absent, the window is one span. */
  readonly parts?: number;
}

/** A category as the counter sees it. */
export interface CountedCategory {
  readonly name: string;
  /** The highest cost of one request; a higher one counts as this. */
  readonly maxCost: number;
  readonly windows: readonly CountedWindow[];
}

/**
 * A counter outlives its window by the window's length, so that late totals are accepted, but by a day at most: a month is not kept for
 * two.
 */
const MAX_KEPT_AFTER_MS = 86_400_000;
/** A sliding window is read for the last time up to this long after its end, and its first part must still be there. */
const COUNTED_WITHIN_MS = 20_000;

/**
 * How long after its end a window may still be published and read, in milliseconds.
 *
 * @param mostMs - The maximum, except for a part of a sliding window: that counts until the window has slid past it, and is final then.
 */
export function keptAfterMs({ start, end }: WindowSpan, parts = 1, mostMs = MAX_KEPT_AFTER_MS): number {
  const length = parts * (end - start);
  return parts > 1 ? length + Math.min(length / 2, COUNTED_WITHIN_MS) : Math.min(length, mostMs);
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

/** The keys of the counters that make up the count of a span: for a sliding window, of its parts, newest first. */
export function countersOf(window: Pick<CountedWindow, 'spanAt' | 'parts'>, span: WindowSpan): string[] {
  return [span, ...earlierParts(window, span)].map(({ key }) => key);
}

/** Identifies a count to read: of a tenant in a window of a category. */
export interface CountRead {
  readonly category: string;
  /** Either name of the category's window. */
  readonly window: string;
  /** The id as alerts show it, or its key. */
  readonly tenantId: string;
  /** A moment in the window, in milliseconds since the epoch, by the store's clock. */
  readonly at: number;
}
