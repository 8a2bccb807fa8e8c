import type { WindowSpan } from '../model/window.js';
import { MAX_LIVE, MAX_PEAKS, SLOT_MS, type LiveTop, type TenantCount } from '../store/usage-store.js';

/** Live tops are kept for this many windows, and at least for this long. */
export const LIVE_WINDOWS = 10;
const MIN_TOP_MS = 10 * SLOT_MS;

/** What was last written, by tenant. */
export interface Written {
  /** Its count in the live top. */
  readonly reported: Map<string, number>;
  /** Its ratio of count to threshold, if near the threshold. */
  readonly nearest: Map<string, number>;
}

/** The tenants of a span to show, as far as they have changed. */
export class Top {
  readonly busiest: Highest;
  /** Those nearest to their thresholds; if these are low, they need not be among the busiest. */
  readonly nearest: Highest;

  constructor(
    readonly key: string,
    private readonly window: string,
    private readonly span: WindowSpan,
    { reported, nearest }: Written,
  ) {
    this.busiest = new Highest(reported);
    this.nearest = new Highest(nearest);
  }

  toLive(): LiveTop {
    const keepMs = Math.max(LIVE_WINDOWS * (this.span.end - this.span.start), MIN_TOP_MS);
    const near = this.nearest.list().map(({ tenant, count: ratio }) => ({ tenant, ratio }));
    return { window: this.window, span: this.span.key, keepMs, counts: this.busiest.list(), near };
  }

  wasReported(): void {
    this.busiest.wasReported();
    this.nearest.wasReported();
  }
}

/** The highest counts, as many as a live top holds. */
class Highest {
  private counts: TenantCount[] = [];
  /** Counts up to this are not among the highest. */
  private floor = 0;

  constructor(private readonly reported: Map<string, number>) {}

  add(tenant: string, count: number): void {
    if (count <= this.floor) return;
    this.counts.push({ tenant, count });
    if (this.counts.length >= 4 * MAX_LIVE) this.cut();
  }

  list(): readonly TenantCount[] {
    this.cut();
    return this.counts;
  }

  wasReported(): void {
    for (const { tenant, count } of this.counts) this.reported.set(tenant, count);
  }

  private cut(): void {
    // If a look failed, a tenant may be here twice: the higher count is the later one.
    const highest = new Map<string, number>();
    for (const { tenant, count } of this.counts) highest.set(tenant, Math.max(count, highest.get(tenant) ?? 0));
    this.counts = Array.from(highest, ([tenant, count]) => ({ tenant, count }))
      .sort((a, b) => b.count - a.count)
      .slice(0, MAX_LIVE);
    if (this.counts.length === MAX_LIVE) this.floor = this.counts.at(-1)?.count ?? 0;
  }
}

/** The peaks of an hour as far as this instance copied them. Lower counts need not be sent; those in `unsent` are not sent yet. */
export class HourPeaks {
  /** Counts up to this are not among the highest. */
  floor = 0;
  readonly unsent: TenantCount[] = [];
  private readonly counts = new Map<string, number>();

  /** Takes those that are higher than the known ones. */
  add(counts: readonly TenantCount[]): void {
    const higher = counts
      .filter(({ tenant, count }) => count > this.floor && count > (this.counts.get(tenant) ?? 0))
      .sort((a, b) => b.count - a.count)
      .slice(0, MAX_PEAKS);
    for (const { tenant, count } of higher) this.counts.set(tenant, count);
    if (this.counts.size > MAX_PEAKS) this.cut();
    this.unsent.push(...higher);
  }

  private cut(): void {
    const kept = [...this.counts].sort(([, a], [, b]) => b - a).slice(0, MAX_PEAKS);
    this.floor = kept.at(-1)?.[1] ?? 0;
    this.counts.clear();
    for (const [tenant, count] of kept) this.counts.set(tenant, count);
  }
}
