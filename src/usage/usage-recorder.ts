import type { Logger } from '@nestjs/common';

import type { Category, CategoryWindow } from '../model/category.js';
import type { ChangedTotal } from '../model/live-total.js';
import { countersOf, type CountRead } from '../model/window.js';
import {
  blockOf,
  HOUR_SLOTS,
  SLOT_MS,
  type AboutWindow,
  type UsageRetention,
  type UsageStore,
  type UsageUnit,
} from '../store/usage-store.js';
import { CategoryRecord } from './category-record.js';
import { isLong, LATE_UNITS, slotOf, unitOf } from './usage-units.js';

/** The event loop gets a turn after this many totals; one that has changed takes as long as several that have not. */
const TURN = 2_000;
const CHANGED = 8;
/** Tenants per copying call. */
const BATCH = 400;
/** After this long without a sign of life, another replica takes over copying. */
const COPY_LEASE_MS = 5_000;
/** Copying is spread over this part of the unit's length: counters live for at least one length after their window. */
const SPREAD = 0.5;
/** How many tenants each look checks in the store, to notice if it lost them. */
const LOOKED_FOR = 20;
/** The longest that a shutdown spends on copying. */
const COPIES_FOR_MS = 1_000;

/** Source of counts for usage, read once a second and never while a request waits. */
export interface UsageSource {
  /** A name that is unique to this process. */
  readonly instance: string;
  /** The store's clock. */
  now(): number;
  /** Tenants whose counts have changed: each change is reported once. Undefined for each tenant that has not changed. */
  changed(): Iterable<ChangedTotal | undefined>;
  /** The store's counts, in the order of `reads`. */
  counts(reads: readonly CountRead[]): Promise<number[]>;
}

/** Settings of the recorder. */
interface RecorderSettings extends UsageRetention {
  /** The most tenants with history, per category and 8 hours. Those at half of their threshold or more always get one. */
  readonly maxTenants: number;
  /** How long after its end a window's totals may still arrive. */
  readonly settleMs: number;
}

/**
 * Once a second, writes usage from totals that counting already has. Each write is absolute, so a look may fail, repeat or be late. When a
 * window is over, one replica copies its counters into the history for all.
 */
export class UsageRecorder {
  private readonly records: ReadonlyMap<string, CategoryRecord>;

  constructor(
    categories: Iterable<Category>,
    private readonly source: UsageSource,
    private readonly store: UsageStore,
    private readonly settings: RecorderSettings,
    private readonly logger: Pick<Logger, 'warn'>,
  ) {
    this.records = new Map(Array.from(categories, (category) => [category.name, new CategoryRecord(category)]));
  }

  /** One look: reports what is new, copies what is over. */
  async look(): Promise<void> {
    const { now, records, failures } = await this.collect();
    try {
      await this.each(records, failures, async (record) => {
        record.addAgain(now);
        await this.report(record);
        for (const { unit, end, lengthMs } of this.units(record, now)) {
          const isSettled = now >= end + Math.min(this.settings.settleMs, lengthMs / 4);
          if (isSettled && !record.done.has(unit.key)) await this.copySome(record, unit, end + lengthMs * SPREAD - now);
        }
        await this.closeSums(record, Math.floor((now - this.settings.settleMs) / SLOT_MS));
        await this.addPeaks(record);
      });
    } finally {
      for (const record of this.records.values()) record.forget(now);
    }
  }

  /** Writes the last totals at shutdown, including those of the running window. */
  async stop(): Promise<void> {
    const end = performance.now() + COPIES_FOR_MS;
    const { now, records, failures } = await this.collect();
    await this.each(records, failures, async (record) => {
      record.addAgain(Infinity);
      await this.report(record);
      for (const { unit } of this.units(record, now)) {
        // Also what another instance is copying: if it ends too, it may miss what was counted here since. Copying twice does no harm.
        while (performance.now() < end && (await this.store.claimCopy(unit, this.source.instance, 0)) > 0)
          await this.copy(record, unit);
      }
      // A window that has just begun may count into the next one.
      await this.closeSums(record, Math.floor(now / SLOT_MS) + 2);
    });
  }

  /** A key that holds something else stops its own category, not the others. */
  private async each(
    records: readonly CategoryRecord[],
    failures: unknown[],
    work: (record: CategoryRecord) => Promise<void>,
  ): Promise<void> {
    for (const record of records) await work(record).catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }

  /** Reads what has changed; returns the time to which that belongs, and the categories whose keys can be read. */
  private async collect(): Promise<Collected> {
    const all = [...this.records.values()];
    const block = blockOf(Math.floor(this.source.now() / SLOT_MS));
    const read = await Promise.allSettled(all.map((record) => this.readSeen(record, block)));
    const failures = read.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    // The store is away: what has changed is read once it is back.
    if (failures.length > 0 && failures.length === all.length) throw failures[0];
    const records = all.filter((_, i) => read[i]?.status === 'fulfilled');
    // Read only now: the process may have been suspended during these calls, and what is counted then belongs to a later minute.
    const now = this.source.now();
    let walked = 0;
    for (const total of this.source.changed()) {
      walked += total ? CHANGED : 1;
      if (walked >= TURN) {
        walked = 0;
        await new Promise(setImmediate);
      }
      if (!total) continue;
      const record = this.records.get(total.category);
      if (record?.take(total, now) === 'full')
        this.logger.warn(
          `Usage of ${record.name} is full: until these 8 hours end, new tenants get no history below half of their threshold. Raise maxTrackedTenants, or check which ids your tenant resolver returns`,
        );
    }
    return { now, records, failures };
  }

  private async readSeen(record: CategoryRecord, block: number): Promise<void> {
    // Counts tenants that other replicas saw, too.
    record.room = this.settings.maxTenants - (await this.store.seenCount(record.name, block));
    // Only in the current block: the store drops earlier ones itself.
    const some = record.block === block ? record.nextSeen(LOOKED_FOR) : [];
    if (some.length > 0 && (await this.store.seenOf(record.name, record.block, some)).includes(undefined))
      record.seenAgain();
  }

  private async report(record: CategoryRecord): Promise<void> {
    const pending = record.takePending();
    if (pending.isEmpty) return;
    try {
      await this.store.report(
        {
          category: record.name,
          instance: this.source.instance,
          sums: Array.from(pending.sums, ([slot, count]) => ({ slot, count })),
          active: Array.from(pending.active.values(), ({ unit, tenants }) => ({ unit, tenants: [...tenants] })),
          seen: Array.from(pending.seen, ([block, tenants]) => ({ block, tenants })),
          tops: Array.from(pending.tops.values(), (top) => top.toLive()),
          about: record.category.windows.map((window, index) => aboutOf(window, index, this.source.now())),
        },
        this.settings,
      );
    } catch (error) {
      record.notReported(pending);
      throw error;
    }
    record.reported(pending);
  }

  /** The running unit and the last ones, oldest first. By the clock, not by local counts: a replica that died may have left some. */
  private units({ category, window }: CategoryRecord, now: number): Closing[] {
    const units: Closing[] = [];
    for (let at = now; units.length <= LATE_UNITS;) {
      const span = window.spanAt(at);
      const unit = unitOf(category, window, span, at);
      const start = unit.slot > slotOf(window, span, span.start) ? unit.slot * SLOT_MS : span.start;
      const end = isLong(window) ? Math.min((unit.slot + 1) * SLOT_MS, span.end) : span.end;
      units.unshift({ unit, end, lengthMs: end - start });
      at = start - 1;
    }
    return units;
  }

  private async copySome(record: CategoryRecord, unit: UsageUnit, leftMs: number): Promise<void> {
    const waiting = await this.store.claimCopy(unit, this.source.instance, COPY_LEASE_MS);
    if (waiting === 0) record.done.add(unit.key);
    const looksLeft = Math.max(Math.floor(leftMs / 1_000), 1);
    for (let batches = Math.ceil(waiting / BATCH / looksLeft); batches > 0; batches--) await this.copy(record, unit);
  }

  private async copy(record: CategoryRecord, unit: UsageUnit): Promise<void> {
    const hour = Math.floor(unit.slot / HOUR_SLOTS);
    const peaks = record.peaksOf(hour);
    peaks.add(await this.store.copy(unit, BATCH, peaks.floor, this.settings));
    // What fails is sent again at the end of the look, and does not stop the copying.
    await this.addPeaks(record).catch(() => undefined);
  }

  private async addPeaks({ name, peaks }: CategoryRecord): Promise<void> {
    if (!peaks || peaks.highest.unsent.length === 0) return;
    const sent = [...peaks.highest.unsent];
    await this.store.addPeaks(name, peaks.hour, sent, this.settings);
    peaks.highest.unsent.splice(0, sent.length);
  }

  /** Adds up each slot before `until` once, and again if it was reported late. */
  private async closeSums({ name, closedSums }: CategoryRecord, until: number): Promise<void> {
    for (let slot = until - LATE_UNITS; slot < until; slot++) {
      if (closedSums.has(slot)) continue;
      await this.store.closeSum(name, slot, this.settings);
      closedSums.add(slot);
    }
  }
}

interface Collected {
  readonly now: number;
  readonly records: readonly CategoryRecord[];
  readonly failures: unknown[];
}

interface Closing {
  readonly unit: UsageUnit;
  readonly end: number;
  readonly lengthMs: number;
}

function aboutOf(window: CategoryWindow, index: number, now: number): AboutWindow {
  const { name, windowMs, threshold, spanAt } = window;
  const running = spanAt(now);
  const { key: span, start, end } = running;
  return {
    counters: countersOf(window, running),
    name,
    index,
    windowMs,
    threshold: typeof threshold === 'number' ? threshold : undefined,
    span,
    start,
    end,
  };
}
