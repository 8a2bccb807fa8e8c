import type { Severity } from '../../model/level.js';
import type { AlertIncident, RateAlert } from '../../model/rate-alert.js';
import { quoted } from '../../util/shown-names.js';
import { amountOf, duration } from '../../util/text.js';
import { categoryLabel, tenantLabel, type Dialect, type Room } from './names.js';

/** Prefix of a test alert in every channel. */
export const TEST_MARK = '[Test] ';
export const COUNTED_ALONE = 'counted by one instance alone, without the store: at least this many';
/** Messages show when the next window begins if windows are at least this long. */
const LONG_WINDOW_MS = 10 * 60_000;
const MAX_CONTRIBUTORS = 5;
const CONTRIBUTOR_ROOM = 40;
const SYMBOL = { info: '🔵', warning: '🟠', critical: '🔴' } as const satisfies Record<Severity, string>;

/** The opening sentence of every message about one alert: `"Acme" (proj_1) is over the llm_call threshold`. */
export function headline(alert: RateAlert, dialect: Dialect, room: Room): string {
  const who = `${alert.test ? TEST_MARK : ''}${tenantLabel(alert.tenant, dialect, room)}`;
  return `${who} is ${standing(alert)} the ${categoryLabel(alert, dialect, room.category)} threshold`;
}

/** The tenant's position: `over`, or `near` if a level below the threshold was reached. */
export function standing({ count, threshold, incident }: RateAlert): string {
  if (incident?.status === 'resolved') return incident.peak.count > threshold ? 'back under' : 'no longer near';
  const where = count > threshold ? 'over' : 'near';
  return incident?.status === 'reminded' ? `still ${where}` : where;
}

export function isOpen({ incident }: RateAlert): boolean {
  return incident?.status !== 'resolved';
}

/** A colored dot for the severity; green if the incident is over. */
export function symbolOf(alert: RateAlert): string {
  return isOpen(alert) ? SYMBOL[alert.level.severity] : '🟢';
}

/** The count and its ratio: `47 in 1 min, threshold 15, 3.1x`. */
export function amount(count: number, { threshold, windowMs }: RateAlert): string {
  return `${amountOf(count)} in ${duration(windowMs)}, threshold ${amountOf(threshold)}${times(count, threshold)}`;
}

/** `, 3.1x`, or empty if the ratio is not finite. */
export function times(count: number, threshold: number): string {
  return threshold > 0 ? `, ${amountOf(Math.round((count / threshold) * 10) / 10)}x` : '';
}

/** `16 when it crossed`, if the count has changed since then. */
export function crossing({ count, countAtCrossing }: RateAlert): string | undefined {
  if (countAtCrossing === undefined || countAtCrossing === count) return undefined;
  return `${amountOf(countAtCrossing)} when it crossed`;
}

/** `7th window in a row, since 12:03`, from the second window on. */
export function inARow({ streak, windowMs }: RateAlert, { time }: Pick<Dialect, 'time'>): string | undefined {
  if (!streak || streak.windows < 2) return undefined;
  return `${ordinal(streak.windows)} window in a row, since ${time(streak.since, streak.windows * windowMs)}`;
}

/** `over in 3 of the last 15 windows`, if the tenant was calm in between. */
export function howOften({ incident, threshold }: RateAlert): string | undefined {
  const { windowsOver = 0, windows = 0, peak } = incident ?? {};
  if (!peak || windowsOver >= windows) return undefined;
  return `${peak.count > threshold ? 'over' : 'near'} in ${windowsOver} of the last ${windows} windows`;
}

/** `340 in all`, or `at least 340 in all` if the store lost some of it. */
export function inAll({ total, isPartial }: Pick<AlertIncident, 'total' | 'isPartial'>): string {
  return `${isPartial ? 'at least ' : ''}${amountOf(total)} in all`;
}

/** `threshold raised to 100`, if that ended the incident. */
export function raised({ incident }: RateAlert): string | undefined {
  const { thresholdRaisedTo: threshold } = incident ?? {};
  return threshold === undefined ? undefined : `threshold raised to ${amountOf(threshold)}`;
}

/** `resets at 2026-11-27 00:00 Asia/Kolkata`, for windows long enough for it to matter. Sliding windows never reset. */
export function resetsAt({ windowMs, windowEnd, timeZone = 'UTC' }: RateAlert): string | undefined {
  if (windowMs < LONG_WINDOW_MS || !windowEnd) return undefined;
  return `resets at ${inZone(windowEnd, timeZone)}`;
}

/** By time zone. One for each of thousands of alerts would block the event loop when they are freed together. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatFor(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known) return known;
  const format = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'short', timeZone });
  formats.set(timeZone, format);
  return format;
}

function inZone(at: Date, timeZone: string): string {
  try {
    return `${formatFor(timeZone).format(at)} ${timeZone}`;
  } catch {
    // Alerts that the app raises itself may name a time zone that does not exist.
    return inZone(at, 'UTC');
  }
}

/** Contributors to the count: `"alice" 30, "bob" 12`. */
export function contributors(alert: RateAlert, dialect: Pick<Dialect, 'text'>): string | undefined {
  const most = alert.contributors?.slice(0, MAX_CONTRIBUTORS) ?? [];
  const parts = most.map(({ label, count }) => `${quoted(label, CONTRIBUTOR_ROOM, dialect.text)} ${amountOf(count)}`);
  return parts.length > 0 ? parts.join(', ') : undefined;
}

export function windowEndOf({ windowStart, windowMs, windowEnd }: RateAlert): Date {
  return windowEnd ?? new Date(windowStart.getTime() + windowMs);
}

function ordinal(n: number): string {
  const suffix = Math.floor((n % 100) / 10) === 1 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th');
  return `${n}${suffix}`;
}
