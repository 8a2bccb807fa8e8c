import type { Category, CategoryWindow } from '../model/category.js';
import type { ChangedTotal } from '../model/live-total.js';
import type { WindowSpan } from '../model/window.js';
import { blockOf, SLOT_MS, type SeenTenant, type UsageUnit } from '../store/usage-store.js';
import { oneLine } from '../util/text.js';
import { HourPeaks, Top, type Written } from './tops-and-peaks.js';
import { baseWindow, isLong, LATE_UNITS, NEAR, unitOf } from './usage-units.js';

/** Tenants that keep counting in a unit are reported again after this long, and when the unit ends. */
const AGAIN_MS = 10_000;

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
export class Pending {
  readonly sums = new Map<number, number>();
  readonly active = new Active();
  readonly seen = new Map<number, Map<string, SeenTenant>>();
  readonly tops = new Map<string, Top>();

  get isEmpty(): boolean {
    return this.sums.size + this.active.size + this.seen.size + this.tops.size === 0;
  }
}

/** What this instance knows about one category's usage, and which part of it the store does not have yet. */
export class CategoryRecord {
  readonly name: string;
  readonly window: CategoryWindow;
  private pending = new Pending();
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
  private fullIn: number | undefined;
  private readonly spans = new Map<string, SpanMarks>();
  /** Most totals have the same span as the one before. */
  private last: { readonly window: string; readonly marks: SpanMarks } | undefined;
  private readonly sums = new Map<number, number>();
  /** Tenants of the current block; just the name if the shared thresholds apply, because there may be a million. */
  private seen = new Map<string, string | SeenTenant>();
  private walk: Iterator<string, undefined> | undefined;
  peaks: { readonly hour: number; readonly highest: HourPeaks } | undefined;

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

  /** Adds what was counted since the last run. Returns whether a new tenant found no room, once per block. */
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

  /** What to report next. Pass it to {@link reported} or {@link notReported}. */
  takePending(): Pending {
    const { pending } = this;
    this.pending = new Pending();
    return pending;
  }

  reported({ tops, sums, active }: Pending): void {
    for (const top of tops.values()) top.wasReported();
    for (const slot of sums.keys()) this.closedSums.delete(slot);
    for (const { unit } of active.values()) this.done.delete(unit.key);
  }

  /** Keeps it for the next run, in which newer counts are added. */
  notReported(pending: Pending): void {
    this.pending = pending;
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

  peaksOf(hour: number): HourPeaks {
    if (this.peaks?.hour !== hour) this.peaks = { hour, highest: new HourPeaks() };
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
    if (!this.admits(total)) {
      const isKnown = this.fullIn === this.block;
      this.fullIn = this.block;
      return isKnown ? undefined : 'full';
    }
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
