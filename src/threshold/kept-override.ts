import type { Category } from '../model/category.js';
import { keyOfShown } from '../model/tenant.js';
import type { ThresholdChange, ThresholdOverride, ThresholdScope } from '../model/threshold-override.js';
import { windowNamed } from '../model/window-name.js';

type Categories = ReadonlyMap<string, Category>;

/** A replica cut off for longer than this is not expected back, so records that contradict what it knows can go. */
const CONTRADICTED_FOR_MS = 30 * 86_400_000;

/** An override as stored. Removed ones are stored too, so that no replica restores them. */
export interface KeptOverride {
  /** Grows with each change of the same scope, even if records were lost in between. */
  readonly version: number;
  readonly category: string;
  /** The window's name as if there were others, even if it is the only one: `minute`. */
  readonly window: string;
  readonly tenant: string | null;
  /** `null`: removed. JSON has no infinity. */
  readonly threshold: number | 'Infinity' | null;
  readonly until: number | null;
  /** When the record may be deleted: whatever it replaced has expired by then. */
  readonly keepUntil: number | null;
  readonly at: number;
  readonly by: string;
  readonly reason: string;
}

/** What the next record of a scope contains. */
export interface NextOverride {
  readonly scope: Pick<KeptOverride, 'category' | 'window' | 'tenant'>;
  readonly threshold: number | null;
  readonly until: number | null;
  readonly by: string;
  readonly reason: string;
}

/** The same for a long id of a tenant and its shortened one. */
export function idOf({ category, window, tenant }: NextOverride['scope']): string {
  const isOne = tenant !== null && !tenant.endsWith('*');
  return JSON.stringify([category, window, isOne ? keyOfShown(tenant) : tenant]);
}

export function nextRecord(next: NextOverride, before: KeptOverride | undefined, now: number): KeptOverride {
  const { scope, threshold, until, by, reason } = next;
  const version = Math.max(now, (before?.version ?? 0) + 1);
  const contradicted = Math.max(now + CONTRADICTED_FOR_MS, until ?? 0, before?.keepUntil ?? 0, before?.until ?? 0);
  const lasts = threshold !== null && until === null;
  return {
    version,
    ...scope,
    threshold: threshold === Infinity ? 'Infinity' : threshold,
    until,
    keepUntil: lasts ? null : contradicted,
    at: now,
    by,
    reason,
  };
}

/** Whether it is in force. */
export function holds({ threshold, until }: KeptOverride, now: number): boolean {
  return threshold !== null && (until === null || until > now);
}

/** Whether the record is no longer needed. */
export function isPast({ keepUntil }: KeptOverride, now: number): boolean {
  return keepUntil !== null && keepUntil <= now;
}

export function thresholdOf({ threshold }: KeptOverride): number | undefined {
  return threshold === 'Infinity' ? Infinity : (threshold ?? undefined);
}

/** The override as callers see it. */
export function toOverride(kept: KeptOverride, categories: Categories): ThresholdOverride {
  const { until, by, reason, at } = kept;
  return {
    ...scopeOf(kept, categories),
    threshold: thresholdOf(kept) as number,
    ...(until === null ? {} : { until: new Date(until) }),
    reason,
    by,
    since: new Date(at),
  };
}

/** What the record changed. */
export function toChange(kept: KeptOverride, from: number | undefined, categories: Categories): ThresholdChange {
  const { until, by, reason, at } = kept;
  const to = thresholdOf(kept);
  return {
    ...scopeOf(kept, categories),
    at: new Date(at),
    by,
    reason,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(until === null ? {} : { until: new Date(until) }),
  };
}

/** The window's current name: '' if it is the category's only one, undefined if it is not configured. */
export function presentName(categories: Categories, { category, window }: KeptOverride): string | undefined {
  return windowNamed(categories.get(category)?.windows, window)?.name;
}

/** Names the window even if it is no longer configured. */
function scopeOf(kept: KeptOverride, categories: Categories): ThresholdScope {
  const { category, tenant } = kept;
  const window = presentName(categories, kept) ?? kept.window;
  return { category, ...(tenant === null ? {} : { tenant }), ...(window === '' ? {} : { window }) };
}
