import type { CounterStore } from '../../src/index.js';
import type { Category, CategoryWindow } from '../../src/model/category.js';
import { earlierParts, keptAfterMs, type CountRead } from '../../src/model/window.js';
import { NO_LEVELS } from '../../src/threshold/levels.js';
import type { UsageStore } from '../../src/store/usage-store.js';
import { UsageReader } from '../../src/usage/usage-reader.js';
import { UsageRecorder, type UsageSource } from '../../src/usage/usage-recorder.js';
import type { ChangedTotal } from '../../src/model/live-total.js';

/** A clock that the test moves. */
export interface TestClock {
  now: number;
}

const RETENTION = { retentionMs: 24 * 3_600_000, hourlyRetentionMs: 30 * 24 * 3_600_000 };

interface Counted extends Omit<ChangedTotal, 'more' | 'isNew'> {
  readonly own: number;
  given: number;
}

/** An instance that counts into a store and keeps usage there, with a clock that the test moves. */
export class UsageReplica implements UsageSource {
  readonly usage: UsageReader;
  readonly recorder: UsageRecorder;
  readonly log: string[] = [];
  /** Thresholds of tenants that have one of their own. */
  readonly thresholds = new Map<string, number>();
  private readonly totals = new Map<string, Counted>();

  constructor(
    readonly instance: string,
    private readonly store: CounterStore & { usage: UsageStore },
    private readonly categories: ReadonlyMap<string, Category>,
    private readonly clock: TestClock,
    settings: { maxTenants?: number; retentionMs?: number } = {},
  ) {
    const all = { ...RETENTION, maxTenants: 100_000, settleMs: 1_000, ...settings };
    const thresholdOf = (_: Category, { threshold }: CategoryWindow, tenant = '', seen?: number) =>
      this.thresholds.get(tenant) ?? (typeof threshold === 'number' ? threshold : seen);
    this.usage = new UsageReader({ ...all, categories, source: this, store: store.usage, thresholdOf });
    const logger = { warn: (line: string) => void this.log.push(line) };
    this.recorder = new UsageRecorder(categories.values(), this, store.usage, all, logger);
  }

  now(): number {
    return this.clock.now;
  }

  /** Counts and publishes. */
  async count(category: string, tenant: string, more: number, about: { name?: string; threshold?: number } = {}) {
    const { windows } = this.categories.get(category) as Category;
    for (const window of windows) {
      const span = window.spanAt(this.now());
      const key = `${category}/${window.name}/${span.key}/${tenant}`;
      const threshold = about.threshold ?? (typeof window.threshold === 'number' ? window.threshold : undefined);
      const own = (this.totals.get(key)?.own ?? 0) + more;
      const known = await this.publish(category, window, tenant, own);
      const counted = { own, given: this.totals.get(key)?.given ?? 0, known };
      this.totals.set(key, { category, window: window.name, span, tenant, name: about.name, threshold, ...counted });
    }
  }

  *changed(): Generator<ChangedTotal> {
    for (const [key, total] of this.totals) {
      // As long as the counter keeps totals.
      if (this.now() > 2 * total.span.end - total.span.start) this.totals.delete(key);
      else yield { ...total, more: total.own - total.given, isNew: total.given === 0 };
      total.given = total.own;
    }
  }

  counts(reads: readonly CountRead[]): Promise<number[]> {
    return Promise.all(
      reads.map(async ({ category, window: name, tenantId, at }) => {
        const window = (this.categories.get(category) as Category).windows.find((other) => other.name === name);
        const counted = window as CategoryWindow;
        const spans = [counted.spanAt(at), ...earlierParts(counted, counted.spanAt(at))];
        const counts = await this.store.read(spans.map((span) => ({ category, tenant: tenantId, window: span })));
        return counts.reduce((sum, count) => sum + count, 0);
      }),
    );
  }

  private async publish(category: string, of: CategoryWindow, tenant: string, total: number) {
    const window = of.spanAt(this.now());
    const own = { category, tenant, window, instance: this.instance, total, sent: 0, others: 0 };
    const keepMs = window.end - window.start + keptAfterMs(window, of.parts);
    const kept = {
      levels: NO_LEVELS,
      announced: 0,
      keepMs,
      ...(of.parts ? { earlier: earlierParts(of, window) } : {}),
    };
    const [answer] = await this.store.publish([{ ...own, ...kept }], this.now());
    const { count, earlier = 0 } = answer as { count: number; earlier?: number };
    return count + earlier;
  }
}
