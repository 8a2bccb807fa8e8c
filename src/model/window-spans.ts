import type { Period } from './category.js';
import type { WindowSpan } from './window.js';
import { TimeZone } from '../util/time-zone.js';

const DAY_MS = 86_400_000;
/** 1970-01-05 was a Monday. */
const FIRST_MONDAY = 4 * DAY_MS;
/** The longest that a period can be, ignoring the hour by which clocks are set back. */
export const PERIOD_MS: Readonly<Record<Period, number>> = { day: DAY_MS, week: 7 * DAY_MS, month: 31 * DAY_MS };
/** How many parts a sliding window is counted in. */
export const SLIDING_PARTS = 6;

/** Returns the span that contains an instant. */
type SpanAt = (now: number) => WindowSpan;

/** Up to this length, windows of different lengths never share a number at the same time, even if they differ by one millisecond. */
const TELLING_MS = 1_200_000;

/** Windows of one length that begin at whole multiples of it. */
export function fixedSpans(windowMs: number): SpanAt {
  // Longer ones may (724 and 725 hours), so only round lengths use the bare number as their key, as 0.1 does for all.
  const isTelling = windowMs <= TELLING_MS || windowMs % (windowMs <= DAY_MS ? 10_000 : DAY_MS) === 0;
  const prefix = isTelling ? '' : `${windowMs}:`;
  return (now) => {
    const number = Math.floor(now / windowMs);
    return { key: `${prefix}${number}`, start: number * windowMs, end: (number + 1) * windowMs };
  };
}

/**
 * The sixths of a sliding window. The sixth that contains `now` and the five before it lie within the last `windowMs`, so their sum is at
 * most what a window that slides with each request would count, and includes all of its last five sixths.
 */
export function slidingSpans(windowMs: number): SpanAt {
  const startOf = (number: number): number => Math.ceil((number * windowMs) / SLIDING_PARTS);
  return (now) => {
    const number = Math.floor((now * SLIDING_PARTS) / windowMs);
    return { key: `sliding:${windowMs}:${number}`, start: startOf(number), end: startOf(number + 1) };
  };
}

/**
 * Calendar days, weeks (from Monday) or months of a time zone. Spans follow each other without a gap or an overlap, no matter what the clocks
 * of the zone do: a day has 23, 24 or 25 hours, and a date that the zone skipped has none.
 */
export function calendarSpans(period: Period, timeZone: string): SpanAt {
  const zone = new TimeZone(timeZone);
  let last: WindowSpan | undefined;
  return (now) => {
    if (last && now >= last.start && now < last.end) return last;
    return (last = calendarSpan(period, zone, now));
  };
}

function calendarSpan(period: Period, zone: TimeZone, now: number): WindowSpan {
  let first = firstOf(period, zone.wallTime(now));
  let start = zone.firstAt(first);
  // Clocks set back over midnight repeat the old date, but the new day has already started.
  for (let end = zone.firstAt(nextOf(period, first)); ; end = zone.firstAt(nextOf(period, first))) {
    if (now < end) return { key: keyOf(period, first, zone.offsetAt(start)), start, end };
    [first, start] = [nextOf(period, first), end];
  }
}

/** The midnight at which the period that contains `wall` begins; both are wall times. */
function firstOf(period: Period, wall: number): number {
  if (period === 'month') {
    const date = new Date(wall);
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
  }
  const lengthMs = PERIOD_MS[period];
  return Math.floor((wall - FIRST_MONDAY) / lengthMs) * lengthMs + FIRST_MONDAY;
}

function nextOf(period: Period, first: number): number {
  if (period !== 'month') return first + PERIOD_MS[period];
  const date = new Date(first);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
}

/** Includes the UTC offset, so that replicas whose zones differ, as during a deploy that changes it, never share a key. */
function keyOf(period: Period, first: number, offsetMs: number): string {
  const date = new Date(first).toISOString().slice(0, period === 'month' ? 7 : 10);
  return `${period}:${date}${offsetOf(offsetMs)}`;
}

function offsetOf(offsetMs: number): string {
  if (offsetMs === 0) return '';
  const minutes = Math.floor(Math.abs(offsetMs) / 60_000);
  const two = (number: number): string => String(number).padStart(2, '0');
  return `${offsetMs < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
