import type { AlertRecord } from '../model/alert-record.js';
import type { BlindTime } from '../model/blind-time.js';

/** How many tenants are listed as over, and how many as near. */
export const MAX_TENANTS = 20;

/**
 * The highest count of a tenant in one window during the period. For windows other than the category's shortest, of the last ten of them
 * that touch the period.
 */
export interface DigestCount {
  /** Name of the category. */
  category: string;
  /** Name of the window; empty if the category has only one. */
  window: string;
  /** The tenant. An id longer than 128 characters is shortened and hashed. */
  tenant: { id: string; name?: string };
  /** The highest count of the period. */
  count: number;
  /** The tenant's threshold. */
  threshold: number;
  /** The minute in which it was reached. For windows other than the category's shortest, the window's end, or now if it is running. */
  at: Date;
}

/** An alert that a channel did not take. */
export interface DigestFailure {
  /** Name of the channel. */
  channel: string;
  /** Name of the category. */
  category: string;
  /** Name of the window; absent if the category has only one. */
  window?: string;
  /** The tenant that the alert is about. */
  tenant: { id: string; name?: string };
  /** Why it was not delivered; never contains an address or a key. */
  reason?: string;
}

/** A threshold that the advice would change. */
export interface DigestAdvice {
  /** Name of the category. */
  category: string;
  /** Name of the category's shortest window; absent if the category has only one. */
  window?: string;
  /** The current threshold; absent if each tenant has its own. */
  threshold?: number;
  /** The threshold that fits better. */
  suggested: number;
  /** Why, in one sentence. */
  reason: string;
}

/** What needs attention in a period; all lists are empty if nothing does. */
export interface Digest {
  /** Start of the period. */
  from: Date;
  /** End of the period. */
  to: Date;
  /** Incidents (alerts, if `incidents` is off) that were raised or continued in the period, most severe first. */
  incidents: AlertRecord[];
  /** Tenants over their threshold, highest multiple first, 20 at most. If there are 20, there may be more. */
  peaks: DigestCount[];
  /** Tenants that reached 80 % of their threshold but did not exceed it, 20 at most. */
  near: DigestCount[];
  /** Periods in which instances could not reach the store for longer than `blindAfterMs`. */
  blind: BlindTime[];
  /** Alerts that a channel has not taken. */
  failures: DigestFailure[];
  /** Categories whose threshold does not fit, with a better one. */
  advice: DigestAdvice[];
}

/** Whether nothing needs attention. */
export function isCalm({ incidents, peaks, near, blind, failures, advice }: Digest): boolean {
  return [incidents, peaks, near, blind, failures, advice].every(({ length }) => length === 0);
}
