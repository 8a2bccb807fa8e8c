import type { ThresholdChange, ThresholdOverride, ThresholdScope } from '../model/threshold-override.js';

/** A replica that was cut off for longer than this is not expected back: nothing it still believes has to be contradicted. */
const CONTRADICTED_FOR_MS = 30 * 86_400_000;

/** An override as it is kept in the store, and what was removed: kept so that no replica puts it back. */
export interface KeptOverride {
  /** Grows with each change of the same scope, even if records were lost in between. */
  readonly version: number;
  readonly category: string;
  readonly window: string;
  readonly tenant: string | null;
  /** `null`: removed. JSON has no infinity. */
  readonly threshold: number | 'Infinity' | null;
  readonly until: number | null;
  /** When the record may go: what it replaced has run out by then. */
  readonly keepUntil: number | null;
  readonly at: number;
  readonly by: string;
  readonly reason: string;
}

/** The new record of a scope, and the previous one. */
export interface NextOverride {
  readonly scope: Pick<KeptOverride, 'category' | 'window' | 'tenant'>;
  readonly threshold: number | null;
  readonly until: number | null;
  readonly by: string;
  readonly reason: string;
}

export function idOf({ category, window, tenant }: NextOverride['scope']): string {
  return JSON.stringify([category, window, tenant]);
}

export function nextRecord(next: NextOverride, before: KeptOverride | undefined, now: number): KeptOverride {
  const { scope, threshold, until, by, reason } = next;
  const version = Math.max(now, (before?.version ?? 0) + 1);
  const contradicted = Math.max(now + CONTRADICTED_FOR_MS, until ?? 0, before?.keepUntil ?? 0, before?.until ?? 0);
  const lasts = threshold !== null && until === null;
  return {
    ...{ version, ...scope, threshold: threshold === Infinity ? 'Infinity' : threshold, until },
    ...{ keepUntil: lasts ? null : contradicted, at: now, by, reason },
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

/** As those who ask see it. */
export function toOverride(kept: KeptOverride): ThresholdOverride {
  const { until, by, reason, at } = kept;
  return {
    ...scopeOf(kept),
    ...{ threshold: thresholdOf(kept) as number, ...(until === null ? {} : { until: new Date(until) }) },
    ...{ reason, by, since: new Date(at) },
  };
}

/** What the record changed. */
export function toChange(kept: KeptOverride, from: number | undefined): ThresholdChange {
  const { until, by, reason, at } = kept;
  const to = thresholdOf(kept);
  return {
    ...{ ...scopeOf(kept), at: new Date(at), by, reason },
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(until === null ? {} : { until: new Date(until) }),
  };
}

function scopeOf({ category, window, tenant }: KeptOverride): ThresholdScope {
  return { category, ...(tenant === null ? {} : { tenant }), ...(window === '' ? {} : { window }) };
}
