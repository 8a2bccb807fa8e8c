import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

import { countedCost } from './checked-input.js';
import {
  ContributorTables,
  hasRoom,
  keptUntil,
  UNNAMED,
  type ContributorTable,
  type Write,
} from './contributor-table.js';
import type { Breach } from '../model/breach.js';
import type { Category } from '../model/category.js';
import type { LiveTotal } from '../model/live-total.js';
import { keyOfShown, tenantKey } from '../model/tenant.js';
import type { WindowSpan } from '../model/window.js';
import { windowNamed } from '../model/window-name.js';
import { Records, unlessNewer } from '../store/records.js';
import type { SharedState } from '../store/shared-state.js';
import { plus } from '../util/plus.js';
import { isAmount, isBoolean, isOptional, isTime, mapOf, shaped } from '../util/shapes.js';
import { OTHER, unlikeOther } from '../util/shown-names.js';
import { oneLine } from '../util/text.js';
import { within } from '../util/within.js';

const MAX_LABEL_LENGTH = 60;
/** Contributors named in an alert. */
const MAX_NAMED = 5;
/** Tenants and windows written in one look; the others follow in the next. */
const MAX_WRITES = 200;
/** Tenants close to a level do not wait for the next look, because an alert may come before it. */
const SHARE_AFTER_MS = 100;
const MAX_SHARED_AT_ONCE = 50;
/** An alert goes out without contributors rather than late. */
const NAMED_WITHIN_MS = 500;
/** Other instances share their part with their next look, a second after the last one: later if they are busy. */
const SHARED_WITHIN_MS = 2_000;
/** How often to check whether other instances have shared their part. */
const ASK_AGAIN_MS = 50;
/** The most alerts that wait for other instances at once. In a storm, further ones are sent with what is known here. */
const MAX_WAITING_ALERTS = 100;
/** Tenants and windows kept in the store: about 5 MB. */
const MAX_RECORDS = 2_000;
const LOOKS_PER_TRIM = 60;
/** Instances that a record remembers. */
const MAX_INSTANCES = 64;
const KIND = 'contributors';

/** One window of a tenant. */
interface TenantWindow {
  readonly category: string;
  readonly window: string;
  readonly tenantId: string;
  /** When it ends; for a sliding window, when its newest part ends. */
  readonly end: number;
}

/** A contributor to a count. */
interface Contributor {
  /** Comes from users; on one line, of a bounded length. */
  label: string;
  count: number;
}

/** The contributors that all instances counted, in the store. */
interface Kept {
  readonly counts: Record<string, number>;
  /** The last write of each instance, least recent first. */
  readonly writes: Record<string, number>;
  /** When it is no longer needed. */
  readonly until: number;
  /** Whether instances were dropped from `writes`. */
  readonly forgot?: boolean;
}

/** A malformed record in the store must not break the others. */
const isKept = shaped({
  counts: mapOf(isAmount),
  writes: mapOf(isAmount),
  until: isTime,
  forgot: isOptional(isBoolean),
});

/**
 * Who makes up the counts of tenants: API keys, users, models. Counted in this process; shared with the others once a tenant is near a
 * level, so that an alert can name them.
 *
 * Up to 16 contributors of a tenant and window are distinguished, with exact numbers. If there are more, or an instance had no room, a
 * number is a lower bound, and `other` is the rest.
 */
export class Contributors {
  private readonly instance = randomUUID().slice(0, 13);
  private readonly tables = new ContributorTables();
  private readonly records: Records<Kept>;
  private readonly soon = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private looks = 0;
  private waiting = 0;

  constructor(
    private readonly state: SharedState,
    private readonly categories: ReadonlyMap<string, Category>,
    private readonly now: () => number,
  ) {
    this.records = new Records(state, KIND, ({ until }) => until, isKept);
  }

  /** Adds `cost` to a contributor of a tenant, in each window of the category, as the counter does to the tenant. */
  count({ name: category, windows, maxCost }: Category, tenantId: string, label: string, cost: number): void {
    const worth = countedCost(cost, maxCost);
    if (worth === 0) return;
    const [now, tenant] = [this.now(), tenantKey(tenantId)];
    for (const window of windows) {
      const span = window.spanAt(now);
      this.tables.counting(idOf(category, tenant, span), category, window, tenant, span).add(label, worth);
    }
  }

  /**
   * The known contributors to `count`, largest first, and `other` for the rest; none if reading them takes too long.
   *
   * @param end - When the window ends; for a sliding window, when its newest part ends.
   */
  async top(category: string, window: string, tenantId: string, end: number, count: number): Promise<Contributor[]> {
    if (!this.categories.get(category)?.contributor) return [];
    const top = this.counts({ category, window, tenantId, end }).then((counts) => named(counts, count));
    return within(top, NAMED_WITHIN_MS, 'no answer').catch(() => []);
  }

  /** The breach with the contributors to its count, if the category names them. Waits briefly for other instances to share theirs. */
  async withContributors(breach: Breach): Promise<Breach> {
    if (!this.categories.get(breach.category)?.contributor) return breach;
    const contributors = await this.topOnceKnown(breach);
    return contributors.length > 0 ? { ...breach, contributors } : breach;
  }

  private async topOnceKnown(breach: Breach): Promise<Contributor[]> {
    const giveUpAt = performance.now() + SHARED_WITHIN_MS;
    const inTime = (work: Promise<unknown>): Promise<unknown> =>
      within(work, giveUpAt - performance.now(), 'no answer');
    const { category, window, tenant, windowEnd, count, own = count } = breach;
    const of = { category, window, tenantId: tenant.id, end: windowEnd };
    let counts: ReadonlyMap<string, number> = new Map();
    const read = async (): Promise<unknown> => (counts = await this.counts(of));
    // No other instance knows who made the requests that this one counted.
    const isAll = (): boolean => own >= count || [...counts.values()].reduce(plus, 0) >= count || !hasRoom(counts);
    let isWaiting = false;
    try {
      await inTime(read());
      isWaiting = !isAll() && this.waiting < MAX_WAITING_ALERTS;
      if (isWaiting) {
        this.waiting++;
        await inTime(this.askOthers(of));
        while (!isAll()) await inTime(wait(ASK_AGAIN_MS).then(read));
      }
    } catch {
      // What is known here is better than nothing. The counter reports that the store is away.
    } finally {
      if (isWaiting) this.waiting--;
    }
    return named(counts, count);
  }

  /** Creates the records that make other instances share their part, even if they do not know that the tenant is near a level. */
  private async askOthers(of: TenantWindow): Promise<void> {
    for (const { id, until } of this.partsOf(of))
      await this.records.change(id, (kept) => kept ?? { counts: {}, writes: {}, until });
  }

  /** Shares the counts of a tenant that is close to a level, without waiting for the next look. */
  near(of: { category: string; window: string; tenant: string; span: WindowSpan }): void {
    if (this.soon.size >= MAX_SHARED_AT_ONCE || !this.categories.get(of.category)?.contributor) return;
    this.soon.add(idOf(of.category, of.tenant, of.span));
    this.shareSoon();
  }

  private shareSoon(): void {
    this.timer ??= setTimeout(() => void this.shareNear(), SHARE_AFTER_MS).unref();
  }

  private async shareNear(): Promise<void> {
    const ids = [...this.soon];
    this.soon.clear();
    const written = ids.map(async (id) => {
      const table = this.tables.get(id);
      if (table?.isUnshared) await this.write(id, table);
    });
    // The next look retries what failed.
    await Promise.allSettled(written);
    this.timer = undefined;
    // Tenants that were added in the meantime.
    if (this.soon.size > 0) this.shareSoon();
  }

  private async counts(of: TenantWindow): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    for (const { id } of this.partsOf(of))
      for (const [label, more] of await this.ofSpan(id)) counts.set(label, plus(counts.get(label) ?? 0, more));
    return counts;
  }

  /** The records of a tenant's window: one, or one for each part of a sliding window, the newest first. */
  private *partsOf({
    category,
    window,
    tenantId,
    end,
  }: TenantWindow): Generator<{ readonly id: string; readonly until: number }> {
    const counted = windowNamed(this.categories.get(category)?.windows, window);
    if (!counted) return;
    const tenant = keyOfShown(tenantId);
    let next = end;
    for (let part = 0; part < (counted.parts ?? 1); part++) {
      const span = counted.spanAt(next - 1);
      next = span.start;
      yield { id: idOf(category, tenant, span), until: keptUntil(span, counted.parts) };
    }
  }

  /**
   * Runs once a second: shares tables of tenants near a level, even if only another instance knows that they are, and drops tables of past
   * windows.
   *
   * @param live - Tenants as the counter knows them.
   */
  async look(live: Iterable<LiveTotal>): Promise<void> {
    const now = this.now();
    this.tables.forget(now);
    if (this.tables.size > 0) await this.shareWith(await this.state.list(KIND, MAX_WRITES), this.nearIn(live));
    const { ids } = await this.records.due(now, MAX_WRITES);
    for (const id of ids) await this.records.change(id, () => undefined).catch(unlessNewer);
    if (++this.looks % LOOKS_PER_TRIM === 0) await this.state.trim(KIND, MAX_RECORDS);
  }

  private async shareWith(others: ReadonlyMap<string, unknown>, near: ReadonlySet<string>): Promise<void> {
    const changed = [...this.tables].filter(
      ([id, table]) => table.isUnshared && (near.has(nearKey(table)) || others.has(id)),
    );
    for (const [id, table] of changed.slice(0, MAX_WRITES)) await this.write(id, table).catch(unlessNewer);
  }

  /** Tenants over half of their lowest level: an alert may come soon. */
  private nearIn(live: Iterable<LiveTotal>): ReadonlySet<string> {
    const near = new Set<string>();
    for (const total of live) {
      const { windows } = this.categories.get(total.category) ?? {};
      const { at: lowest = 1 } = windowNamed(windows, total.window)?.levels[0] ?? {};
      if (total.known > ((total.threshold ?? Infinity) * lowest) / 2) near.add(nearKey(total));
    }
    return near;
  }

  /** What all instances know; while the store is away, what this one knows. */
  private async ofSpan(id: string): Promise<[string, number][]> {
    const table = this.tables.get(id);
    const shared = async (): Promise<Kept | undefined> => {
      if (table?.isUnshared) await this.write(id, table);
      return this.records.read(id);
    };
    // This instance's part is better than nothing. The counter reports that the store is away.
    const kept = await shared().catch(() => undefined);
    return kept ? Object.entries(kept.counts) : (table?.counts() ?? []);
  }

  private async write(id: string, table: ContributorTable): Promise<void> {
    const write = table.nextWrite();
    await this.records.change(id, (kept) => this.with(kept, write, table.until));
    table.wasWritten(write);
  }

  private with(kept: Kept | undefined, { number, added }: Write, until: number): Kept {
    const record: Kept = kept ?? { counts: {}, writes: {}, until };
    const mine = record.writes[this.instance] ?? 0;
    if (mine >= number) return record;
    // If it contains no earlier write of this instance, the store has lost any there were.
    const isLost = mine === 0 && !record.forgot;
    const sums = new Map(Object.entries(record.counts));
    for (const { share, more, all } of added) {
      if (sums.has(share.label) || hasRoom(sums))
        sums.set(share.label, plus(sums.get(share.label) ?? 0, isLost ? all : more));
    }
    const others = Object.entries(record.writes).filter(([instance]) => instance !== this.instance);
    return {
      counts: Object.fromEntries(sums),
      writes: Object.fromEntries([...others, [this.instance, number] as const].slice(-MAX_INSTANCES)),
      until,
      ...(record.forgot || others.length >= MAX_INSTANCES ? { forgot: true } : {}),
    };
  }
}

/** A label that is safe to store; undefined if there is none. */
export function contributorLabel(answer: unknown): string | undefined {
  if (typeof answer !== 'string' && typeof answer !== 'number') return undefined;
  const label = oneLine(String(answer), MAX_LABEL_LENGTH);
  if (label === '') return undefined;
  return unlikeOther(label, 'name');
}

function named(counts: ReadonlyMap<string, number>, count: number): Contributor[] {
  const all = Array.from(counts, ([label, of]) => ({ label, count: of })).sort((a, b) => b.count - a.count);
  const shown = all.filter(({ label }) => label !== UNNAMED).slice(0, MAX_NAMED);
  if (shown.length === 0) return [];
  const rest = shown.reduce((left, one) => plus(left, -one.count), count);
  return rest > 0 ? [...shown, { label: OTHER, count: rest }] : shown;
}

function idOf(category: string, tenant: string, { key }: WindowSpan): string {
  return JSON.stringify([category, key, tenant]);
}

/** Without the span, because the earlier parts of a sliding window are near too. */
function nearKey({ category, window, tenant }: Pick<LiveTotal, 'category' | 'window' | 'tenant'>): string {
  return JSON.stringify([category, window, tenant]);
}
