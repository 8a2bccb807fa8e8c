import type { AlertHistory, AlertRecord } from '../model/alert-record.js';
import type { Notices } from './notices.js';
import type { BlindTime } from '../model/blind-time.js';
import type { NoticeOutcome } from '../model/notice.js';
import type { Category, CategoryWindow } from '../model/category.js';
import { SEVERITIES } from '../model/level.js';
import { withStore } from '../store/records.js';
import { MAX_LIVE } from '../store/usage-store.js';
import { LIVE_WINDOWS } from '../usage/tops-and-peaks.js';
import { RANGE, type TimeRange, type UsageReader } from '../usage/usage-reader.js';
import { baseWindow } from '../usage/usage-units.js';
import { checkNames } from '../util/option-names.js';
import { MAX_TENANTS, type Digest, type DigestAdvice, type DigestCount, type DigestFailure } from './digest.js';
import { digestNotice, type FoundDigest } from './digest-notice.js';

/** Injection token for what makes digests, once the app has started. */
export const DIGESTS = Symbol.for('nestjs-rate-monitor:digests');

/** A tenant at this share of its threshold is near it. */
const NEARLY_OVER = 0.8;
/** Replicas do not call at exactly the same time, so ranges are compared by the minute. */
const KEY_MS = 60_000;

/** What a digest is made from. */
export interface DigestSources {
  readonly categories: ReadonlyMap<string, Category>;
  readonly history: () => Promise<AlertHistory>;
  /** Undefined if usage is off. */
  readonly usage: UsageReader | undefined;
  readonly blindTimes: (from: number, to: number) => Promise<BlindTime[]>;
  readonly notices: Pick<Notices, 'sendOnce'>;
  /** The store's clock. */
  readonly now: () => number;
  /** This process's clock: by their own, replicas send a digest at the same time, however much their clocks differ. */
  readonly localNow: () => number;
}

/** Collects what deserves attention, and sends it. */
export class Digests {
  constructor(private readonly sources: DigestSources) {}

  /** Rejects while the store is away. */
  async digest(range: TimeRange): Promise<Digest> {
    const [from, to] = this.bounds(range);
    return withStore('There is no digest', async () => (await this.between(from, to)).digest);
  }

  /** Sends a digest from one replica. Resolves to undefined if another replica sends it. Rejects if the store stays away. */
  async sendDigest(range: TimeRange): Promise<NoticeOutcome[] | undefined> {
    const [from, to] = this.bounds(range);
    const { to: keyedTo = this.sources.localNow() } = range;
    const key = `digest:${[from, Number(keyedTo)].map((time) => Math.round(time / KEY_MS)).join(':')}`;
    return withStore('The digest was not sent', () =>
      this.sources.notices.sendOnce(key, async () => digestNotice(await this.between(from, to), key)),
    );
  }

  private async between(from: number, to: number): Promise<FoundDigest> {
    const { history, blindTimes, categories } = this.sources;
    const { alerts, unread, completeSince } = await history();
    // Without those that are over, it might be calm.
    if (unread !== undefined) throw unread as Error;
    const records = alerts.filter((record) => touches(record, from, to));
    const counts: DigestCount[] = [];
    const advice: DigestAdvice[] = [];
    // One after the other, because each walks through the history of all tenants of a category.
    for (const category of categories.values()) {
      counts.push(...(await this.countsOf(category, from, to)));
      advice.push(...(await this.adviceOn(category, from)));
    }
    counts.sort((a, b) => ratioOf(b) - ratioOf(a));
    const digest = {
      from: new Date(from),
      to: new Date(to),
      incidents: records.sort(bySeverity),
      peaks: counts.filter(isExceeded).slice(0, MAX_TENANTS),
      near: counts.filter((one) => !isExceeded(one)).slice(0, MAX_TENANTS),
      blind: await blindTimes(from, to),
      failures: records.flatMap(failuresOf),
      advice,
    };
    return { digest, isCut: completeSince > from };
  }

  private bounds(range: TimeRange): [number, number] {
    checkNames(range, RANGE);
    const { from, to = this.sources.now() } = range as Partial<TimeRange>;
    // A number too large for a Date becomes NaN, which is rejected.
    const bounds: [number, number] = [new Date(from ?? NaN).getTime(), new Date(to).getTime()];
    if (!(bounds[0] < bounds[1])) throw new RangeError('from is not before to: write an earlier from');
    return bounds;
  }

  /** The highest counts of tenants that were over or near their threshold. */
  private async countsOf(category: Category, from: number, to: number): Promise<DigestCount[]> {
    const { usage } = this.sources;
    if (!usage) return [];
    const base = baseWindow(category);
    // A window that begins at the end of the period is not part of it.
    const range = { from, to: to - 1 };
    const close = (await usage.usageIn(category, range))
      .flatMap(({ tenant, counts, threshold = Infinity }) => {
        const count = Math.max(...counts.keys());
        return isNear(count, threshold) ? [{ tenant, count, threshold }] : [];
      })
      .sort((a, b) => ratioOf(b) - ratioOf(a));
    // Each by itself: those that are over must not leave no room for those that are near.
    const worst = [close.filter(isExceeded), close.filter((one) => !isExceeded(one))].flatMap((each) =>
      each.slice(0, MAX_TENANTS),
    );
    const ids = worst.map(({ tenant }) => tenant.id);
    const series = ids.length === 0 ? [] : await usage.histories(category, ids, range);
    const found = worst.map(({ tenant, count, threshold }, i) => {
      const { start, stepMs, counts } = series[i] ?? { start: new Date(from), stepMs: 0, counts: [] };
      const at = new Date(start.getTime() + stepMs * Math.max(counts.indexOf(Math.max(...counts)), 0));
      return { category: category.name, window: base.name, tenant, count, threshold, at };
    });
    for (const window of category.windows)
      if (window !== base) found.push(...(await countsBeside(usage, category.name, window, from, to)));
    return found;
  }

  private async adviceOn({ name }: Category, from: number): Promise<DigestAdvice[]> {
    const { usage, now } = this.sources;
    const over = now() - from;
    if (!usage || over <= 0) return [];
    const { suggestion, threshold, window } = await usage.advise(name, { over });
    if (!suggestion) return [];
    const { threshold: suggested, reason } = suggestion;
    const of = { category: name, ...(window === '' ? {} : { window }) };
    return [{ ...of, ...(threshold === undefined ? {} : { threshold }), suggested, reason }];
  }
}

/** The highest counts in the windows of a period, from their lists of the busiest tenants. */
async function countsBeside(
  usage: UsageReader,
  category: string,
  { name: window, spanAt }: CategoryWindow,
  from: number,
  to: number,
): Promise<DigestCount[]> {
  const highest = new Map<string, DigestCount>();
  let time = Math.min(to, usage.now()) - 1;
  for (let i = 0; i < LIVE_WINDOWS && time >= from; i++) {
    const { start, end } = spanAt(time);
    const busiest = await usage.top(category, { window, at: time, limit: MAX_LIVE });
    for (const { tenant, count, threshold = Infinity } of busiest) {
      const one = { category, window, tenant, count, threshold, at: new Date(Math.min(end, usage.now())) };
      const known = highest.get(tenant.id);
      if (isNear(count, threshold) && (!known || ratioOf(one) > ratioOf(known))) highest.set(tenant.id, one);
    }
    time = start - 1;
  }
  return [...highest.values()];
}

/** Whether an alert was raised in the period, or continued from before it. */
function touches({ raisedAt, alert: { incident, windowEnd } }: AlertRecord, from: number, to: number): boolean {
  if (raisedAt.getTime() >= to) return false;
  const isOpen = incident !== undefined && incident.status !== 'resolved';
  return isOpen || raisedAt.getTime() >= from || (windowEnd?.getTime() ?? 0) > from;
}

function failuresOf({ alert: { category, window, tenant }, channels }: AlertRecord): DigestFailure[] {
  return Object.entries(channels)
    .filter(([, { status }]) => status === 'failed' || status === 'retried')
    .map(([channel, { reason }]) => ({
      channel,
      category,
      ...(window === undefined ? {} : { window }),
      tenant: { id: tenant.id, ...(tenant.name === undefined ? {} : { name: tenant.name }) },
      ...(reason === undefined ? {} : { reason }),
    }));
}

function isExceeded({ count, threshold }: { count: number; threshold: number }): boolean {
  return count > threshold;
}

function isNear(count: number, threshold: number): boolean {
  return count > 0 && count >= NEARLY_OVER * threshold;
}

function ratioOf({ count, threshold }: { count: number; threshold: number }): number {
  return count / Math.max(threshold, 1);
}

function bySeverity({ alert: a }: AlertRecord, { alert: b }: AlertRecord): number {
  return SEVERITIES.indexOf(b.level.severity) - SEVERITIES.indexOf(a.level.severity) || ratioOf(b) - ratioOf(a);
}
