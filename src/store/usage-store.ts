/** History has one point per minute, for windows of any length. Slots are minutes since the epoch. */
export const SLOT_MS = 60_000;
/** Slots that are kept together: 8 hours. Redis stores hashes of up to 512 small fields compactly. */
export const BLOCK_SLOTS = 480;
export const HOUR_SLOTS = 60;
/** A slot that ended less than this many slots ago may not be in the history yet, so live counts are read. */
export const OPEN_SLOTS = 4;
/** How many tenants a live top and an hour's peaks hold. */
export const MAX_LIVE = 200;
export const MAX_PEAKS = 100;

/** The block that contains a slot. */
export function blockOf(slot: number): number {
  return Math.floor(slot / BLOCK_SLOTS);
}

/** Every block with a slot from `from` to `to`, both included; none if `to` is before `from`. */
export function blocksOf(from: number, to: number): number[] {
  if (to < from) return [];
  return Array.from({ length: blockOf(to) - blockOf(from) + 1 }, (_, i) => blockOf(from) + i);
}

/** Counts by slot. A missing slot is 0. */
export type SlotCounts = ReadonlyMap<number, number>;

/** A tenant's count in one window, or its highest in one hour. The tenant is its key: the id at a bounded length. */
export interface TenantCount {
  readonly tenant: string;
  readonly count: number;
}

/** What is known about a tenant besides its counts. */
export interface SeenTenant {
  /** Empty if it has none. */
  readonly name: string;
  /** One per window of the category, in that order; undefined if the tenant has the category's own. */
  readonly thresholds?: readonly number[] | undefined;
}

/** A period whose counters are copied into the history once it is over: a window, or a minute of a longer window. */
export interface UsageUnit {
  readonly category: string;
  /** Unique within the category. */
  readonly key: string;
  /** The slot that its counts belong to. */
  readonly slot: number;
  /** Keys of the windows whose counters add up to the count: one, or the parts of a sliding window. */
  readonly counters: readonly string[];
  /** Whether several units share the slot: shorter windows, or parts of a sliding one. */
  readonly sharesSlot?: boolean;
}

/** The busiest tenants of a running window, as one instance knows them. */
export interface LiveTop {
  /** Name of the category's window. */
  readonly window: string;
  /** Key of the span. */
  readonly span: string;
  readonly keepMs: number;
  readonly counts: readonly TenantCount[];
  /** The tenants nearest to their thresholds, whatever their counts: the busiest tenants may be far below theirs. */
  readonly near: readonly TenantRatio[];
}

/** A tenant and its count divided by its threshold. */
interface TenantRatio {
  readonly tenant: string;
  readonly ratio: number;
}

/** A window of a category, for readers that have only Redis, such as the command line. */
export interface AboutWindow {
  readonly name: string;
  /** Its index among the category's windows; thresholds of tenants are in that order. */
  readonly index: number;
  readonly windowMs: number;
  /** Undefined if each tenant has its own; null once it is JSON if it is infinite. */
  readonly threshold: number | null | undefined;
  /** Key of the running span. */
  readonly span: string;
  /** When that span begins and ends, in milliseconds since the epoch. Absent if an earlier version wrote it. */
  readonly start?: number;
  readonly end?: number;
  /** Keys of the counters that add up to a tenant's count. Absent if an earlier version wrote it. */
  readonly counters?: readonly string[];
}

/** What one instance reports about a category. Each part states what is true, so it may arrive twice, late or not at all. */
export interface UsageReport {
  readonly category: string;
  readonly instance: string;
  /** Everything that this instance counted in a slot. Only grows. */
  readonly sums: readonly { readonly slot: number; readonly count: number }[];
  /** Counted tenants, by the unit in which they will be copied. */
  readonly active: readonly { readonly unit: UsageUnit; readonly tenants: readonly string[] }[];
  /** Tenants that are new in a block, or whose name or threshold has changed. An entry with neither erases nothing. */
  readonly seen: readonly { readonly block: number; readonly tenants: ReadonlyMap<string, SeenTenant> }[];
  readonly tops: readonly LiveTop[];
  readonly about: readonly AboutWindow[];
}

/** How long history lasts. */
export interface UsageRetention {
  readonly retentionMs: number;
  readonly hourlyRetentionMs: number;
}

/**
 * Stores usage, next to the counters that it is derived from. No request waits for it. Tenants are passed and returned as keys. Calls
 * reject while the store is away.
 */
export interface UsageStore {
  /** Stores what an instance reports. */
  report(report: UsageReport, retention: UsageRetention): Promise<void>;
  /**
   * Claims the copying of a unit. One replica holds it at a time, until `leaseMs` milliseconds pass without another call.
   *
   * @param leaseMs - 0 for a replica that is shutting down: it copies alongside the holder, including what the holder has taken, and holds
   * nothing.
   * @returns How many tenants wait to be copied; -1 if another replica holds it.
   */
  claimCopy(unit: UsageUnit, instance: string, leaseMs: number): Promise<number>;
  /**
   * Copies the counters of `most` waiting tenants into the history. A counter that is gone writes nothing.
   *
   * @returns Those of the counts that are above `above`.
   */
  copy(unit: UsageUnit, most: number, above: number, retention: UsageRetention): Promise<TenantCount[]>;
  /** Stores the sum of what the instances counted in a slot. */
  closeSum(category: string, slot: number, retention: UsageRetention): Promise<void>;
  /** Adds counts to the peaks of an hour, which keep only the highest. */
  addPeaks(category: string, hour: number, counts: readonly TenantCount[], retention: UsageRetention): Promise<void>;

  /** The busiest tenants of a window, the highest first. */
  top(category: string, window: string, span: string, limit: number): Promise<TenantCount[]>;
  /** The tenants of a window that came nearest to their thresholds, worst first, as reported; the thresholds may have changed since. */
  near(category: string, window: string, span: string): Promise<string[]>;
  /** Counts of each tenant from slot `from` to slot `to`, both included. */
  history(category: string, tenants: readonly string[], from: number, to: number): Promise<SlotCounts[]>;
  /** Counts of all tenants together. */
  totals(category: string, from: number, to: number): Promise<SlotCounts>;
  /** Peaks of an hour, the highest first. */
  peaks(category: string, hours: readonly number[]): Promise<TenantCount[][]>;
  /** All tenants seen in a block. */
  seen(category: string, block: number): Promise<Map<string, SeenTenant>>;
  /** What is known about some tenants seen in a block. */
  seenOf(category: string, block: number, tenants: readonly string[]): Promise<(SeenTenant | undefined)[]>;
  /** How many tenants were seen in a block. */
  seenCount(category: string, block: number): Promise<number>;
  /** About how many bytes the category's usage takes; undefined if unknown. */
  bytes(category: string, now: number, retention: UsageRetention): Promise<number | undefined>;
}
