import { MemorySharedState } from './memory-shared-state.js';
import { MemoryUsageStore } from './memory-usage-store.js';
import type { Counted, CounterKey, CounterStore, OwnTotal } from '../counter-store.js';

interface Counter {
  readonly totals: Map<string, number>;
  sum: number;
  given: number;
  announced: number;
  readonly givenTo: Map<number, string>;
}

/** Counters that expire together. */
interface Expiring {
  readonly at: number;
  readonly counters: Map<string, Counter>;
}

/**
 * Counts in this process's memory: right for one instance, for development and tests. It knows just what the Redis script knows, so
 * several apps of one process may share it.
 */
export class MemoryCounterStore implements CounterStore {
  readonly name = 'memory';
  readonly state = new MemorySharedState();
  readonly usage = new MemoryUsageStore((category, tenant, span) => this.totalOf(category, tenant, span));
  private readonly windows = new Map<string, Expiring>();

  /** @param now - The clock by which counters expire. */
  constructor(private readonly now: () => number = Date.now) {}

  publish(totals: readonly OwnTotal[]): Promise<Counted[]> {
    return Promise.resolve(totals.map((total) => take(this.counterOf(total), total)));
  }

  read(key: CounterKey): Promise<number> {
    return Promise.resolve(this.windows.get(windowName(key))?.counters.get(key.tenant)?.sum ?? 0);
  }

  private totalOf(category: string, tenant: string, span: string): number | undefined {
    for (const [name, { counters }] of this.windows) {
      if (name.startsWith(`${category}:`) && name.endsWith(`:${span}`)) return counters.get(tenant)?.sum;
    }
    return undefined;
  }

  private counterOf(key: CounterKey): Counter {
    const { counters } = this.windowOf(key);
    let counter = counters.get(key.tenant);
    if (!counter)
      counters.set(key.tenant, (counter = { totals: new Map(), sum: 0, given: 0, announced: 0, givenTo: new Map() }));
    return counter;
  }

  private windowOf(key: CounterKey): Expiring {
    const name = windowName(key);
    const known = this.windows.get(name);
    if (known) return known;
    const now = this.now();
    for (const [old, { at }] of this.windows) if (at <= now) this.windows.delete(old);
    const opened: Expiring = { at: now + 2 * key.windowMs, counters: new Map() };
    this.windows.set(name, opened);
    return opened;
  }
}

function windowName({ category, window, windowMs }: CounterKey): string {
  return `${category}:${windowMs}:${window}`;
}

function take(counter: Counter, own: OwnTotal): Counted {
  const before = counter.totals.get(own.instance) ?? 0;
  if (own.total > before) {
    counter.totals.set(own.instance, own.total);
    counter.sum += own.total - before;
  }
  counter.announced = Math.max(counter.announced, own.announced);
  counter.given = Math.max(counter.given, own.announced);
  const reached = own.levels.filter((level) => counter.sum > level).length;
  if (reached > counter.given) {
    counter.given = reached;
    counter.givenTo.set(reached, own.instance);
  }
  return { count: counter.sum, announced: counter.announced, announce: toAnnounce(counter, own) };
}

/** The highest level that was given to this instance and that nobody yet said to be announced. */
function toAnnounce(counter: Counter, own: OwnTotal): number {
  for (let level = counter.given; level > counter.announced; level--) {
    if (counter.givenTo.get(level) === own.instance) return level;
  }
  return 0;
}
