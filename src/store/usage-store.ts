/** History has one point a minute, for windows of any length. Slots are minutes since the epoch. */
export const SLOT_MS = 60_000;
/** Slots that are kept together: 8 hours. Redis holds up to 512 small fields in a compact form. */
export const BLOCK_SLOTS = 480;
export const HOUR_SLOTS = 60;
/** How many tenants a live top and an hour's peaks hold. */
export const MAX_LIVE = 200;
export const MAX_PEAKS = 100;

/** The block that a slot lies in. */
export function blockOf(slot: number): number {
  return Math.floor(slot / BLOCK_SLOTS);
}

/** Every block with a slot from `from` to `to`, both included; none if `to` is the earlier one. */
export function blocksOf(from: number, to: number): number[] {
  if (to < from) return [];
  return Array.from({ length: blockOf(to) - blockOf(from) + 1 }, (_, i) => blockOf(from) + i);
}

/** Counts by slot. A slot that is missing is 0. */
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
  /** By the category's windows, in their order; undefined for those it shares with the category. */
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
  /** Those nearest to a threshold, whatever they count: the busiest tenants of a category may be far below theirs. */
  readonly near?: readonly TenantRatio[];
}

/** A tenant and its count divided by its threshold. */
interface TenantRatio {
  readonly tenant: string;
  readonly ratio: number;
}

/** A window of a category, for readers that have only Redis, such as the command line. */
export interface AboutWindow {
  readonly name: string;
  /** Which of the category's windows it is: the thresholds of tenants are in that order. */
  readonly index: number;
  readonly windowMs: number;
  /** Undefined if each tenant has its own. */
  readonly threshold: number | undefined;
  /** Key of the span that runs. */
  readonly span: string;
  /** When that span begins and ends, in milliseconds since the epoch. Absent if an earlier version wrote it. */
  readonly start?: number;
  readonly end?: number;
  /** Keys of the counters that add up to a tenant's count. Absent if an earlier version wrote it. */
  readonly counters?: readonly string[];
}

/** What one instance reports of a category. Each part states what is true, so it may come twice, late or not at all. */
export interface UsageReport {
  readonly category: string;
  readonly instance: string;
  /** All that this instance counted in a slot. Only grows. */
  readonly sums: readonly { readonly slot: number; readonly count: number }[];
  /** Counted tenants, by the unit with which they will be copied. */
  readonly active: readonly { readonly unit: UsageUnit; readonly tenants: readonly string[] }[];
  /** Tenants that are new in a block, or whose name or threshold has changed. An entry with neither erases nothing. */
  readonly seen: readonly { readonly block: number; readonly tenants: ReadonlyMap<string, SeenTenant> }[];
  readonly tops: readonly LiveTop[];
  readonly about?: readonly AboutWindow[];
}

/** How long history lasts. */
export interface UsageRetention {
  readonly retentionMs: number;
  readonly hourlyRetentionMs: number;
}

/**
 * Stores usage, beside the counters that it is made from. No request waits for it. Tenants are passed and returned as keys. Calls reject
 * while the store is away.
 */
export interface UsageStore {
  /** Stores what an instance reports. */
  report(report: UsageReport, retention: UsageRetention): Promise<void>;
  /**
   * Claims the copying of a unit. One replica holds it at a time, until `leaseMs` milliseconds pass without another call.
   *
   * @param leaseMs - 0 for a replica that ends: it copies beside the one that holds it, also what that one has taken, and nobody waits for it.
   * @returns How many tenants wait to be copied; -1 if another replica holds it.
   */
  claimCopy(unit: UsageUnit, instance: string, leaseMs: number): Promise<number>;
  /**
   * Copies the counters of `most` waiting tenants into the history. A counter that is gone writes nothing.
   *
   * @returns Those of their counts that are above `above`.
   */
  copy(unit: UsageUnit, most: number, above: number, retention: UsageRetention): Promise<TenantCount[]>;
  /** Adds up what the instances counted in a slot, for good. */
  closeSum(category: string, slot: number, retention: UsageRetention): Promise<void>;
  /** Adds counts to the peaks of an hour, which keep only the highest. */
  addPeaks(category: string, hour: number, counts: readonly TenantCount[], retention: UsageRetention): Promise<void>;

  /** The busiest tenants of a window, the highest first. */
  top(category: string, window: string, span: string, limit: number): Promise<TenantCount[]>;
  /** The tenants of a window that came nearest to a threshold, the worst first, as far as instances reported them: it may be another by now. */
  near(category: string, window: string, span: string): Promise<string[]>;
  /** Counts of each tenant from slot `from` to slot `to`, both included. */
  history(category: string, tenants: readonly string[], from: number, to: number): Promise<SlotCounts[]>;
  /** Counts of all tenants together. */
  totals(category: string, from: number, to: number): Promise<SlotCounts>;
  /** Peaks of an hour, the highest first. */
  peaks(category: string, hours: readonly number[]): Promise<TenantCount[][]>;
  /** All tenants seen in a block. */
  seen(category: string, block: number): Promise<Map<string, SeenTenant>>;
  /** What is known of some tenants seen in a block. */
  seenOf(category: string, block: number, tenants: readonly string[]): Promise<(SeenTenant | undefined)[]>;
  /** How many tenants were seen in a block. */
  seenCount(category: string, block: number): Promise<number>;
  /** About how many bytes the category's usage takes; undefined if unknown. */
  bytes(category: string, now: number, retention: UsageRetention): Promise<number | undefined>;
}
