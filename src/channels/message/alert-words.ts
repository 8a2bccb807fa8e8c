import type { Severity } from '../../model/level.js';
import type { RateAlert } from '../../model/rate-alert.js';
import { amountOf, duration } from '../../util/text.js';
import { quoted, type Dialect } from './names.js';

/** What a test alert begins with, in every channel. */
export const TEST_MARK = '[Test] ';
export const COUNTED_ALONE = 'counted by one instance alone, as the store is away: at least this many';
/** Windows from this length on begin again at a time worth knowing. */
export const LONG_WINDOW_MS = 10 * 60_000;
const MAX_CONTRIBUTORS = 5;
const CONTRIBUTOR_ROOM = 40;
const SYMBOL = { info: '🔵', warning: '🟠', critical: '🔴' } as const satisfies Record<Severity, string>;

/** Where the tenant stands to its threshold: `over`, and truthfully something else if a level below the threshold was reached. */
export function standing({ count, threshold, incident }: RateAlert): string {
  if (incident?.status === 'resolved') return incident.peak.count > threshold ? 'back under' : 'no longer near';
  const where = count > threshold ? 'over' : 'near';
  return incident?.status === 'reminded' ? `still ${where}` : where;
}

export function isOpen({ incident }: RateAlert): boolean {
  return incident?.status !== 'resolved';
}

/** How urgent it is at a glance; a green one if it is over. */
export function symbolOf(alert: RateAlert): string {
  return isOpen(alert) ? SYMBOL[alert.level.severity] : '🟢';
}

/** How much, and how much that is: `47 in 1 min, threshold 15, 3.1x`. */
export function amount(count: number, { threshold, windowMs }: RateAlert): string {
  return `${amountOf(count)} in ${duration(windowMs)}, threshold ${amountOf(threshold)}${times(count, threshold)}`;
}

/** `, 3.1x`, or nothing if there is no such multiple. */
export function times(count: number, threshold: number): string {
  return threshold > 0 ? `, ${amountOf(Math.round((count / threshold) * 10) / 10)}x` : '';
}

/** `16 when it crossed`, if the count is another one by now. */
export function crossing({ count, countAtCrossing }: RateAlert): string | undefined {
  if (countAtCrossing === undefined || countAtCrossing === count) return undefined;
  return `${amountOf(countAtCrossing)} when it crossed`;
}

/** `7th window in a row, since 12:03`, of the second one on. */
export function inARow({ streak, windowMs }: RateAlert, { time }: Pick<Dialect, 'time'>): string | undefined {
  if (!streak || streak.windows < 2) return undefined;
  return `${ordinal(streak.windows)} window in a row, since ${time(streak.since, streak.windows * windowMs)}`;
}

/** `"alice" 30, "bob" 12`: who made up the count. */
export function contributors(alert: RateAlert, dialect: Pick<Dialect, 'text'>): string | undefined {
  const most = alert.contributors?.slice(0, MAX_CONTRIBUTORS) ?? [];
  const parts = most.map(({ label, count }) => `${quoted(label, dialect, CONTRIBUTOR_ROOM)} ${amountOf(count)}`);
  return parts.length > 0 ? parts.join(', ') : undefined;
}

export function windowEndOf({ windowStart, windowMs, windowEnd }: RateAlert): Date {
  return windowEnd ?? new Date(windowStart.getTime() + windowMs);
}

function ordinal(n: number): string {
  const suffix = Math.floor((n % 100) / 10) === 1 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th');
  return `${n}${suffix}`;
}
