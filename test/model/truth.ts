import type { CounterKey } from '../../src/index.js';
import type { Breach } from '../../src/model/breach.js';
import type { Counted, OwnTotal } from '../../src/store/counter-store.js';
import type { Instance } from './instance.js';
import { LEVELS, STEPS } from './settings.js';

/** One counter, as somebody would keep it who sees everything. */
interface Counter {
  readonly key: CounterKey;
  /** What each instance has counted. */
  readonly counted: Map<Instance, number>;
  /** What the store has taken of each, since it last lost its data. */
  readonly taken: Map<Instance, number>;
  /** Who was told to announce a level, since the store last lost its data. */
  readonly owners: Map<number, Instance>;
  /** The highest level the store was told to be announced, since then. */
  told: number;
  /** Every time that an instance was told to announce a level. */
  readonly claims: { level: number; by: Instance }[];
  readonly announced: { level: number; by: Instance; countedBy: Breach['countedBy']; era: number }[];
}

/** What is true, kept in the plainest way; what happens is held against it as it happens. */
export class Truth {
  private readonly counters = new Map<string, Counter>();
  /** One more each time the store loses its data. */
  private era = 0;

  counted(by: Instance, key: CounterKey, cost: number): void {
    const { counted } = this.counter(key);
    counted.set(by, (counted.get(by) ?? 0) + cost);
  }

  /** The store has taken a total, and says what it makes of it. */
  took(by: Instance, own: OwnTotal, answer: Counted, now: number): void {
    if (!isLive(own, now)) return;
    const counter = this.counter(own);
    counter.taken.set(by, Math.max(counter.taken.get(by) ?? 0, own.total));
    expect(answer.count).toBe(sum(counter.taken));
    if (answer.announce > 0) claim(counter, by, answer.announce);
    counter.told = Math.max(counter.told, own.announced);
  }

  announced(by: Instance, breach: Breach, now: number): void {
    const { category, tenant, windowStart, countedBy } = breach;
    const windowMs = breach.windowEnd - windowStart;
    const level = STEPS.findIndex(({ at }) => at === breach.level.at) + 1;
    const key = { category, tenant: tenant.id, window: windowStart / windowMs, windowMs };
    if (!isLive(key, now)) return;
    const counter = this.counter(key);
    expect(breach.count).toBeGreaterThan(LEVELS[level - 1] as number);
    expect(breach.count).toBeLessThanOrEqual(sum(counter.counted));
    const before = counter.announced.filter((announced) => announced.level === level);
    expect(before.filter((announced) => announced.by === by)).toEqual([]);
    if (countedBy === 'all')
      expect(before.filter((other) => other.countedBy === 'all' && other.era === this.era)).toEqual([]);
    counter.announced.push({ level, by, countedBy, era: this.era });
  }

  lostData(): void {
    this.era++;
    for (const counter of this.counters.values()) {
      counter.taken.clear();
      counter.owners.clear();
      counter.told = 0;
    }
  }

  /** The counters of windows that the store still knows. */
  live(now: number): Counter[] {
    return [...this.counters.values()].filter(({ key }) => isLive(key, now));
  }

  /** What the store must hold once all that live have published: of those that are gone, what they had. */
  sumOf({ counted, taken }: Counter): number {
    return [...counted].reduce((all, [by, total]) => all + (by.isAlive ? total : (taken.get(by) ?? 0)), 0);
  }

  /** Whether the highest level that the sum is over was announced, or one above it; or died with the one that was to announce it. */
  isAnnounced(counter: Counter): boolean {
    const reached = LEVELS.filter((level) => this.sumOf(counter) > level).length;
    const isAnnounced = counter.announced.some(({ level }) => level >= reached);
    return reached === 0 || isAnnounced || counter.claims.some(({ level, by }) => level >= reached && !by.isAlive);
  }

  private counter(key: CounterKey): Counter {
    const { category, tenant, window, windowMs } = key;
    const name = `${category} ${tenant} ${window}`;
    const known = this.counters.get(name);
    if (known) return known;
    const counter: Counter = {
      key: { category, tenant, window, windowMs },
      counted: new Map(),
      taken: new Map(),
      owners: new Map(),
      told: 0,
      claims: [],
      announced: [],
    };
    this.counters.set(name, counter);
    return counter;
  }
}

/** A level is given to one instance, and to none once the store knows it to be announced. */
function claim(counter: Counter, by: Instance, level: number): void {
  expect(counter.owners.get(level) ?? by).toBe(by);
  expect(level).toBeGreaterThan(counter.told);
  counter.owners.set(level, by);
  counter.claims.push({ level, by });
}

/** Of a window that is over the store may know something still, or nothing any more. */
function isLive({ window, windowMs }: CounterKey, now: number): boolean {
  return now < (window + 2) * windowMs;
}

function sum(totals: ReadonlyMap<Instance, number>): number {
  return [...totals.values()].reduce((all, total) => all + total, 0);
}
