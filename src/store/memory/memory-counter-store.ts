import { levelPlace, placeAt } from '../../model/level.js';
import { LEVEL_LEASE_MS, type Counted, type CounterKey, type CounterStore, type OwnTotal } from '../counter-store.js';
import type { WindowSpan } from '../../model/window.js';
import { plus } from '../../util/plus.js';
import { MemorySharedState } from './memory-shared-state.js';
import { MemoryUsageStore } from './memory-usage-store.js';

/** A level that was given to an instance to announce. */
interface Lease {
  to: string;
  since: number;
}

interface Counter {
  readonly totals: Map<string, number>;
  sum: number;
  /** The part of the sum that is in no instance's total, and when it last grew. */
  base: number;
  basedAt: number;
  /** The highest levels given out and announced, as their `at`. */
  given: number;
  told: number;
  readonly leases: Map<number, Lease>;
}

type Answer = Pick<Counted, 'announced' | 'announce' | 'takenOver'>;

/** Counters that expire together. */
interface Expiring {
  readonly at: number;
  readonly counters: Map<string, Counter>;
}

/**
 * Counts in this process's memory: for a single instance, for development and for tests. It follows the same rules as the Redis script, so
 * several apps in one process may share it. Totals are never folded, because an instance does not restart without its process.
 */
export class MemoryCounterStore implements CounterStore {
  /** {@inheritDoc CounterStore.name} */
  readonly name = 'memory';
  /** {@inheritDoc CounterStore.state} */
  readonly state = new MemorySharedState();
  /** {@inheritDoc CounterStore.usage} */
  readonly usage = new MemoryUsageStore((category, tenant, span) => this.totalOf(category, tenant, span));
  private readonly windows = new Map<string, Expiring>();

  /** @param now - The clock by which counters expire. */
  constructor(private readonly now: () => number = Date.now) {}

  /** {@inheritDoc CounterStore.publish} */
  publish(totals: readonly OwnTotal[], now: number): Promise<Counted[]> {
    return Promise.resolve(totals.map((total) => this.take(total, now)));
  }

  /** {@inheritDoc CounterStore.read} */
  read(keys: readonly CounterKey[]): Promise<number[]> {
    return Promise.resolve(keys.map((key) => this.find(key, key.window)?.sum ?? 0));
  }

  private totalOf(category: string, tenant: string, span: string): number | undefined {
    for (const [name, { counters }] of this.windows) {
      if (name.startsWith(`${category}:`) && name.endsWith(`:${span}`)) return counters.get(tenant)?.sum;
    }
    return undefined;
  }

  private take(own: OwnTotal, now: number): Counted {
    const earlier = (own.earlier ?? []).flatMap((span) => this.find(own, span) ?? []);
    const before = this.find(own, own.window);
    // A total of 0 creates no counter.
    if (!before && own.total === 0 && own.announced === 0)
      return { count: 0, announced: 0, announce: 0, ...sumOf(earlier) };
    const counter = before ?? this.create(own);
    const lost = addOwn(counter, own, before === undefined, now, this.now());
    const levels = takeLevels(counter, earlier, own, now);
    return { count: counter.sum, ...levels, ...sumOf(earlier), ...(lost ? { lost } : {}) };
  }

  private find(key: CounterKey, span: WindowSpan): Counter | undefined {
    return this.windows.get(windowName(key, span))?.counters.get(key.tenant);
  }

  private create(key: OwnTotal): Counter {
    const counter: Counter = {
      totals: new Map(),
      sum: 0,
      base: 0,
      basedAt: 0,
      given: 0,
      told: 0,
      leases: new Map(),
    };
    this.windowOf(key).counters.set(key.tenant, counter);
    return counter;
  }

  private windowOf(key: OwnTotal): Expiring {
    const name = windowName(key, key.window);
    const known = this.windows.get(name);
    if (known) return known;
    const now = this.now();
    for (const [old, { at }] of this.windows) if (at <= now) this.windows.delete(old);
    const opened: Expiring = { at: now + key.keepMs, counters: new Map() };
    this.windows.set(name, opened);
    return opened;
  }
}

function windowName({ category }: CounterKey, { key, start, end }: WindowSpan): string {
  return `${category}:${end - start}:${key}`;
}

function sumOf(earlier: readonly Counter[]): { earlier?: number } {
  return earlier.length > 0 ? { earlier: earlier.reduce((sum, counter) => plus(sum, counter.sum), 0) } : {};
}

/** Stores an instance's own total; returns whether the store had lost an earlier one. */
function addOwn(counter: Counter, own: OwnTotal, isNew: boolean, sentAt: number, now: number): boolean {
  const before = counter.totals.get(own.instance);
  if (own.total <= (before ?? 0)) return false;
  if (isNew) {
    counter.sum = counter.base = own.others;
    counter.basedAt = now;
  } else if (counter.base > 0) {
    // Avoids counting twice what the base contains: all of a publish that is older than the base, else what was sent before it.
    const inBase = (sentAt < counter.basedAt ? own.total : own.sent) - (before ?? 0);
    const off = Math.max(Math.min(counter.base, inBase), 0);
    counter.base = plus(counter.base, -off);
    counter.sum = plus(counter.sum, -off);
  }
  const isLost = before === undefined && own.sent > 0;
  // This instance may know of counts that those which published before it did not, mainly of instances that are gone.
  const more = plus(own.others, -counter.sum);
  if (isLost && more > 0) {
    counter.base = plus(counter.base, more);
    counter.sum = own.others;
    counter.basedAt = now;
  }
  counter.totals.set(own.instance, own.total);
  counter.sum = plus(counter.sum, own.total - (before ?? 0));
  return isLost;
}

/** Records which levels are announced, and gives out those that are not. */
function takeLevels(
  counter: Counter,
  earlier: readonly Counter[],
  { levels, announced, instance }: OwnTotal,
  now: number,
): Answer {
  const all = [counter, ...earlier];
  const count = all.reduce((sum, part) => plus(sum, part.sum), 0);
  let told = Math.max(...all.map((part) => part.told));
  // Skips what an earlier part has: passed on from part to part, a level would be announced once and never again.
  if (announced > told) {
    counter.told = told = announced;
    counter.given = Math.max(counter.given, announced);
  }
  const given = Math.max(...all.map((part) => part.given));
  const answer: Answer = {
    announced: placeAt(levels, levelPlace(levels, told)),
    announce: 0,
  };
  for (let place = levels.counts.filter((most) => count > most).length; place > 0; place--) {
    const at = placeAt(levels, place);
    if (at <= told) break;
    const lease = all.map((part) => part.leases.get(at)).find((found) => found !== undefined);
    const isGiven = lease ? now - lease.since < LEVEL_LEASE_MS : at <= given;
    if (isGiven && lease?.to !== instance) continue;
    // Also for its previous holder: a publish that arrived late may have left a lease that was already over.
    if (!isGiven) counter.leases.set(at, { to: instance, since: now });
    counter.given = Math.max(counter.given, at);
    answer.announce = at;
    if (lease && lease.to !== instance) answer.takenOver = true;
    break;
  }
  return answer;
}
