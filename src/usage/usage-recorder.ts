import type { Logger } from '@nestjs/common';

import type { Category, CategoryWindow } from '../model/category.js';
import type { ChangedTotal } from '../model/live-total.js';
import { countersOf, type CountRead, type WindowSpan } from '../model/window.js';
import {
  blockOf,
  HOUR_SLOTS,
  MAX_PEAKS,
  SLOT_MS,
  type SeenTenant,
  type UsageRetention,
  type UsageStore,
  type UsageUnit,
} from '../store/usage-store.js';
import { oneLine } from '../util/text.js';
import { HighestOf, Top, type Written } from './tops-and-peaks.js';
import { baseWindow, isLong, NEAR, slotOf, unitOf } from './usage-units.js';

/** The event loop gets a turn after this many totals. */
const TURN = 2_000;
/** Tenants that keep counting in a unit are reported again after this long, and when the unit ends. */
const AGAIN_MS = 10_000;
/** Tenants per copying call. */
const BATCH = 400;
/** After this long without a sign of life, another replica takes over copying. */
const COPY_LEASE_MS = 5_000;
/** Copying is spread over this part of the unit's length: counters live for at least one length after their window. */
const SPREAD = 0.5;
/** How many past units are still handled. */
const LATE_UNITS = 3;
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
export interface RecorderSettings extends UsageRetention {
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
      if (++walked % TURN === 0) await new Promise(setImmediate);
      if (!total) continue;
      const record = this.records.get(total.category);
      if (record?.take(total, now) === 'full' && record.warnedFullAt !== record.block) {
        record.warnedFullAt = record.block;
        this.logger.warn(
          `Usage of ${record.name} is full: until these 8 hours end, new tenants get no history below half of their threshold. Raise maxTrackedTenants, or check which ids your tenant resolver returns`,
        );
      }
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
    const pending = record.pending;
    if (pending.isEmpty) return;
    record.pending = new Pending();
    try {
      await this.store.report(
        {
          category: record.name,
          instance: this.source.instance,
          sums: Array.from(pending.sums, ([slot, count]) => ({ slot, count })),
          active: Array.from(pending.active.values(), ({ unit, tenants }) => ({ unit, tenants: [...tenants] })),
          seen: Array.from(pending.seen, ([block, tenants]) => ({ block, tenants })),
          tops: Array.from(pending.tops.values(), (top) => top.toLive()),
          about: record.category.windows.map((window, index) => {
            const { name, windowMs, threshold, spanAt } = window;
            const running = spanAt(this.source.now());
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
          }),
        },
        this.settings,
      );
    } catch (error) {
      // Kept for the next run, together with newer reports.
      record.pending = pending;
      throw error;
    }
    for (const top of pending.tops.values()) top.wasReported();
    for (const slot of pending.sums.keys()) record.closedSums.delete(slot);
    for (const { unit } of pending.active.values()) record.done.delete(unit.key);
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

/** What is known about a span. */
interface SpanMarks extends Written {
  readonly key: string;
  readonly span: WindowSpan;
  /** The unit in which its counts are copied, as of the last count; for a long window, the minute. */
  unit?: UsageUnit;
}

/** Counted tenants, by the key of their unit. */
class Active extends Map<string, { readonly unit: UsageUnit; readonly tenants: Set<string> }> {
  add(unit: UsageUnit, tenant: string): void {
    let of = this.get(unit.key);
    if (!of) this.set(unit.key, (of = { unit, tenants: new Set() }));
    of.tenants.add(tenant);
  }
}

/** What the next report contains. */
class Pending {
  readonly sums = new Map<number, number>();
  readonly active = new Active();
  readonly seen = new Map<number, Map<string, SeenTenant>>();
  readonly tops = new Map<string, Top>();

  get isEmpty(): boolean {
    return this.sums.size + this.active.size + this.seen.size + this.tops.size === 0;
  }
}

/** What this instance knows about one category's usage. */
class CategoryRecord {
  readonly name: string;
  readonly window: CategoryWindow;
  pending = new Pending();
  /** Units that need no copying unless this instance reports them again. */
  readonly done = new Set<string>();
  readonly closedSums = new Set<number>();
  /**
   * Tenants that keep counting in a unit in which they were reported, and when to report them again. They already wait in the store, unless
   * it lost them or a replica copied the running unit when it ended.
   */
  private readonly again = { tenants: new Active(), at: 0 };
  /** How many more tenants may get a history. */
  room = Infinity;
  block = 0;
  warnedFullAt: number | undefined;
  private readonly spans = new Map<string, SpanMarks>();
  /** Most totals have the same span as the one before. */
  private last: { readonly window: string; readonly marks: SpanMarks } | undefined;
  private readonly sums = new Map<number, number>();
  /** Tenants of the current block; just the name if the shared thresholds apply, because there may be a million. */
  private seen = new Map<string, string | SeenTenant>();
  private walk: Iterator<string, undefined> | undefined;
  peaks: { readonly hour: number; readonly highest: HighestOf } | undefined;

  private readonly isLong: boolean;
  private readonly windowNames: readonly string[];
  /** The thresholds of its windows; 0 if it depends on the tenant. */
  private readonly shared: readonly number[];

  constructor(readonly category: Category) {
    this.name = category.name;
    this.window = baseWindow(category);
    this.isLong = isLong(this.window);
    this.windowNames = category.windows.map(({ name }) => name);
    this.shared = category.windows.map(({ threshold }) => (typeof threshold === 'number' ? threshold : 0));
  }

  /** Adds what was counted since the last run. */
  take(total: ChangedTotal, now: number): 'full' | undefined {
    const marks = this.marksOf(total);
    if (total.known > (marks.reported.get(total.tenant) ?? 0))
      this.topOf(total, marks).busiest.add(total.tenant, total.known);
    const ratio = ratioOf(total);
    if (ratio > (marks.nearest.get(total.tenant) ?? 0)) this.topOf(total, marks).nearest.add(total.tenant, ratio);
    if (total.more > 0 && total.window === this.window.name) return this.count(total, marks, now);
    // A changed threshold is noted with the next request, or at once if the tenant is shown.
    if ((total.more > 0 || ratio >= NEAR || this.wasNear(total)) && this.seen.has(total.tenant)) this.note(total);
    return undefined;
  }

  /** Whether it is near the threshold that was noted, so that it is shown. */
  private wasNear(total: ChangedTotal): boolean {
    const noted = this.seen.get(total.tenant);
    const thresholds = typeof noted === 'object' ? (noted.thresholds ?? this.shared) : this.shared;
    return ratioOf({ ...total, threshold: thresholds[this.windowNames.indexOf(total.window)] }) > 0;
  }

  /** Tenants that were reported in the current block, different ones each time. */
  nextSeen(most: number): string[] {
    const pending = this.pending.seen.get(this.block);
    const tenants: string[] = [];
    while (tenants.length < most) {
      const { value } = (this.walk ??= this.seen.keys()).next();
      if (value === undefined) {
        this.walk = undefined;
        break;
      }
      if (!pending?.has(value)) tenants.push(value);
    }
    return tenants;
  }

  /** The store lost tenants of the current block, so this instance reports all that it knows again. */
  seenAgain(): void {
    const all = Array.from(this.seen, ([tenant, noted]) => [tenant, aboutOf(noted)] as const);
    this.pending.seen.set(this.block, new Map(all));
  }

  /** Adds tenants that are due to be reported again by `now` to the next report. */
  addAgain(now: number): void {
    if (now < this.again.at) return;
    for (const { unit, tenants } of this.again.tenants.values())
      for (const tenant of tenants) this.pending.active.add(unit, tenant);
    this.again.tenants.clear();
  }

  peaksOf(hour: number): HighestOf {
    if (this.peaks?.hour !== hour) this.peaks = { hour, highest: new HighestOf(MAX_PEAKS) };
    return this.peaks.highest;
  }

  /** Drops units that are over. */
  forget(now: number): void {
    this.last = undefined;
    for (const [key, { span }] of this.spans) {
      const keptMs = Math.max(Math.min(this.window.windowMs, SLOT_MS) * LATE_UNITS, 2 * SLOT_MS);
      if (now > span.end + keptMs) this.spans.delete(key);
    }
    const oldest = Math.floor(now / SLOT_MS) - 2 * LATE_UNITS;
    for (const slot of this.sums.keys()) if (slot < oldest) this.sums.delete(slot);
    for (const slot of this.closedSums) if (slot < oldest) this.closedSums.delete(slot);
    for (const slot of this.pending.sums.keys()) if (slot < oldest) this.pending.sums.delete(slot);
    for (const [key, { unit }] of this.pending.active) if (unit.slot < oldest) this.pending.active.delete(key);
    for (const [key, top] of this.pending.tops) if (!this.spans.has(top.key)) this.pending.tops.delete(key);
    // Only a few units are handled; older ones are never needed again.
    while (this.done.size > 10 * LATE_UNITS) this.done.delete(this.done.values().next().value as string);
  }

  private count(total: ChangedTotal, marks: SpanMarks, now: number): 'full' | undefined {
    if (!marks.unit || this.isLong) marks.unit = unitOf(this.category, this.window, total.span, now);
    const { unit } = marks;
    const sum = (this.sums.get(unit.slot) ?? 0) + total.more;
    this.sums.set(unit.slot, sum);
    this.pending.sums.set(unit.slot, sum);
    const block = blockOf(unit.slot);
    if (block > this.block) {
      this.block = block;
      this.seen = new Map();
      this.walk = undefined;
    }
    if (!this.admits(total)) return 'full';
    this.note(total);
    if (total.isNew || this.isLong) this.pending.active.add(unit, total.tenant);
    else this.reportAgain(unit, total, now);
    return undefined;
  }

  private reportAgain(unit: UsageUnit, { tenant, span }: ChangedTotal, now: number): void {
    const { tenants, at } = this.again;
    this.again.at = Math.min(tenants.size === 0 ? now + AGAIN_MS : at, span.end);
    tenants.add(unit, tenant);
  }

  private admits(total: ChangedTotal): boolean {
    if (this.seen.has(total.tenant)) return true;
    this.room--;
    return this.room >= 0 || ratioOf(total) >= NEAR;
  }

  /** Adds what is new about a tenant to the block's list of seen tenants. */
  private note({ tenant, name, window, threshold }: ChangedTotal): void {
    const noted = this.seen.get(tenant);
    // Usually nothing is new.
    const isShared = threshold === undefined || threshold === this.shared[this.windowNames.indexOf(window)];
    if (typeof noted === 'string' && isShared && (name === undefined || name === noted)) return;
    const known = noted === undefined ? undefined : aboutOf(noted);
    const thresholds = [...(known?.thresholds ?? this.shared)];
    if (threshold !== undefined) thresholds[this.windowNames.indexOf(window)] = threshold;
    const next: SeenTenant = {
      name: name === undefined ? (known?.name ?? '') : oneLine(name),
      // Shared thresholds that apply again are written out: an entry with neither name nor thresholds would replace nothing in the store.
      ...(known?.thresholds === undefined && String(thresholds) === String(this.shared) ? {} : { thresholds }),
    };
    if (known?.name === next.name && String(known.thresholds) === String(next.thresholds)) return;
    this.seen.set(tenant, next.thresholds ? next : next.name);
    const seen = this.pending.seen.get(this.block) ?? new Map<string, SeenTenant>();
    this.pending.seen.set(this.block, seen.set(tenant, next));
  }

  private marksOf({ window, span }: ChangedTotal): SpanMarks {
    if (this.last?.marks.span === span && this.last.window === window) return this.last.marks;
    const key = `${window}/${span.key}`;
    let marks = this.spans.get(key);
    if (!marks) this.spans.set(key, (marks = { key, span, reported: new Map(), nearest: new Map() }));
    this.last = { window, marks };
    return marks;
  }

  private topOf({ window, span }: ChangedTotal, marks: SpanMarks): Top {
    const { key } = marks;
    let top = this.pending.tops.get(key);
    if (!top) this.pending.tops.set(key, (top = new Top(key, window, span, marks)));
    return top;
  }
}

function aboutOf(noted: string | SeenTenant): SeenTenant {
  return typeof noted === 'string' ? { name: noted } : noted;
}

/** A tenant's ratio of count to threshold; 0 if it is not near, is exempt, or its threshold is not known. */
function ratioOf({ known, threshold = Infinity }: ChangedTotal): number {
  const ratio = known / Math.max(threshold, 1);
  return ratio >= NEAR ? ratio : 0;
}
