import type { Category, CategoryWindow } from '../model/category.js';
import type { CountRead, WindowSpan } from '../model/window.js';
import {
  BLOCK_SLOTS,
  blockOf,
  blocksOf,
  OPEN_SLOTS,
  SLOT_MS,
  type SeenTenant,
  type SlotCounts,
  type UsageStore,
} from '../store/usage-store.js';
import type { UsageSource } from './usage-recorder.js';
import { baseWindow, isLong, slotOf } from './usage-units.js';

/** What is needed to read what was counted. */
interface HistorySettings {
  readonly store: UsageStore;
  readonly source: UsageSource;
  readonly retentionMs: number;
}

/** A tenant that is over its threshold. */
interface OverThreshold {
  readonly tenant: { readonly id: string };
  readonly threshold: number | undefined;
}

/** What tenants counted, minute by minute. What is not copied into the history yet is read from the counters. */
export class UsageHistory {
  constructor(private readonly settings: HistorySettings) {}

  /** The counts of tenants in the slots of a range; of a long window, its running count at the end of each minute. */
  async counts(category: Category, tenants: readonly string[], from: number, to: number): Promise<SlotCounts[]> {
    const window = baseWindow(category);
    // The running count of a long window continues through minutes without a request.
    const first = isLong(window) ? Math.ceil(window.spanAt(from * SLOT_MS).start / SLOT_MS) : from;
    const kept = Math.max(first, Math.floor((this.now() - this.settings.retentionMs) / SLOT_MS) - BLOCK_SLOTS);
    const [found, open] = await Promise.all([
      this.settings.store.history(category.name, tenants, kept, to),
      this.openCounts(category, window, tenants, kept, to),
    ]);
    return found.map((counts, i) => {
      const all = new Map(counts);
      for (const [slot, count] of open[i] as SlotCounts) if (count > (all.get(slot) ?? 0)) all.set(slot, count);
      return isLong(window) ? carried(all, window, from, to) : all;
    });
  }

  /** Since when each of these tenants has been over its threshold in every window. */
  async since(
    category: Category,
    window: CategoryWindow,
    over: readonly OverThreshold[],
    time: number,
  ): Promise<Date[]> {
    const here = window.spanAt(time).start;
    if (over.length === 0 || window !== baseWindow(category)) return over.map(() => new Date(here));
    const tenants = over.map(({ tenant }) => tenant.id);
    const to = Math.floor(time / SLOT_MS);
    const runs = async (some: readonly string[], from: number): Promise<number[]> =>
      (await this.counts(category, some, from, to)).map((counts, i) => {
        const { threshold = Infinity } = over[tenants.indexOf(some[i] as string)] as OverThreshold;
        return runStart(counts, threshold, window, time, from * SLOT_MS);
      });
    const starts = await runs(tenants, to - 59);
    // More is read only if the tenant was over for the whole hour.
    const longer = tenants.filter((_, i) => (starts[i] as number) <= (to - 58) * SLOT_MS);
    if (longer.length > 0) {
      const earlier = await runs(longer, to - Math.ceil(this.settings.retentionMs / SLOT_MS));
      longer.forEach((tenant, i) => (starts[tenants.indexOf(tenant)] = earlier[i] as number));
    }
    return starts.map((start) => new Date(start));
  }

  /** Every tenant seen in that time, with its newest entry. */
  async seenBetween(category: string, from: number, to: number): Promise<Map<string, SeenTenant>> {
    const all = new Map<string, SeenTenant>();
    for (const block of blocksOf(from, to))
      for (const [tenant, about] of await this.settings.store.seen(category, block)) all.set(tenant, about);
    return all;
  }

  /** The last known entries of tenants of a window, from its blocks or the one before; it may be longer than a block. */
  async seenOf(
    category: string,
    tenants: readonly string[],
    start: number,
    end: number,
  ): Promise<(SeenTenant | undefined)[]> {
    const now = this.now();
    const blockAt = (time: number): number => blockOf(Math.floor(time / SLOT_MS));
    const first = Math.max(blockAt(start) - 1, blockAt(now - this.settings.retentionMs));
    const seen: (SeenTenant | undefined)[] = tenants.map(() => undefined);
    for (let block = blockAt(Math.min(end - 1, now)); block >= first && !seen.every(Boolean); block--) {
      const found = await this.settings.store.seenOf(category, block, tenants);
      found.forEach((about, i) => (seen[i] ??= about));
    }
    return seen;
  }

  private now(): number {
    return this.settings.source.now();
  }

  /** Counts of windows that may not be copied yet. */
  private async openCounts(
    { name }: Category,
    window: CategoryWindow,
    tenants: readonly string[],
    from: number,
    to: number,
  ): Promise<SlotCounts[]> {
    const now = this.now();
    const times: { at: number; slot: number }[] = [];
    const copied = Math.floor(now / SLOT_MS) - OPEN_SLOTS;
    for (let at = now; Math.floor(at / SLOT_MS) > copied; at = window.spanAt(at).start - 1) {
      const slot = slotOf(window, window.spanAt(at), at);
      if (slot <= to && slot >= from) times.push({ at, slot });
    }
    const reads = tenants.flatMap((tenantId): CountRead[] =>
      times.map(({ at }) => ({ category: name, window: window.name, tenantId, at })),
    );
    if (reads.length === 0) return tenants.map(() => new Map());
    const counts = await this.settings.source.counts(reads);
    return tenants.map((_, i) => {
      const open = new Map<number, number>();
      times.forEach(({ slot }, k) => {
        const count = counts[i * times.length + k] ?? 0;
        if (count > (open.get(slot) ?? 0)) open.set(slot, count);
      });
      return open;
    });
  }
}

/** The running counts of a long window, including minutes without a request. */
function carried(counts: SlotCounts, window: CategoryWindow, from: number, to: number): SlotCounts {
  const all = new Map<number, number>();
  const first = Math.min(from, ...counts.keys());
  let [end, running] = [0, 0];
  for (let slot = first; slot <= to; slot++) {
    if (slot * SLOT_MS >= end) [end, running] = [window.spanAt(slot * SLOT_MS).end, 0];
    running = Math.max(running, counts.get(slot) ?? 0);
    if (running > 0) all.set(slot, running);
  }
  return all;
}

/**
 * Start of the first of the consecutive windows over `threshold` up to the one that contains `time`; of a long window, the minute in which it
 * was crossed.
 */
function runStart(counts: SlotCounts, threshold: number, window: CategoryWindow, time: number, from: number): number {
  let span = window.spanAt(time);
  for (;;) {
    const before = window.spanAt(span.start - 1);
    // Nothing is known before `from`: a month need not be searched for it.
    if (before.end <= from || !isOver(counts, threshold, window, before))
      return isLong(window) ? crossedIn(counts, threshold, span, time, from) : span.start;
    span = before;
  }
}

/** The minute of a long window after the last one known to be calm; its start if none is. */
function crossedIn(counts: SlotCounts, threshold: number, span: WindowSpan, time: number, from: number): number {
  const last = Math.floor(Math.min(time, span.end - 1) / SLOT_MS);
  const first = Math.ceil(Math.max(span.start, from) / SLOT_MS);
  let calm = last;
  while ((counts.get(calm) ?? 0) > threshold) calm--;
  return calm < first ? span.start : Math.min(calm + 1, last) * SLOT_MS;
}

/** Whether a count of a window is over the threshold. Windows under a minute share its highest. */
function isOver(counts: SlotCounts, threshold: number, window: CategoryWindow, span: WindowSpan): boolean {
  for (let slot = slotOf(window, span, span.start); slot <= slotOf(window, span, span.end); slot++)
    if ((counts.get(slot) ?? 0) > threshold) return true;
  return false;
}
