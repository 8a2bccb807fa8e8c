import {
  blockOf,
  blocksOf,
  MAX_LIVE,
  MAX_PEAKS,
  SLOT_MS,
  BLOCK_SLOTS,
  HOUR_SLOTS,
  type SeenTenant,
  type SlotCounts,
  type TenantCount,
  type UsageReport,
  type UsageRetention,
  type UsageStore,
  type UsageUnit,
} from '../usage-store.js';

/** How many points of history to keep in all. Beyond that the oldest block is dropped, even within the retention. */
const MAX_POINTS = 1_000_000;
const BYTES_A_POINT = 40;

/** The total of a counter; undefined if there is none. */
type TotalOf = (category: string, tenant: string, span: string) => number | undefined;

/** A map that drops its oldest entries. */
class Recent<T> {
  private readonly entries = new Map<string, T>();

  constructor(
    private readonly make: () => T,
    private readonly most: number,
  ) {}

  at(key: string): T {
    let entry = this.entries.get(key);
    if (entry === undefined) {
      this.entries.set(key, (entry = this.make()));
      if (this.entries.size > this.most) this.entries.delete(this.entries.keys().next().value as string);
    }
    return entry;
  }

  find(key: string): T | undefined {
    return this.entries.get(key);
  }

  delete(key: string): void {
    this.entries.delete(key);
  }
}

interface Block {
  readonly seen: Map<string, SeenTenant>;
  readonly history: Map<string, Map<number, number>>;
  readonly totals: Map<number, number>;
}

/** Usage of one category. */
class CategoryUsage {
  readonly tops = new Recent(() => new Map<string, number>(), 40);
  /** Ratios of count to threshold. */
  readonly nears = new Recent(() => new Map<string, number>(), 40);
  readonly waiting = new Recent(() => new Set<string>(), 40);
  readonly sums = new Recent(() => new Map<string, number>(), 20);
  readonly blocks = new Map<number, Block>();
  readonly peaks = new Map<number, Map<string, number>>();

  block(block: number): Block {
    let found = this.blocks.get(block);
    if (!found) this.blocks.set(block, (found = { seen: new Map(), history: new Map(), totals: new Map() }));
    return found;
  }
}

/** Keeps usage in this process's memory, with the same answers as Redis, for one process. */
export class MemoryUsageStore implements UsageStore {
  private readonly categories = new Map<string, CategoryUsage>();
  private points = 0;

  constructor(private readonly totalOf: TotalOf) {}

  report({ category, instance, sums, active, seen, tops }: UsageReport, retention: UsageRetention): Promise<void> {
    const usage = this.of(category);
    for (const { slot, count } of sums) raise(usage.sums.at(String(slot)), instance, count);
    for (const { unit, tenants } of active) for (const tenant of tenants) usage.waiting.at(unit.key).add(tenant);
    for (const { block, tenants } of seen) {
      const known = usage.block(block).seen;
      for (const [tenant, about] of tenants)
        if (about.name !== '' || about.thresholds || !known.has(tenant)) known.set(tenant, about);
      this.forget(usage, block, retention);
    }
    for (const { window, span, counts, near } of tops) {
      const top = usage.tops.at(`${window}/${span}`);
      for (const { tenant, count } of counts) raise(top, tenant, count);
      keepHighest(top, MAX_LIVE);
      const nearest = usage.nears.at(`${window}/${span}`);
      for (const { tenant, ratio } of near) raise(nearest, tenant, ratio);
      keepHighest(nearest, MAX_LIVE);
    }
    return Promise.resolve();
  }

  claimCopy({ category, key }: UsageUnit): Promise<number> {
    return Promise.resolve(this.of(category).waiting.find(key)?.size ?? 0);
  }

  copy({ category, key, slot, counters }: UsageUnit, most: number, above: number): Promise<TenantCount[]> {
    const usage = this.of(category);
    const waiting = usage.waiting.at(key);
    const copied: TenantCount[] = [];
    let left = most;
    for (const tenant of waiting) {
      if (left-- === 0) break;
      waiting.delete(tenant);
      const totals = counters.map((span) => this.totalOf(category, tenant, span));
      if (totals.every((total) => total === undefined)) continue;
      const count = totals.reduce<number>((sum, total = 0) => sum + total, 0);
      const { history } = usage.block(blockOf(slot));
      const points = history.get(tenant) ?? new Map<number, number>();
      history.set(tenant, points);
      if (!points.has(slot)) this.points++;
      raise(points, slot, count);
      if (count > above) copied.push({ tenant, count });
    }
    if (waiting.size === 0) usage.waiting.delete(key);
    return Promise.resolve(copied);
  }

  closeSum(category: string, slot: number): Promise<void> {
    const usage = this.of(category);
    const sum = sumOf(usage.sums.find(String(slot)));
    if (sum > 0) raise(usage.block(blockOf(slot)).totals, slot, sum);
    return Promise.resolve();
  }

  addPeaks(
    category: string,
    hour: number,
    counts: readonly TenantCount[],
    { hourlyRetentionMs }: UsageRetention,
  ): Promise<void> {
    const { peaks } = this.of(category);
    const highest = peaks.get(hour) ?? new Map<string, number>();
    peaks.set(hour, highest);
    for (const { tenant, count } of counts) raise(highest, tenant, count);
    keepHighest(highest, MAX_PEAKS);
    for (const old of peaks.keys()) if ((hour - old) * HOUR_SLOTS * SLOT_MS > hourlyRetentionMs) peaks.delete(old);
    return Promise.resolve();
  }

  top(category: string, window: string, span: string, limit: number): Promise<TenantCount[]> {
    return Promise.resolve(highestOf(this.of(category).tops.find(`${window}/${span}`), limit));
  }

  near(category: string, window: string, span: string): Promise<string[]> {
    const nearest = highestOf(this.of(category).nears.find(`${window}/${span}`), MAX_LIVE);
    return Promise.resolve(nearest.map(({ tenant }) => tenant));
  }

  history(category: string, tenants: readonly string[], from: number, to: number): Promise<SlotCounts[]> {
    const blocks = blocksOf(from, to).flatMap((block) => this.of(category).blocks.get(block) ?? []);
    return Promise.resolve(
      tenants.map((tenant) => within(from, to, ...blocks.flatMap(({ history }) => history.get(tenant) ?? []))),
    );
  }

  totals(category: string, from: number, to: number): Promise<SlotCounts> {
    const usage = this.of(category);
    const closed = blocksOf(from, to).flatMap((block) => usage.blocks.get(block)?.totals ?? []);
    const open = new Map<number, number>();
    for (let slot = Math.max(from, to - 4); slot <= to; slot++) {
      const sum = sumOf(usage.sums.find(String(slot)));
      if (sum > 0) open.set(slot, sum);
    }
    return Promise.resolve(within(from, to, ...closed, open));
  }

  peaks(category: string, hours: readonly number[]): Promise<TenantCount[][]> {
    return Promise.resolve(hours.map((hour) => highestOf(this.of(category).peaks.get(hour), MAX_PEAKS)));
  }

  seen(category: string, block: number): Promise<Map<string, SeenTenant>> {
    return Promise.resolve(new Map(this.of(category).blocks.get(block)?.seen));
  }

  seenOf(category: string, block: number, tenants: readonly string[]): Promise<(SeenTenant | undefined)[]> {
    const seen = this.of(category).blocks.get(block)?.seen;
    return Promise.resolve(tenants.map((tenant) => seen?.get(tenant)));
  }

  seenCount(category: string, block: number): Promise<number> {
    return Promise.resolve(this.of(category).blocks.get(block)?.seen.size ?? 0);
  }

  bytes(category: string): Promise<number> {
    let points = 0;
    for (const { history, totals } of this.of(category).blocks.values()) {
      points += totals.size;
      for (const counts of history.values()) points += counts.size;
    }
    return Promise.resolve(points * BYTES_A_POINT);
  }

  private of(category: string): CategoryUsage {
    let usage = this.categories.get(category);
    if (!usage) this.categories.set(category, (usage = new CategoryUsage()));
    return usage;
  }

  private forget({ blocks }: CategoryUsage, newest: number, { retentionMs }: UsageRetention): void {
    const oldest = blockOf(newest * BLOCK_SLOTS - Math.ceil(retentionMs / SLOT_MS));
    for (const [block, { history }] of [...blocks].sort(([a], [b]) => a - b)) {
      if (block >= oldest && (this.points <= MAX_POINTS || block >= newest)) break;
      for (const counts of history.values()) this.points -= counts.size;
      blocks.delete(block);
    }
  }
}

function raise<K>(counts: Map<K, number>, key: K, count: number): void {
  if (count > (counts.get(key) ?? 0)) counts.set(key, count);
}

function sumOf(counts: ReadonlyMap<string, number> | undefined): number {
  let sum = 0;
  for (const count of counts?.values() ?? []) sum += count;
  return sum;
}

function highestOf(counts: ReadonlyMap<string, number> | undefined, limit: number): TenantCount[] {
  return [...(counts ?? [])]
    .map(([tenant, count]) => ({ tenant, count }))
    .sort((a, b) => b.count - a.count || (a.tenant < b.tenant ? 1 : -1))
    .slice(0, limit);
}

function keepHighest(counts: Map<string, number>, most: number): void {
  if (counts.size <= most) return;
  const kept = highestOf(counts, most);
  counts.clear();
  for (const { tenant, count } of kept) counts.set(tenant, count);
}

function within(from: number, to: number, ...parts: ReadonlyMap<number, number>[]): SlotCounts {
  const counts = new Map<number, number>();
  for (const part of parts)
    for (const [slot, count] of part) if (slot >= from && slot <= to) raise(counts, slot, count);
  return counts;
}
