import { duration, oneLine } from '../../util/text.js';
import type { RateAlert } from '../../model/rate-alert.js';

/** What a test alert begins with, in every channel. */
export const TEST_MARK = '[Test] ';
export const COUNTED_ALONE = 'counted by one instance alone, as the store is away: at least this many';

/** Where the tenant stands to its threshold: `over`, and truthfully something else where a level below the threshold was reached. */
export function standing({ count, threshold, incident }: RateAlert): string {
  if (incident?.status === 'resolved') return incident.peak.count > threshold ? 'back under' : 'no longer near';
  const where = count > threshold ? 'over' : 'near';
  return incident?.status === 'reminded' ? `still ${where}` : where;
}

/** What people call the tenant: its name, or its id where it has none that can be seen. */
export function displayName({ tenant: { id, name } }: RateAlert): string {
  return name && oneLine(name) !== '' ? name : id;
}

/** How much, and how much that is: `47 in 1 min, threshold 15, 3.1x`. */
export function amount(count: number, { threshold, windowMs }: RateAlert): string {
  return `${rounded(count)} in ${duration(windowMs)}, threshold ${rounded(threshold)}${times(count, threshold)}`;
}

/** `, 3.1x`, or nothing where there is no such multiple. */
export function times(count: number, threshold: number): string {
  return threshold > 0 ? `, ${rounded(Math.round((count / threshold) * 10) / 10)}x` : '';
}

/** A cost may be a fraction, or beyond all measure; nobody wants 17 digits of it. */
export function rounded(count: number): number {
  return count < 1e15 ? Math.round(count * 1_000) / 1_000 : Number(count.toPrecision(6));
}
