import type { Category, CategoryWindow } from '../model/category.js';

/** A running process that counts under the same keys. */
export interface Instance {
  readonly id: string;
  /** Name of the app; undefined if nothing names it. */
  readonly service?: string | undefined;
  readonly environment?: string | undefined;
  /** The version of this package. */
  readonly version: string;
  readonly host: string;
  readonly pid: number;
  /** Milliseconds since the epoch, by the store's clock. */
  readonly startedAt: number;
  readonly lastSeen: number;
  /** Requests, or their cost, per second since the previous heartbeat. */
  readonly perSecond: number;
  /** Requests that went uncounted since its start. */
  readonly uncounted: number;
  /** What it alerts on, by category, in words: `more than 15 in 1 minute`. */
  readonly thresholds: Readonly<Record<string, string>>;
}

type Described = Pick<Instance, 'service' | 'environment' | 'startedAt' | 'thresholds'>;

/** Describes what each category alerts on; the texts are equal if and only if two instances alert alike. */
export function thresholdsOf(categories: Iterable<Category>): Record<string, string> {
  return Object.fromEntries(
    [...categories].map(({ name, windows }) => [name, [...windows].map(limitOf).sort().join('; ')]),
  );
}

function limitOf({ lengthName, threshold, parts, timeZone = 'UTC' }: CategoryWindow): string {
  const most =
    typeof threshold === 'function' ? 'its own threshold for each tenant' : `more than ${exactly(threshold)}`;
  // `90s` is 90 s, `day` is 1 day.
  const [, amount = '1', unit = lengthName] = /^([\d.]+)(.+)$/.exec(lengthName) ?? [];
  const where = timeZone === 'UTC' ? '' : ` of ${timeZone}`;
  return `${most} in ${parts ? 'any ' : ''}${amount} ${unit}${where}`;
}

/** Not rounded: instances that differ by a tiny amount alert differently. */
function exactly(threshold: number): string {
  return threshold.toLocaleString('en-US', { maximumFractionDigits: 20 });
}

/**
 * Why another instance should not count under the same keys, and what to do; undefined if it may. If instances of one app have different
 * thresholds, the one that started later says so: in a deployment, the earlier ones are about to end.
 */
export function conflictOf(own: Described, other: Described): string | undefined {
  const remedy = 'set RATE_MONITOR_KEY_PREFIX, or keyPrefix, to a different name for each';
  const [me, them] = [nameOf(own), nameOf(other)];
  if (me !== them)
    return `${them} counts under the same keys as ${me}, so each alerts on the requests of both: ${remedy}`;
  if (other.startedAt > own.startedAt) return undefined;
  for (const [category, limit] of Object.entries(own.thresholds)) {
    const theirs = other.thresholds[category];
    if (theirs === undefined || theirs === limit) continue;
    const rolling = 'Expected while a deployment changes thresholds; if these are two apps';
    return `Another instance of ${me} alerts in ${category} at ${theirs}, this one at ${limit}. ${rolling}, ${remedy}`;
  }
  return undefined;
}

function nameOf({ service = 'an app without a name', environment }: Described): string {
  return environment === undefined ? service : `${service} (${environment})`;
}
