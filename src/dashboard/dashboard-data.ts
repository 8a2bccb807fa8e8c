import type { AlertRecord } from '../model/alert-record.js';
import type { MonitorView } from '../facade/monitor-view.js';
import type { Category, CategoryWindow } from '../model/category.js';
import type { ThresholdOverride } from '../model/threshold-override.js';
import { keyOfShown } from '../model/tenant.js';
import { WHOLE_WINDOWS_MS } from '../model/window.js';
import { baseWindow, NEAR } from '../usage/usage-units.js';
import type { UsageReader, UsageRow, UsageSeries } from '../usage/usage-reader.js';
import { VERSION } from '../util/version.js';
import {
  MAX_TOP,
  type Advice,
  type CategoryAnswer,
  type CategorySummary,
  type Overview,
  type PageMute,
  type Series,
  type TenantAnswer,
  type TenantRow,
  type TenantsAnswer,
  type ThresholdsAnswer,
} from './api.js';
import { Cached } from './cached.js';
import { Parts } from './parts.js';
import {
  deliveriesOf,
  endOf,
  incidentsOf,
  hasOpenIncident,
  noAdvice,
  shown,
  tenantOf,
  toAdvice,
  toOverride,
  toPageAlert,
  toPageChange,
  toPageChannel,
  toPageInstance,
  toPageMute,
  toSeries,
} from './to-api.js';

const MAX_ROWS = 20;
const MAX_FOUND = 50;
const MAX_ALERTS = 50;
const MAX_TENANTS = 200;
/** Tenants of a window up to this length stay visible after it ends, until the next window has more. */
const MAX_SHOWN_ON_MS = 5 * 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** How long responses are cached: a second for the current minute, longer for a day. */
const LIVE_MS = 1_000;
const DAY_GOOD_MS = 10_000;
const ADVICE_GOOD_MS = 60_000;
const STORAGE_GOOD_MS = 300_000;

/** The data that rows are matched with. */
interface Told {
  readonly alerts: readonly AlertRecord[];
  readonly mutes: readonly PageMute[];
}

/** Tenants that a search has found, and how many more there are. */
interface Found {
  readonly rows: readonly TenantRow[];
  readonly more: number;
}

const NONE_FOUND: Found = { rows: [], more: 0 };

/** Builds the responses of the page's API. Reads each once a second for any number of viewers. */
export class DashboardData {
  private readonly cached = new Cached();
  /** Why the overview lacked parts. */
  private lackedByAll: readonly string[] = [];

  /** @param lacking - Called with each answer's name: what it lacks and why, for the log; empty if it has all. */
  constructor(
    private readonly view: MonitorView,
    private readonly lacking: (answer: string, reasons: string) => void,
  ) {}

  /** Call after a change on the page, so that the next response includes it. */
  changed(): void {
    this.cached.clear();
  }

  overview(): Promise<Overview> {
    return this.cached.get('overview', LIVE_MS, () => this.readOverview());
  }

  tenants(category: string | undefined, search: string): Promise<TenantsAnswer> {
    return this.cached.get(`tenants ${category ?? ''} ${search}`, LIVE_MS, () => this.readTenants(category, search));
  }

  tenant(category: string, id: string): Promise<TenantAnswer> {
    return this.cached.get(`tenant ${category} ${id}`, LIVE_MS, () => this.readTenant(category, id));
  }

  category(name: string): Promise<CategoryAnswer> {
    return this.cached.get(`category ${name}`, DAY_GOOD_MS, () => this.readCategory(name));
  }

  advice(category: string, over?: number, at?: number): Promise<Advice> {
    const { usage } = this.view;
    if (!usage) return Promise.resolve(noAdvice(this.categoryOf(category), this.view.now()));
    return this.cached.get(`advice ${category} ${over} ${at}`, ADVICE_GOOD_MS, async () =>
      toAdvice(await usage.advise(category, { over, ...(at === undefined ? {} : { at: [at] }) })),
    );
  }

  thresholds(): Promise<ThresholdsAnswer> {
    return this.cached.get('thresholds', LIVE_MS, async () => {
      const [set, changes] = await Promise.all([this.view.thresholds.list(), this.view.thresholds.changes()]);
      return {
        now: this.view.now(),
        thresholds: set.map((override) => ({
          category: override.category,
          window: override.window ?? '',
          tenant: override.tenant,
          ...toOverride(override),
        })),
        changes: changes.map(toPageChange),
      };
    });
  }

  mutes(): Promise<PageMute[]> {
    return this.cached.get('mutes', LIVE_MS, async () => (await this.view.alerts.mutes()).map(toPageMute));
  }

  private async readOverview(): Promise<Overview> {
    const { view } = this;
    const parts = new Parts();
    // All at once: while the store hangs, each that waited for another would take as long again.
    const telling = this.told(parts);
    const [told, listed, all, categories, storage] = await Promise.all([
      telling,
      parts.read('instances', view.instances.list(), undefined),
      this.nearRows(telling, parts),
      Promise.all(Array.from(view.categories.values(), (category) => this.summary(category, parts))),
      this.storage(parts),
    ]);
    const { readAt, instances } = listed ? { readAt: undefined, instances: listed } : view.instances.known();
    const rows = await this.withDetails(all.slice(0, MAX_ROWS), told, parts);
    // Counts a tenant once, in however many windows and categories it is over, and only if it is over the threshold, not a lower level.
    const over = new Set(all.filter(({ since }) => since !== undefined).map(({ tenant }) => tenant.id)).size;
    // Last, because the store may go while the parts are read.
    const { name, up, blindSince } = view.store();
    // While it is away, its own line has the reason.
    this.lackedByAll = up ? parts.reasons : [];
    this.lacking('overview', this.lackedByAll.join(', '));
    return {
      now: view.now(),
      service: view.service,
      environment: view.environment,
      version: VERSION,
      state: blindSince !== undefined ? 'blind' : over > 0 ? 'over' : 'calm',
      over,
      blindSince,
      store: { name, up },
      instances: instances.map((instance) => toPageInstance(instance, view.instances.id)),
      instancesReadAt: readAt,
      uncounted: instances.reduce((sum, { uncounted }) => sum + uncounted, 0),
      channels: view.channels().map(toPageChannel),
      categories,
      rows,
      moreRows: Math.max(all.length - rows.length, 0),
      incidents: incidentsOf(told.alerts).filter(({ resolvedAt }) => resolvedAt === undefined),
      alerts: told.alerts
        .filter(({ raisedAt }) => raisedAt.getTime() > view.now() - DAY_MS)
        .slice(0, MAX_ALERTS)
        .map(toPageAlert),
      mutes: [...told.mutes],
      storage,
      handlers: view
        .handlers()
        .map(({ handler, categories: names, seen }) => ({ handler, categories: [...names], seen })),
      canSetThreshold: true,
      ...parts.unread,
    };
  }

  private async readTenants(name: string | undefined, search: string): Promise<TenantsAnswer> {
    const { usage } = this.view;
    const parts = new Parts();
    const searched = [...this.view.categories.values()].filter((category) => (name ?? category.name) === category.name);
    const finding = searched.map((category) =>
      usage ? parts.read(usageOf(category), this.find(usage, category, search.toLowerCase()), NONE_FOUND) : NONE_FOUND,
    );
    const [told, ...found] = await Promise.all([this.told(parts), ...finding]);
    const rows = found.flatMap((some) => some.rows).sort((a, b) => b.ratio - a.ratio);
    const more = found.reduce((sum, some) => sum + some.more, 0);
    const shown = rows.slice(0, MAX_FOUND);
    return {
      now: this.view.now(),
      rows: await this.withDetails(shown, told, parts),
      more: more + rows.length - shown.length,
      ...parts.unread,
    };
  }

  private async find(usage: UsageReader, category: Category, wanted: string): Promise<Found> {
    const seen = await this.seen(category.name);
    const found = Array.from(seen)
      .filter(([id, about]) => id.toLowerCase().includes(wanted) || about.toLowerCase().includes(wanted))
      .map(([id]) => id);
    // Only some are read, so the busiest come first.
    const top = await usage.top(category.name, { limit: MAX_TOP });
    const place = new Map(top.map(({ tenant }, i) => [tenant.id, i]));
    found.sort((a, b) => (place.get(a) ?? MAX_TOP) - (place.get(b) ?? MAX_TOP));
    const rows = await usage.present(category, baseWindow(category), found.slice(0, MAX_FOUND));
    return { rows: rows.map((row) => this.toRow(row)), more: Math.max(found.length - MAX_FOUND, 0) };
  }

  private async readTenant(name: string, id: string): Promise<TenantAnswer> {
    const { usage, thresholds } = this.view;
    const now = this.view.now();
    const parts = new Parts();
    // All at once, as for the overview.
    const common = this.told(parts).then((told) => {
      const mine = told.alerts.filter(
        ({ alert }) => alert.category === name && keyOfShown(alert.tenant.id) === keyOfShown(id),
      );
      return { told, incidents: incidentsOf(mine), alerts: mine.slice(0, MAX_ALERTS).map(toPageAlert) };
    });
    if (!usage) {
      const { incidents, alerts } = await common;
      return { now, rows: [], day: noSeries(now), hourlyPeaks: [], incidents, alerts, ...parts.unread };
    }
    const category = usage.category(name);
    const what = usageOf(category);
    const present = category.windows.map((window) => usage.present(category, window, [keyOfShown(id)]));
    const [{ told, incidents, alerts }, day, peaks, overrides, ...found] = await Promise.all([
      common,
      this.needed(parts, what, usage.history(name, id, { from: now - DAY_MS }), undefined),
      this.needed(parts, what, usage.hourlyPeaks(name, { from: now - usage.retention.hourlyRetentionMs }), []),
      this.needed(parts, 'thresholds', thresholds.list(), []),
      ...present.map((rows) => this.needed(parts, what, rows, [])),
    ]);
    const rows = await this.withDetails(
      found.flat().map((row) => this.toRow(row)),
      told,
      parts,
    );
    this.lackedBy('tenant', parts);
    const base = baseWindow(category).name;
    const isOfTenant = ({ tenant }: ThresholdOverride): boolean =>
      tenant !== undefined && keyOfShown(tenant) === keyOfShown(id);
    const override = overrides.find((one) => isFor(one, name, base) && isOfTenant(one));
    return {
      now,
      rows,
      day: day ? toSeries(day) : noSeries(now),
      hourlyPeaks: peaks.flatMap(({ hour, tenants }) => {
        const own = tenants.find(({ tenant }) => tenant.id === keyOfShown(id));
        return own ? [{ at: hour.getTime(), count: own.count }] : [];
      }),
      incidents,
      alerts,
      override: override && toOverride(override),
      ...parts.unread,
    };
  }

  private async readCategory(name: string): Promise<CategoryAnswer> {
    const { usage, thresholds } = this.view;
    const now = this.view.now();
    const parts = new Parts();
    const category = this.categoryOf(name);
    const what = usageOf(category);
    // All at once, as for the overview.
    const common = Promise.all([this.told(parts), this.summary(category, parts)]).then(([{ alerts }, summary]) => ({
      now,
      category: summary,
      alerts: alerts
        .filter(({ alert, raisedAt }) => alert.category === name && raisedAt.getTime() > now - DAY_MS)
        .map(({ alert, raisedAt }) => ({
          at: raisedAt.getTime(),
          tenant: tenantOf(alert),
          severity: alert.level.severity,
        })),
    }));
    if (!usage) {
      const advice = noAdvice(category, now);
      return { ...(await common), totals: noSeries(now), tenants: [], active: 0, advice, ...parts.unread };
    }
    const [told, totals, used, advice, overrides] = await Promise.all([
      common,
      this.needed(parts, what, usage.totals(name, { from: now - DAY_MS }), undefined),
      this.needed(parts, what, this.used(category), []),
      this.needed(parts, what, this.advice(name), noAdvice(category, now)),
      this.needed(parts, 'thresholds', thresholds.list(), []),
    ]);
    this.lackedBy('category', parts);
    const base = baseWindow(category).name;
    const override = overrides.find((one) => isFor(one, name, base) && one.tenant === undefined);
    return {
      ...told,
      totals: totals ? toSeries(totals) : noSeries(now),
      tenants: used.slice(0, MAX_TENANTS),
      active: used.length,
      advice,
      override: override && toOverride(override),
      ...parts.unread,
    };
  }

  private categoryOf(name: string): Category {
    const category = this.view.categories.get(name);
    if (!category) throw new RangeError('unknown category');
    return category;
  }

  /** Tenants of the last day, highest minute first. */
  private async used(category: Category): Promise<CategoryAnswer['tenants']> {
    const { usage } = this.view;
    if (!usage) return [];
    return this.cached.get(`used ${category.name}`, ADVICE_GOOD_MS, async () =>
      (await usage.usageIn(category, { from: this.view.now() - DAY_MS }))
        .map(({ tenant, counts, threshold }) => {
          let [peak, total] = [0, 0];
          for (const [count, times] of counts) [peak, total] = [Math.max(peak, count), total + count * times];
          return { tenant, peak, total, threshold: shown(threshold) ?? 0 };
        })
        .sort((a, b) => b.peak - a.peak || b.total - a.total),
    );
  }

  /**
   * Tenants at half of a threshold or more, worst first. Looks at the busiest, those that came near and those that raised alerts, because a
   * tenant with a low threshold of its own need not be among the busiest.
   */
  private async nearRows(telling: Promise<Told>, parts: Parts): Promise<TenantRow[]> {
    const { usage, categories } = this.view;
    if (!usage) return [];
    const now = this.view.now();
    const nearIn = async (category: Category, window: CategoryWindow): Promise<TenantRow[]> => {
      const { start, end } = window.spanAt(now);
      const times = end - start <= MAX_SHOWN_ON_MS ? [now, start - 1] : [now];
      const since = window.spanAt(times.at(-1) ?? now).start;
      const rows = times.map(async (at) => {
        const [busiest, nearest, { alerts }] = await Promise.all([
          usage.top(category.name, { limit: MAX_TOP, window: window.name, at }),
          usage.nearest(category, window, at),
          telling,
        ]);
        const alerted = alertedSince(alerts, category.name, window.name, since);
        const known = new Set(busiest.map(({ tenant }) => tenant.id));
        const others = [...new Set([...nearest, ...alerted])].filter((tenant) => !known.has(tenant));
        return [...busiest, ...(await usage.present(category, window, others, at))];
      });
      const [running = [], last = []] = await Promise.all(rows);
      const near = worstOf(running, last).filter(({ ratio = 0 }) => ratio >= NEAR);
      return near.map((row) => this.toRow(row));
    };
    const found = await Promise.all(
      Array.from(categories.values()).flatMap((category) =>
        category.windows.map((window) => parts.read(usageOf(category), nearIn(category, window), [])),
      ),
    );
    return found.flat().sort((a, b) => b.ratio - a.ratio);
  }

  private toRow(row: UsageRow): TenantRow {
    const category = this.view.categories.get(row.category) as Category;
    const window = category.windows.find(({ name }) => name === row.window) as CategoryWindow;
    const known = shown(row.threshold);
    const threshold = known ?? 0;
    const levels = window.levels.map(({ at, severity }) => ({ at, severity, count: Math.floor(threshold * at) }));
    const reached = known === undefined ? undefined : levels.filter(({ count }) => row.count > count).at(-1);
    const windowStart = row.windowStart.getTime();
    return {
      category: row.category,
      window: row.window,
      windowMs: window.windowMs,
      windowStart,
      tenant: row.tenant,
      count: row.count,
      threshold,
      levels,
      ratio: row.ratio ?? 0,
      share: row.share,
      windowEnd: row.windowEnd?.getTime(),
      severity: reached?.severity,
      since: row.since?.getTime(),
      hour: { start: windowStart, stepMs: 60_000, counts: [] },
      hourThreshold: window === baseWindow(category) ? known : undefined,
      told: [],
    };
  }

  /** Adds the last hour, the channels that were sent the breach, and mutes. */
  private async withDetails(rows: readonly TenantRow[], { alerts, mutes }: Told, parts: Parts): Promise<TenantRow[]> {
    const { usage } = this.view;
    const now = this.view.now();
    const hours = new Map<TenantRow, Series>();
    for (const category of this.view.categories.values()) {
      const own = rows.filter((row) => row.category === category.name);
      if (!usage || own.length === 0) continue;
      const ids = own.map(({ tenant }) => tenant.id);
      const lastHour = (some: string[]): Promise<UsageSeries[]> =>
        usage.histories(category, some, { from: now - HOUR_MS + 60_000 });
      // A tenant's history that cannot be read hides no other's.
      const series = await lastHour(ids).catch(() =>
        Promise.all(ids.map(async (id) => (await parts.read(usageOf(category), lastHour([id]), []))[0])),
      );
      series.forEach((hour, i) => hour && hours.set(own[i] as TenantRow, toSeries(hour)));
    }
    return rows.map((row) => {
      const record = alerts.find((one) => hasTold(one, row));
      // Usage may know only the start of the window, the alert knows when it was crossed.
      const crossed = row.windowMs > WHOLE_WINDOWS_MS ? (record?.raisedAt.getTime() ?? 0) : 0;
      return {
        ...row,
        since: row.since && Math.max(row.since, crossed),
        // The alert already has the name, because it is sent before usage is written.
        tenant: { id: row.tenant.id, name: row.tenant.name ?? record?.alert.tenant.name },
        hour: hours.get(row) ?? row.hour,
        // Contributors to an earlier window say nothing about this count.
        contributors: record && endOf(record.alert) >= row.windowStart ? record.alert.contributors : undefined,
        told: record ? deliveriesOf(record) : [],
        mute: mutes.find((mute) => holdsBack(mute, row)),
      };
    });
  }

  private async told(parts: Parts): Promise<Told> {
    const history = this.cached.get('alerts', LIVE_MS, () => this.view.alertHistory());
    const [{ alerts, unread }, mutes] = await Promise.all([
      parts.read('alerts', history, { alerts: [], unread: undefined }),
      parts.read('mutes', this.mutes(), []),
    ]);
    if (unread !== undefined) parts.lacks('alerts that are over', unread);
    return { alerts, mutes };
  }

  /** Says what the overview, which every page asks for, has not said. */
  private lackedBy(answer: string, { reasons }: Parts): void {
    if (!this.view.store().up) return;
    this.lacking(answer, reasons.filter((reason) => !this.lackedByAll.includes(reason)).join(', '));
  }

  /** A part without which an answer would look as if nothing was counted: it fails while the store is away. */
  private needed<T>(parts: Parts, what: string, reading: Promise<T>, nothing: T): Promise<T> {
    return this.view.store().up ? parts.read(what, reading, nothing) : reading;
  }

  private async summary(category: Category, parts: Parts): Promise<CategorySummary> {
    const { usage } = this.view;
    const now = this.view.now();
    const base = baseWindow(category);
    const windows = [base, ...category.windows.filter((window) => window !== base)];
    const [totals, tenants] = usage
      ? await Promise.all([
          parts.read(
            usageOf(category),
            usage.totals(category.name, { from: now }).then(({ counts }) => counts),
            [],
          ),
          parts.read(
            usageOf(category),
            this.cached.get(`active ${category.name}`, ADVICE_GOOD_MS, () =>
              usage.active(category.name, { from: now - DAY_MS }),
            ),
            0,
          ),
        ])
      : [[], 0];
    return {
      name: category.name,
      windows: windows.map((window) => ({
        name: window.name,
        windowMs: window.windowMs,
        threshold: shown(this.view.thresholdOf(category, window)),
        levels: window.levels.map(({ at, severity }) => ({ at, severity })),
      })),
      total: totals.at(-1) ?? 0,
      tenants,
      variable: base.variable,
    };
  }

  private async storage(parts: Parts): Promise<Overview['storage']> {
    const { usage, categories } = this.view;
    if (!usage) return undefined;
    const { retentionMs, hourlyRetentionMs } = usage.retention;
    const [bytes, ...seen] = await Promise.all([
      this.cached.get('bytes', STORAGE_GOOD_MS, () => usage.bytes()).catch(() => undefined),
      ...Array.from(categories.values(), (category) =>
        parts.read(usageOf(category), this.seen(category.name), new Map<string, string>()),
      ),
    ]);
    const tenants = new Set<string>();
    for (const ids of seen) for (const id of ids.keys()) tenants.add(id);
    return { bytes, tenants: tenants.size, retentionMs, hourlyRetentionMs };
  }

  /** Names of the tenants of the last day, by id. */
  private seen(category: string): Promise<Map<string, string>> {
    const { usage } = this.view;
    if (!usage) return Promise.resolve(new Map<string, string>());
    return this.cached.get(`seen ${category}`, DAY_GOOD_MS, async () => {
      const seen = await usage.seenSince(category, this.view.now() - DAY_MS);
      return new Map(Array.from(seen, ([id, { name }]) => [id, name]));
    });
  }
}

/** A series of no counts. */
function noSeries(now: number): Series {
  return { start: now, stepMs: 60_000, counts: [] };
}

/** How the page and the log name a category's usage. */
function usageOf({ name }: Category): string {
  return `usage of ${name}`;
}

/** Keys of the tenants that, according to alerts, were over after `since` or have an open incident. */
function alertedSince(alerts: readonly AlertRecord[], category: string, window: string, since: number): string[] {
  const alerted = alerts.filter(
    ({ alert, raisedAt }) =>
      alert.category === category &&
      (alert.window ?? '') === window &&
      // Consecutive windows share a record, whose `raisedAt` does not change.
      ((alert.windowEnd ?? raisedAt).getTime() > since || hasOpenIncident(alert)),
  );
  return [...new Set(alerted.map(({ alert }) => keyOfShown(alert.tenant.id)))].slice(0, MAX_TOP);
}

/** Whether an alert is about the breach of a row. */
function hasTold({ alert, raisedAt }: AlertRecord, row: TenantRow): boolean {
  return (
    row.severity !== undefined &&
    alert.category === row.category &&
    (alert.window ?? '') === row.window &&
    keyOfShown(alert.tenant.id) === row.tenant.id &&
    // An open incident is sent only once, and may have begun before calm windows.
    (hasOpenIncident(alert) ||
      raisedAt.getTime() >= Math.min(row.since ?? row.windowStart, row.windowStart) - row.windowMs)
  );
}

function holdsBack({ tenant, category }: PageMute, row: TenantRow): boolean {
  return (
    (tenant === undefined || keyOfShown(tenant.id) === row.tenant.id) && (category ?? row.category) === row.category
  );
}

/** For each tenant the higher row of this window and the previous one, so that the page does not look calm when a new minute begins. */
function worstOf(running: readonly UsageRow[], last: readonly UsageRow[]): UsageRow[] {
  const worst = new Map(running.map((row) => [row.tenant.id, row]));
  for (const row of last) if (row.count > (worst.get(row.tenant.id)?.count ?? 0)) worst.set(row.tenant.id, row);
  return [...worst.values()];
}

function isFor({ category, window = '' }: ThresholdOverride, name: string, windowName: string): boolean {
  return category === name && window === windowName;
}
