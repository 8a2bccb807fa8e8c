import type { Cluster, Redis } from 'ioredis';

import { countersOf } from '../model/window.js';
import { slidingSpans } from '../model/window-spans.js';
import { redisKey } from '../store/redis/counter-key.js';
import { readHistory, usageKey } from '../store/redis/redis-usage-store.js';
import {
  BLOCK_SLOTS,
  blockOf,
  MAX_LIVE,
  OPEN_SLOTS,
  SLOT_MS,
  type AboutWindow,
  type SlotCounts,
} from '../store/usage-store.js';

/** A tenant in the newest window that has a live top. */
export interface LiveRow {
  category: string;
  window: string;
  tenant: string;
  name?: string;
  count: number;
  /** Absent if it is not known, or cannot be exceeded. */
  threshold?: number;
  ratio?: number;
  /** Share of the total of the category's busiest tenants. */
  share: number;
  /**
   * When the tenant went over, as an ISO date; absent if it is not over. For windows up to a minute, the start of the first consecutive one
   * over the threshold, at most an hour back. For a longer one, the minute in which it was crossed, or its start if the history does not
   * show it.
   */
  since?: string;
}

const SCANNED = 500;
/** A day, which is how long tenants are kept by default. */
const MAX_BLOCKS_BACK = 3;
/** The app may report the next window this late. */
const LATE_MS = 2_000;
/** How many minutes back to look for when a tenant went over, in windows up to a minute. */
const MAX_SLOTS_BACK = 59;
/** Does not match a user's own keys. */
const CATEGORY = /:\{([A-Z][A-Z0-9_]*)\}:about$/;

/** Reads the live tops that the page shows directly from Redis, without an app. */
export class RowsFromRedis {
  constructor(
    private readonly client: Redis | Cluster,
    private readonly keyPrefix: string,
    private readonly limit: number,
  ) {}

  /** Rows worst first; by count if a threshold is unknown. */
  async read(categories: readonly string[]): Promise<LiveRow[]> {
    const [seconds] = await this.client.time();
    const now = Number(seconds) * 1_000;
    const rows: LiveRow[] = [];
    for (const name of categories) {
      const about = await this.client.hgetall(this.key(name, 'about'));
      const windows = Object.entries(about).map(([window, text]) => ({
        window,
        about: JSON.parse(text) as AboutWindow,
      }));
      const base = Math.min(...windows.map(({ about: { windowMs } }) => windowMs));
      for (const { window, about } of windows)
        rows.push(...(await this.ofWindow(name, window, about, now, about.windowMs === base)));
    }
    return rows.sort(worstFirst);
  }

  /** Whether a category was counted within the retention, without scanning all keys. */
  async isKnown(category: string): Promise<boolean> {
    // The key has the name in capitals, so other spellings would match too.
    if (category !== category.toLowerCase()) return false;
    return (await this.client.exists(this.key(category, 'about'))) === 1;
  }

  /** Categories that were counted within the retention. */
  async categories(): Promise<string[]> {
    const { client } = this;
    const nodes = client.isCluster ? (client as Cluster).nodes('master') : [client as Redis];
    const found = new Set<string>();
    for (const node of nodes) {
      let cursor = '0';
      do {
        const [next, keys] = await node.scan(cursor, 'MATCH', this.key('*', 'about'), 'COUNT', SCANNED);
        for (const key of keys) {
          const name = CATEGORY.exec(key)?.[1]?.toLowerCase();
          if (name !== undefined) found.add(name);
        }
        cursor = next;
      } while (cursor !== '0');
    }
    return [...found].sort();
  }

  /** `hasHistory` is true of a category's shortest window. */
  private async ofWindow(
    category: string,
    window: string,
    known: AboutWindow,
    now: number,
    hasHistory: boolean,
  ): Promise<LiveRow[]> {
    const about = atPresent(known, now);
    // If no tenant is counted, no app reports the next window.
    if (about.end !== undefined && about.end + LATE_MS < now) return [];
    const counts = await this.counts(category, window, about);
    const tenants = [...counts.keys()];
    if (tenants.length === 0) return [];
    const block = blockOf(Math.floor(now / SLOT_MS));
    // A tenant is listed in the 8-hour block in which it was last seen, and the window may be longer than that.
    const since = blockOf(Math.floor(firstPart(about, now) / SLOT_MS)) - 1;
    const blocks = Array.from({ length: Math.min(block - since, MAX_BLOCKS_BACK) + 1 }, (_, i) => block - i);
    const seenIn = await Promise.all(
      blocks.map((at) => this.client.hmget(this.key(category, `seen/${at}`), ...tenants)),
    );
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const all = tenants.map((tenant, i): LiveRow => {
      const seen = seenIn.map((list) => list[i]).find((one) => one !== undefined && one !== null) ?? ' ';
      const name = seen.slice(seen.indexOf(' ') + 1);
      const count = counts.get(tenant) ?? 0;
      const own = seen.startsWith(' ') ? undefined : Number(seen.slice(0, seen.indexOf(' ')).split(',')[about.index]);
      const applied = own ?? about.threshold ?? Infinity;
      // One that cannot be exceeded is null in JSON, read and written.
      const threshold = applied < Infinity ? applied : undefined;
      return {
        category,
        window,
        tenant,
        ...(name === '' ? {} : { name }),
        count,
        ...(threshold === undefined ? {} : { threshold, ratio: count / Math.max(threshold, 1) }),
        share: count / Math.max(total, 1),
      };
    });
    const rows = all.sort(worstFirst).slice(0, this.limit);
    const over = rows.filter(({ count, threshold = Infinity }) => count > threshold);
    const starts = hasHistory ? await this.since(category, about, over, now) : over.map(() => about.start);
    over.forEach((row, i) => starts[i] !== undefined && (row.since = new Date(starts[i]).toISOString()));
    return rows;
  }

  /** Counts of the busiest tenants, and of those nearest to their thresholds: the worst need not be among the busiest. */
  private async counts(category: string, window: string, about: AboutWindow): Promise<Map<string, number>> {
    const { span: running, counters = [running] } = about;
    const list = (kind: string, span: string): Promise<string[]> =>
      this.client.zrevrange(this.key(category, `${kind}/${window}/${span}`), 0, MAX_LIVE - 1);
    const [busiest, ...lists] = await Promise.all([
      this.client.zrevrange(this.key(category, `live/${window}/${running}`), 0, MAX_LIVE - 1, 'WITHSCORES'),
      ...counters.map((span) => list('near', span)),
      // In a sliding window, some tenants were counted only in an earlier part.
      ...counters.slice(1).map((span) => list('live', span)),
    ]);
    const counts = new Map<string, number>();
    for (let i = 0; i < busiest.length; i += 2) counts.set(busiest[i] as string, Number(busiest[i + 1]));
    // No more of each list than are shown: each tenant takes a read of its own, or several for a sliding window.
    const first = lists.flatMap((tenants) => tenants.filter((tenant) => !counts.has(tenant)).slice(0, this.limit));
    const others = [...new Set(first)];
    const found = await Promise.all(others.map((tenant) => this.count(category, tenant, about)));
    others.forEach((tenant, i) => counts.set(tenant, found[i] as number));
    return counts;
  }

  private key(category: string, name: string): string {
    return usageKey(this.keyPrefix, category, name);
  }

  /** Reads a count from the counters, for a tenant that is not among the busiest. */
  private async count(category: string, tenant: string, { counters = [] }: AboutWindow): Promise<number> {
    const totals = await Promise.all(
      counters.map((span) => this.client.hget(redisKey(this.keyPrefix, { category, tenant }, span), 'total')),
    );
    return totals.reduce((sum, total) => sum + Number(total ?? 0), 0);
  }

  /** When each of the rows went over its threshold. */
  private async since(
    category: string,
    about: AboutWindow,
    over: readonly LiveRow[],
    now: number,
  ): Promise<(number | undefined)[]> {
    const { name, windowMs, start, span, counters = [] } = about;
    if (over.length === 0 || start === undefined) return over.map(() => start);
    if (windowMs / (counters.length || 1) > SLOT_MS)
      return Promise.all(over.map(async (row) => (await this.crossed(category, about, row, now)) ?? start));
    const slot = Math.floor(start / SLOT_MS);
    const slots = Array.from({ length: MAX_SLOTS_BACK }, (_, i) => slot - 1 - i);
    const recent = await this.recent(category, name, windowMs, Number(span));
    return Promise.all(
      over.map(async ({ tenant, threshold = Infinity }) => {
        const counts = await this.history(category, tenant, slot - MAX_SLOTS_BACK, slot - 1);
        const end = slots.findIndex(
          (at) => Math.max(counts.get(at) ?? 0, recent.get(`${at} ${tenant}`) ?? 0) <= threshold,
        );
        const minutes = end === -1 ? slots.length : end;
        return minutes === 0 ? start : (slot - minutes) * SLOT_MS;
      }),
    );
  }

  /** The minute in which a long window was crossed. Its history has the running count of each minute in which somebody counted. */
  private async crossed(
    category: string,
    about: AboutWindow,
    { tenant, threshold = Infinity }: LiveRow,
    now: number,
  ): Promise<number | undefined> {
    const start = firstPart(about, now);
    const [first, running] = [Math.ceil(start / SLOT_MS), Math.floor(now / SLOT_MS)];
    const from = Math.max(first, running - MAX_BLOCKS_BACK * BLOCK_SLOTS);
    const counts = [...(await this.history(category, tenant, from, running))].sort(([a], [b]) => a - b);
    const calm = counts.findLastIndex(([, count]) => count <= threshold);
    if (calm === -1 && from > first) return undefined;
    // The running minute may not be in the history yet.
    const [slot] = counts[calm + 1] ?? [running];
    return Math.max(slot * SLOT_MS, start);
  }

  private history(category: string, tenant: string, from: number, to: number): Promise<SlotCounts> {
    return readHistory(this.client, this.keyPrefix, category, tenant, from, to);
  }

  /** The highest counts of the last minutes, by minute and tenant. `span` is the window's number. */
  private async recent(category: string, window: string, windowMs: number, span: number): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    const spans = Math.min((OPEN_SLOTS * SLOT_MS) / windowMs, MAX_SLOTS_BACK);
    const earlier = Array.from({ length: Math.ceil(spans) }, (_, i) => span - 1 - i).filter(Number.isSafeInteger);
    await Promise.all(
      earlier.map(async (key) => {
        const live = this.key(category, `live/${window}/${key}`);
        const found = await this.client.zrevrange(live, 0, MAX_LIVE - 1, 'WITHSCORES');
        const slot = Math.floor((key * windowMs) / SLOT_MS);
        for (let i = 0; i < found.length; i += 2) {
          const at = `${slot} ${found[i]}`;
          counts.set(at, Math.max(counts.get(at) ?? 0, Number(found[i + 1])));
        }
      }),
    );
    return counts;
  }
}

function worstFirst(a: LiveRow, b: LiveRow): number {
  return (b.ratio ?? 0) - (a.ratio ?? 0) || b.count - a.count;
}

/** When the window began; of a sliding one, the first part that it counts. */
function firstPart({ start, windowMs, counters = [] }: AboutWindow, now: number): number {
  return (start ?? now) - (counters.length > 1 ? windowMs : 0);
}

/** A sliding window moves on while nobody is counted, so the part that was reported last may not be the running one. */
function atPresent(reported: AboutWindow, now: number): AboutWindow {
  const { windowMs, start = now, counters = [] } = reported;
  if (counters.length < 2) return reported;
  const window = { spanAt: slidingSpans(windowMs), parts: counters.length };
  const running = window.spanAt(Math.max(now, start));
  return {
    ...reported,
    ...running,
    span: running.key,
    counters: countersOf(window, running),
  };
}
