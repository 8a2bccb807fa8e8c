import { insteadOfCategory, type Category, type CategoryWindow } from '../model/category.js';
import { keyOfShown } from '../model/tenant.js';
import { countersOf, type WindowSpan } from '../model/window.js';
import {
  blocksOf,
  BLOCK_SLOTS,
  HOUR_SLOTS,
  MAX_LIVE,
  SLOT_MS,
  type SeenTenant,
  type SlotCounts,
  type TenantCount,
  type UsageRetention,
  type UsageStore,
} from '../store/usage-store.js';
import { chunks } from '../util/chunks.js';
import { checkNames } from '../util/option-names.js';
import { duration, kindOf, numberOrKind, shownName } from '../util/text.js';
import { advise, type TenantUsage, type ThresholdAdvice } from './advice.js';
import { LIVE_WINDOWS } from './tops-and-peaks.js';
import { UsageHistory } from './usage-history.js';
import type { UsageSource } from './usage-recorder.js';
import { baseWindow, isLong, slotOf } from './usage-units.js';

/** Tenants whose history is read at once; then the event loop gets a turn. */
const READ_AT_ONCE = 20;
/** More rows than are kept of any window. */
const MAX_ROWS = 1_000_000;
const HOUR_MS = HOUR_SLOTS * SLOT_MS;
const DAY_MS = 24 * HOUR_MS;
/** A misspelled `to` would end the range now, a misspelled `at` would answer about another window. */
export const RANGE = ['from', 'to'] satisfies (keyof TimeRange)[];
const TOP_OPTIONS = ['limit', 'at', 'window'] satisfies (keyof TopOptions)[];
const ADVISE_OPTIONS = ['over', 'at'] satisfies (keyof AdviseOptions)[];

/** A time: a date, or milliseconds since the epoch. */
export type Time = Date | number;

/** A range of time. */
export interface TimeRange {
  /** Start of the range, included. */
  from: Time;
  /** End of the range. @defaultValue now */
  to?: Time | undefined;
}

/** A tenant's count in one window. */
export interface UsageRow {
  /** Name of the category. */
  category: string;
  /** Name of the window; empty if the category has one. */
  window: string;
  /** Start of the window. */
  windowStart: Date;
  /** End of the window, when counting restarts; absent for a sliding window. */
  windowEnd?: Date;
  /** The tenant. An id longer than 128 characters is shortened and hashed. */
  tenant: { id: string; name?: string };
  /** The count of all instances in the window. */
  count: number;
  /** The tenant's threshold; undefined if it has its own, which is not known here. */
  threshold: number | undefined;
  /** `count / threshold`; undefined if the threshold is. */
  ratio: number | undefined;
  /** Share of the category's total in the window, 0 to 1; for windows under a minute, of the total of its 200 busiest tenants. */
  share: number;
  /**
   * Start of the first of the consecutive windows over the threshold; for windows longer than a minute, the minute in which that one was
   * crossed, give or take one, or its start if the history does not show it. Absent if this window is not over it. Windows under a minute
   * count as over if one of the same minute was; for those beside the category's shortest, it is the start of this one.
   */
  since?: Date;
}

/** Counts at equal steps, the oldest first. */
export interface UsageSeries {
  /** Start of the first step. */
  start: Date;
  /** Length of a step in milliseconds. */
  stepMs: number;
  /** One count per step; 0 if nothing was counted. */
  counts: number[];
}

/** The highest counts of an hour. */
export interface HourlyPeaks {
  /** Start of the hour. */
  hour: Date;
  /** Each tenant's highest count in that hour, the highest first, 100 at most. */
  tenants: { tenant: { id: string }; count: number }[];
}

/** Options of `top`. */
export interface TopOptions {
  /** How many tenants at most. For the last ten windows, only the 200 busiest are known. @defaultValue 20 */
  limit?: number | undefined;
  /**
   * A time in the window. For a window under a minute that is not among the last ten, counts are the highest of its minute.
   *
   * @defaultValue now
   */
  at?: Time | undefined;
  /** Name of the category's window. @defaultValue the shortest */
  window?: string | undefined;
}

/** Options of `advise`. */
export interface AdviseOptions {
  /** How much history to look at, in milliseconds. @defaultValue 24 hours, or the retention if that is shorter */
  over?: number | undefined;
  /** Further thresholds to evaluate. @defaultValue none */
  at?: readonly number[] | undefined;
}

/** Advice on a category's threshold, and what it is based on. */
export interface CategoryAdvice extends ThresholdAdvice {
  /** Name of the category. */
  category: string;
  /** Name of the window; empty if the category has one. */
  window: string;
  /** Length of the window in milliseconds. */
  windowMs: number;
  /** Start of the history that was read. */
  from: Date;
  /** End of the history that was read. */
  to: Date;
  /** The current threshold; absent if each tenant has its own. */
  threshold?: number;
}

/** What usage needs from the rest of the module. */
interface UsageSettings extends UsageRetention {
  readonly categories: ReadonlyMap<string, Category>;
  readonly source: UsageSource;
  readonly store: UsageStore;
  /** The threshold of a tenant, or the one that tenants share; `seen` is what its count was compared with. */
  readonly thresholdOf: (
    category: Category,
    window: CategoryWindow,
    tenant?: string,
    seen?: number,
  ) => number | undefined;
}

/** The first and the last slot. */
interface Slots {
  readonly from: number;
  readonly to: number;
}

/** Reads usage. What is not yet in the history is read from the counters, so all replicas return the same. */
export class UsageReader {
  private readonly past: UsageHistory;

  constructor(private readonly settings: UsageSettings) {
    this.past = new UsageHistory(settings);
  }

  get retention(): UsageRetention {
    return this.settings;
  }

  now(): number {
    return this.settings.source.now();
  }

  async top(name: string, options: TopOptions = {}): Promise<UsageRow[]> {
    const category = this.category(name);
    checkNames(options, TOP_OPTIONS);
    const { limit = 20, at, window: windowName } = options;
    const window = windowOf(category, windowName);
    const now = this.now();
    const time = millisecondsOf(at ?? now, 'at');
    if (typeof limit !== 'number' || !(limit >= 1))
      throw new RangeError(`limit is ${numberOrKind(limit)}: write a number, 1 or more`);
    const most = Math.floor(Math.min(limit, MAX_ROWS));
    // Nothing was counted then, and a calendar cannot handle dates that far away.
    if (time < 0 || time >= window.spanAt(now).end) return [];
    const span = window.spanAt(time);
    const isLive = now - span.end < LIVE_WINDOWS * (span.end - span.start);
    const counts = isLive ? await this.liveTop(name, window, time, most) : [];
    if (counts.length > 0 || window !== baseWindow(category)) return this.rows(category, window, time, counts);
    const slots = { from: slotOf(window, span, span.start), to: slotOf(window, span, span.end) };
    // Usually the list is empty because nobody was counted, and reading every tenant's history each second would be a high price to find
    // that out.
    // The history of a shorter window has the highest count of its minute, which another window may have had.
    if (isLive && (isLong(window) || isShort(window) || !(await this.isCounted(category, slots)))) return [];
    return this.rows(category, window, time, await this.pastTop(category, slots, most));
  }

  /** The busiest tenants as instances reported them; of a sliding window also those that were counted only in an earlier part of it. */
  private async liveTop(category: string, window: CategoryWindow, at: number, limit: number): Promise<TenantCount[]> {
    const { store, source } = this.settings;
    const [running = [], ...earlier] = await Promise.all(
      countersOf(window, window.spanAt(at)).map((span) => store.top(category, window.name, span, limit)),
    );
    const known = new Set(running.map(({ tenant }) => tenant));
    // A count of an earlier part is the most that is left of it, so the highest of them are read.
    const left = new Set(
      earlier
        .flat()
        .sort((a, b) => b.count - a.count)
        .map(({ tenant }) => tenant)
        .filter((tenant) => !known.has(tenant)),
    );
    if (left.size === 0) return running;
    const others = [...left].slice(0, limit);
    const counts = await source.counts(others.map((tenantId) => ({ category, window: window.name, tenantId, at })));
    return busiest([...running, ...others.map((tenant, i) => ({ tenant, count: counts[i] ?? 0 }))], limit);
  }

  private async isCounted({ name }: Category, { from, to }: Slots): Promise<boolean> {
    return (await this.settings.store.totals(name, from, to)).size > 0;
  }

  /** Rows of tenants whose counts are known; `counts` are those of the window that contains `time`. */
  private async rows(
    category: Category,
    window: CategoryWindow,
    time: number,
    counts: readonly TenantCount[],
  ): Promise<UsageRow[]> {
    if (counts.length === 0) return [];
    const span = window.spanAt(time);
    const tenants = counts.map(({ tenant }) => tenant);
    const [seen, total] = await Promise.all([
      this.past.seenOf(category.name, tenants, datesOf(window, span).windowStart.getTime(), span.end),
      this.totalIn(category, window, time, counts),
    ]);
    const rows = counts.map(({ tenant, count }, i): UsageRow => {
      const threshold = this.thresholdFor(category, window, tenant, seen[i]);
      return {
        category: category.name,
        window: window.name,
        ...datesOf(window, span),
        tenant: named(tenant, seen[i]),
        count,
        threshold,
        ratio: threshold === undefined ? undefined : count / Math.max(threshold, 1),
        share: Math.min(count / Math.max(total, 1), 1),
      };
    });
    const over = rows.filter(({ count, threshold = Infinity }) => count > threshold);
    const sinceOf = (some: readonly UsageRow[]): Promise<Date[]> => this.past.since(category, window, some, time);
    // A tenant whose history cannot be read hides no other; it has been over since the start of the window at least.
    const since = await sinceOf(over).catch(() =>
      Promise.all(over.map(async (row) => (await sinceOf([row]).catch(() => []))[0] ?? new Date(span.start))),
    );
    over.forEach((row, i) => (row.since = since[i] as Date));
    return rows;
  }

  /**
   * Rows of some tenants in the window that contains `at`, including those that used nothing. It reaches as far back as counters are kept.
   */
  async present(
    category: Category,
    window: CategoryWindow,
    tenants: readonly string[],
    at = this.now(),
  ): Promise<UsageRow[]> {
    const reads = tenants.map((tenantId) => ({ category: category.name, window: window.name, tenantId, at }));
    const counts = await this.settings.source.counts(reads);
    return this.rows(
      category,
      window,
      at,
      tenants.map((tenant, i) => ({ tenant, count: counts[i] ?? 0 })),
    );
  }

  /** The tenants that came near their threshold in the window that contains `at`, worst first, as compared when they were counted. */
  async nearest({ name }: Category, window: CategoryWindow, at: number): Promise<string[]> {
    const spans = countersOf(window, window.spanAt(at));
    const lists = await Promise.all(spans.map((span) => this.settings.store.near(name, window.name, span)));
    const ranked = lists.flatMap((list) => list.map((tenant, rank) => ({ tenant, rank })));
    return [...new Set(ranked.sort((a, b) => a.rank - b.rank).map(({ tenant }) => tenant))].slice(0, MAX_LIVE);
  }

  /** Each tenant's usage in a time range, as how often each count occurred. */
  usageIn(category: Category, range: TimeRange): Promise<TenantUsage[]> {
    const slots = this.slots(range);
    return this.usageOf(category, slots.from, slots.to);
  }

  /** Every tenant seen since a time. */
  seenSince(category: string, from: number): Promise<Map<string, SeenTenant>> {
    const slots = this.slots({ from });
    return this.past.seenBetween(category, slots.from, slots.to);
  }

  /** One count per minute: for a window shorter than that, the highest; for a longer one, the running count at the end of the minute. */
  async history(name: string, tenantId: string, range: TimeRange): Promise<UsageSeries> {
    const category = this.category(name);
    if (typeof tenantId !== 'string' || tenantId === '')
      throw new TypeError(`tenantId is ${tenantId === '' ? 'empty' : kindOf(tenantId)}: write the id of a tenant`);
    const [series] = await this.histories(category, [keyOfShown(tenantId)], range);
    return series as UsageSeries;
  }

  async histories(category: Category, tenants: readonly string[], range: TimeRange): Promise<UsageSeries[]> {
    const { from, to } = this.slots(range);
    const found = await this.past.counts(category, tenants, from, to);
    return found.map((counts) => series(counts, from, to));
  }

  async totals(name: string, range: TimeRange): Promise<UsageSeries> {
    this.category(name);
    const { from, to } = this.slots(range);
    return series(await this.settings.store.totals(name, from, to), from, to);
  }

  async hourlyPeaks(name: string, range: TimeRange): Promise<HourlyPeaks[]> {
    this.category(name);
    checkNames(range, RANGE);
    const { from, to } = range;
    const last = Math.floor(Math.min(millisecondsOf(to ?? this.now(), 'to'), this.now()) / HOUR_MS);
    const oldest = Math.floor((this.now() - this.settings.hourlyRetentionMs) / HOUR_MS);
    const first = Math.max(Math.floor(millisecondsOf(from, 'from') / HOUR_MS), oldest);
    const hours = Array.from({ length: Math.max(last - first + 1, 0) }, (_, i) => first + i);
    const peaks = await this.settings.store.peaks(name, hours);
    return hours.flatMap((hour, i) => {
      const tenants = (peaks[i] ?? []).map(({ tenant, count }) => ({ tenant: { id: tenant }, count }));
      return tenants.length === 0 ? [] : [{ hour: new Date(hour * HOUR_MS), tenants }];
    });
  }

  /** How many tenants were counted. */
  async active(name: string, range: TimeRange): Promise<number> {
    const category = this.category(name);
    const { from, to } = this.slots(range);
    const sure = new Set<string>();
    const maybe = new Set<string>();
    for (const block of blocksOf(from, to)) {
      const isWhole =
        block * BLOCK_SLOTS >= from && ((block + 1) * BLOCK_SLOTS - 1 <= to || to === Math.floor(this.now() / SLOT_MS));
      const seen = await this.settings.store.seen(name, block);
      for (const tenant of seen.keys()) (isWhole ? sure : maybe).add(tenant);
    }
    const unsure = [...maybe].filter((tenant) => !sure.has(tenant));
    for (const some of chunks(unsure, READ_AT_ONCE)) {
      const counts = await this.past.counts(category, some, from, to);
      some.forEach((tenant, i) => (counts[i] as SlotCounts).size > 0 && sure.add(tenant));
    }
    return sure.size;
  }

  async advise(name: string, options: AdviseOptions = {}): Promise<CategoryAdvice> {
    const category = this.category(name);
    const window = baseWindow(category);
    checkNames(options, ADVISE_OPTIONS);
    const { over, at } = options;
    if (over !== undefined && !(over > 0))
      throw new RangeError(`over is ${numberOrKind(over)}: write a number of milliseconds above 0`);
    if (
      at !== undefined &&
      !(Array.isArray(at) && at.every((threshold) => Number.isFinite(threshold) && threshold >= 0))
    )
      throw new RangeError('at is not a list of thresholds: write numbers, 0 or more, such as [10, 20]');
    // There is no history of less than a minute.
    const overMs = Math.min(Math.max(over ?? DAY_MS, SLOT_MS), this.settings.retentionMs);
    const now = this.now();
    const { from, to } = this.slots({ from: now - overMs, to: now });
    const usage = await this.usageOf(category, from, to);
    const shared = this.settings.thresholdOf(category, window);
    // Without alerts there is nothing to advise against.
    const threshold = shared === Infinity ? undefined : shared;
    const length = duration(window.windowMs);
    const words = { over: inWords(overMs), window: isShort(window) ? `the highest ${length} of a minute` : length };
    return {
      category: name,
      window: window.name,
      windowMs: window.windowMs,
      from: new Date(from * SLOT_MS),
      to: new Date(now),
      ...(threshold === undefined ? {} : { threshold }),
      ...advise(usage, { threshold, ...words, ...(at ? { at } : {}) }),
    };
  }

  /** Each tenant's usage, as how often each count occurred. */
  private async usageOf(category: Category, from: number, to: number): Promise<TenantUsage[]> {
    const seen = await this.past.seenBetween(category.name, from, to);
    const window = baseWindow(category);
    const usage: TenantUsage[] = [];
    for (const some of chunks([...seen], READ_AT_ONCE)) {
      const found = await this.past.counts(
        category,
        some.map(([tenant]) => tenant),
        from,
        to,
      );
      some.forEach(([tenant, about], i) => {
        const counts = this.perWindow(category, found[i] as SlotCounts);
        const threshold = this.thresholdFor(category, window, tenant, about);
        if (counts.size > 0) usage.push({ tenant: named(tenant, about), counts, threshold });
      });
      await new Promise(setImmediate);
    }
    return usage;
  }

  /** About how many bytes history takes; undefined if the store does not know. */
  async bytes(): Promise<number | undefined> {
    const { categories, store } = this.settings;
    const sizes = await Promise.all(
      Array.from(categories.keys(), (name) => store.bytes(name, this.now(), this.settings)),
    );
    return sizes.some((size) => size === undefined)
      ? undefined
      : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  }

  /** @throws RangeError if the category is unknown. */
  category(name: string): Category {
    const category = this.settings.categories.get(name);
    if (category) return category;
    const remedy = insteadOfCategory(this.settings.categories.keys());
    throw new RangeError(`category is ${shownName(name)}, which is not configured: write ${remedy}`);
  }

  private thresholdFor(
    category: Category,
    window: CategoryWindow,
    tenant: string,
    seen: SeenTenant | undefined,
  ): number | undefined {
    return this.settings.thresholdOf(category, window, tenant, seen?.thresholds?.[category.windows.indexOf(window)]);
  }

  /** The slots of a range, limited to those that are kept. */
  private slots(range: TimeRange): Slots {
    checkNames(range, RANGE);
    const { from, to } = range;
    const now = this.now();
    const oldest = Math.floor((now - this.settings.retentionMs) / SLOT_MS);
    const last = Math.floor(Math.min(millisecondsOf(to ?? now, 'to'), now) / SLOT_MS);
    const first = Math.max(Math.floor(millisecondsOf(from, 'from') / SLOT_MS), oldest);
    // Limited, because a `Date` cannot represent the far future.
    return { from: Math.min(first, Math.floor(now / SLOT_MS) + 1), to: last };
  }

  /** The busiest tenants of a past window, of all that were seen then, by their counts at its end. */
  private async pastTop(category: Category, { from, to }: Slots, limit: number): Promise<TenantCount[]> {
    const seen = [...(await this.past.seenBetween(category.name, from, to)).keys()];
    const counts: TenantCount[] = [];
    for (const some of chunks(seen, 10 * READ_AT_ONCE)) {
      const found = await this.past.counts(category, some, to, to);
      some.forEach((tenant, i) => counts.push({ tenant, count: found[i]?.get(to) ?? 0 }));
    }
    return busiest(counts, limit);
  }

  /** The count of all tenants in a window; for one under a minute, only of the busiest. */
  private async totalIn(
    category: Category,
    window: CategoryWindow,
    time: number,
    counts: readonly TenantCount[],
  ): Promise<number> {
    const span = window.spanAt(time);
    const known = counts.reduce((sum, { count }) => sum + count, 0);
    const asked = new Set(counts.map(({ tenant }) => tenant));
    if (span.end - span.start < SLOT_MS) {
      const busiest = await this.settings.store.top(category.name, window.name, span.key, MAX_LIVE);
      return busiest.reduce((sum, { tenant, count }) => (asked.has(tenant) ? sum : sum + count), known);
    }
    const totals = await this.settings.store.totals(
      category.name,
      Math.ceil(datesOf(window, span).windowStart.getTime() / SLOT_MS),
      slotOf(window, span, this.now()),
    );
    let total = 0;
    for (const count of totals.values()) total += count;
    return Math.max(total, known);
  }

  /** How often each count occurred; of a long window only its last, and of a sliding one the highest of each length, as it alerts. */
  private perWindow(category: Category, counts: SlotCounts): Map<number, number> {
    const window = baseWindow(category);
    const histogram = new Map<number, number>();
    const highest = new Map<string | number, number>();
    for (const [slot, count] of counts) {
      const time = slot * SLOT_MS;
      const ofParts = window.parts === undefined ? undefined : Math.floor(time / Math.max(window.windowMs, SLOT_MS));
      const key = ofParts ?? (isLong(window) ? window.spanAt(time).key : slot);
      highest.set(key, Math.max(highest.get(key) ?? 0, count));
    }
    for (const count of highest.values()) histogram.set(count, (histogram.get(count) ?? 0) + 1);
    return histogram;
  }
}

function busiest(counts: readonly TenantCount[], limit: number): TenantCount[] {
  return counts
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, limit);
}

/** An invalid time, such as `new Date('')`, would otherwise look like a time in which nothing was counted. */
function millisecondsOf(time: Time, name: string): number {
  // `Number` would convert null, a boolean or a text to a number that nobody meant.
  const milliseconds = typeof time === 'number' || (typeof time === 'object' && time !== null) ? Number(time) : NaN;
  if (Number.isNaN(milliseconds))
    throw new RangeError(`${name} is not a time: write a Date or milliseconds since the epoch`);
  return milliseconds;
}

function windowOf(category: Category, name: string | undefined): CategoryWindow {
  if (name === undefined) return baseWindow(category);
  const window = category.windows.find((other) => other.name === name);
  if (window) return window;
  const names = category.windows.map((other) => other.name);
  const remedy = names.length > 1 ? `write one of ${names.join(', ')}` : 'leave it out';
  throw new RangeError(`window is ${shownName(name)}, which ${category.name} does not have: ${remedy}`);
}

/** A sliding window begins one length before the end of its running part, and has no end, as in alerts. */
function datesOf(
  { parts, windowMs }: CategoryWindow,
  { start, end }: WindowSpan,
): Pick<UsageRow, 'windowStart' | 'windowEnd'> {
  if (parts !== undefined) return { windowStart: new Date(end - windowMs) };
  return { windowStart: new Date(start), windowEnd: new Date(end) };
}

/** Whether several windows share a minute of history. */
function isShort({ windowMs }: CategoryWindow): boolean {
  return windowMs < SLOT_MS;
}

function named(id: string, seen: SeenTenant | undefined): { id: string; name?: string } {
  return seen?.name ? { id, name: seen.name } : { id };
}

function series(counts: SlotCounts, from: number, to: number): UsageSeries {
  const length = Math.max(to - from + 1, 0);
  return {
    start: new Date(from * SLOT_MS),
    stepMs: SLOT_MS,
    counts: Array.from({ length }, (_, i) => counts.get(from + i) ?? 0),
  };
}

function inWords(ms: number): string {
  return ms % HOUR_MS === 0 ? `${ms / HOUR_MS} h` : duration(ms);
}
