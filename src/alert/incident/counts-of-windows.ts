import { lastOf, lengthOf, SETTLES_AFTER_MS, type Contributors, type Incident, type WindowOver } from './incident.js';

/** If a window's count cannot be read for this long after its end, the last count seen becomes final. */
const COUNTS_GIVEN_UP_MS = 60_000;
/** How many windows to settle at once if no replica has looked for a long time. */
const MAX_SPANS = 20;

/** A stretch of time whose count is now final. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Which counts this replica may not know. */
interface Unseen {
  /** No counts can be published or read. */
  readonly isBlind: boolean;
  /** The last time in which that was so. */
  readonly hidden: Span | undefined;
}

/** Returns when the calendar day, week or month that contains `at` ends; undefined if all windows of the incident have one length. */
export type PeriodEnd = (incident: Incident, at: number) => number | undefined;

/** Windows that have ended and are not settled, oldest first. */
export function unsettled(incident: Incident, now: number, periodEnd: PeriodEnd): Span[] {
  const spans: Span[] = [];
  for (let start = incident.settledTo; spans.length < MAX_SPANS;) {
    const end = endOfSpan(incident, start, periodEnd);
    if (end + SETTLES_AFTER_MS > now) break;
    spans.push({ start, end });
    start = end;
  }
  return spans;
}

/** When the window that contains `start` ends. A sliding window is counted in consecutive pieces of its length. */
export function endOfSpan(incident: Incident, start: number, periodEnd: PeriodEnd): number {
  const length = lengthOf(incident);
  if (lastOf(incident).lengthMs !== undefined) return start + length;
  const known = incident.windows.find((window) => window.start <= start && start < window.end);
  const later = incident.windows.find((window) => window.start > start);
  return known?.end ?? Math.min(periodEnd(incident, start) ?? start + length, later?.start ?? Infinity);
}

/**
 * Adds the final count of a span, unless another replica has done so.
 *
 * @param isLost - Whether the store no longer had the span's counts.
 */
export function withSettled(incident: Incident, { start, end }: Span, counted: number, isLost: boolean): Incident {
  if (incident.settledTo !== start) return incident;
  const known = incident.windows.find((window) => window.start <= start && start < window.end);
  // The count of a sliding stretch is the highest of its pieces, so this piece may have a lower one.
  const seen = known?.lengthMs !== undefined && counted > 0 ? 0 : (known?.count ?? 0);
  const count = Math.max(counted, seen);
  const isCalm = start >= lastOf(incident).end;
  const countedBy = known && counted < known.count ? known.countedBy : 'all';
  return {
    ...incident,
    settledTo: end,
    total: incident.total + (isCalm ? 0 : count),
    calm: incident.calm + (isCalm ? count : 0),
    windows: incident.windows.map((window) =>
      window === known ? { ...window, count: Math.max(count, window.count), countedBy } : window,
    ),
    peak: !isCalm && count > incident.peak.count ? { count, start } : incident.peak,
    ...(isLost ? { isPartial: true } : {}),
  };
}

/**
 * Updates the count of the running window.
 *
 * @param countedBy - `all` if the store gave the count, which a single instance may have counted alone before.
 */
export function withCount(
  incident: Incident,
  start: number,
  count: number,
  countedBy?: WindowOver['countedBy'],
): Incident {
  const window = incident.windows.find((one) => one.start === start);
  if (!window || count <= window.count) return incident;
  const counted = { ...window, count, countedBy: countedBy ?? window.countedBy };
  return {
    ...incident,
    windows: incident.windows.map((one) => (one === window ? counted : one)),
    peak: count > incident.peak.count ? { count, start } : incident.peak,
  };
}

/** The windows to count now: ended ones that are not final, or the running one. */
export function spansToCount(incident: Incident, now: number, periodEnd: PeriodEnd): readonly Span[] {
  if (incident.closedAt !== undefined) return [];
  const last = lastOf(incident);
  const ended = incident.story ? unsettled(incident, now, periodEnd) : [];
  if (ended.length > 0) return ended;
  return incident.story && last.end <= incident.settledTo ? [] : [last];
}

/**
 * Applies the count of one of {@link spansToCount}.
 *
 * @param count - Undefined if it cannot be read. An ended window then waits a while for it, or until the store is back.
 */
export function withCounted(
  incident: Incident,
  span: Span,
  count: number | undefined,
  now: number,
  { isBlind, hidden }: Unseen,
): Incident {
  const isFinal = incident.story && span.end + SETTLES_AFTER_MS <= now;
  if (!isFinal) return withCount(incident, span.start, count ?? 0, 'all');
  if (count === undefined && (isBlind || now < span.end + COUNTS_GIVEN_UP_MS)) return incident;
  // The store keeps counters for one more window, so nobody could publish what was counted meanwhile.
  const isExpired = hidden !== undefined && span.end > hidden.start && span.end + lengthOf(incident) <= hidden.end;
  return withSettled(incident, span, count ?? 0, isExpired && count !== undefined);
}

/** Updates the contributors of the last window. */
export function withContributors(incident: Incident, contributors: Contributors): Incident {
  const windows = incident.windows.map((one, i, { length }) => (i === length - 1 ? { ...one, contributors } : one));
  return { ...incident, windows };
}
