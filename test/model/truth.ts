import type { CounterKey } from '../../src/index.js';
import type { Breach } from '../../src/model/breach.js';
import { keptAfterMs, type WindowSpan } from '../../src/model/window.js';
import { LEVEL_LEASE_MS, type Counted, type OwnTotal } from '../../src/store/counter-store.js';
import type { Instance } from './instance.js';
import { LEVELS, STEPS } from './settings.js';

interface Announcement {
  readonly at: number;
  readonly by: Instance;
  readonly countedBy: Breach['countedBy'];
  readonly era: number;
  readonly time: number;
}

/** One counter, as somebody would keep it who sees everything. */
interface Counter {
  readonly key: CounterKey;
  /** What each instance has counted. */
  readonly counted: Map<Instance, number>;
  /** The highest total that ever reached the store, even if the store lost it. */
  readonly arrived: Map<Instance, number>;
  /** What the store has taken of each since it last lost this counter. */
  readonly taken: Map<Instance, number>;
  /** Who was given a level to announce, and when, since the store last lost this counter. */
  readonly owners: Map<number, { by: Instance; since: number }>;
  /** The highest level the store was told to be announced, since then. */
  told: number;
  readonly claims: { at: number; by: Instance }[];
  readonly announced: Announcement[];
  /** Whether the store has lost this counter at some time. */
  wasLost: boolean;
}

/** What is true, kept in the plainest way. Each event is compared with it as it happens. */
export class Truth {
  private readonly counters = new Map<string, Counter>();
  /** Whether counts come out exact if nothing is lost; otherwise they are only never too high. */
  isExact = true;
  /** One more each time the store loses its data. */
  private era = 0;

  counted(by: Instance, key: CounterKey, cost: number): void {
    const { counted } = this.counter(key);
    counted.set(by, (counted.get(by) ?? 0) + cost);
  }

  /** The store has accepted a total that was sent at `sentAt`, with this reply. */
  took(by: Instance, own: OwnTotal, answer: Counted, now: number, sentAt: number): void {
    if (!isLive(own, now)) return;
    const counter = this.counter(own);
    for (const totals of [counter.arrived, counter.taken]) totals.set(by, Math.max(totals.get(by) ?? 0, own.total));
    // Never too high, even after lost, repeated or late calls; exact if the store never lost this counter.
    expect(answer.count).toBeLessThanOrEqual(sum(counter.arrived));
    if (this.isExact) expect(answer.count).toBeGreaterThanOrEqual(sum(counter.taken));
    if (answer.announce > 0) claim(counter, by, answer.announce, sentAt);
    counter.told = Math.max(counter.told, own.announced);
  }

  announced(by: Instance, breach: Breach, window: WindowSpan, now: number): void {
    const { category, tenant, countedBy } = breach;
    const key = { category, tenant: tenant.id, window };
    if (!isLive(key, now)) return;
    const counter = this.counter(key);
    const { at } = breach.level;
    expect(breach.count).toBeGreaterThan(LEVELS[STEPS.findIndex((step) => step.at === at)] as number);
    expect(breach.count).toBeLessThanOrEqual(sum(counter.counted));
    const before = counter.announced.filter((announced) => announced.at === at);
    expect(before.filter((announced) => announced.by === by).map(plain)).toEqual([]);
    // Once by the store's word, unless it lost its data or was not told of the first within a lease.
    if (countedBy === 'all')
      expect(
        before
          .filter((other) => other.countedBy === 'all' && other.era === this.era && now - other.time < LEVEL_LEASE_MS)
          .map(plain),
      ).toEqual([]);
    counter.announced.push({ at, by, countedBy, era: this.era, time: now });
  }

  lostData(): void {
    for (const counter of this.counters.values()) this.lost(counter);
  }

  /** The store no longer has one counter. */
  lostOne(tenant: string): void {
    for (const counter of this.counters.values()) if (counter.key.tenant === tenant) this.lost(counter);
  }

  /** The counters of windows that the store still knows. */
  live(now: number): Counter[] {
    return [...this.counters.values()].filter(({ key }) => isLive(key, now));
  }

  /** What the store must hold once all that live have published: of those that are gone, what had reached it. */
  sumOf(counter: Counter): number {
    return this.leastOf(counter, counter.arrived);
  }

  /** What it must hold at least: the shares of those that are gone may be lost with its data. */
  atLeast(counter: Counter): number {
    if (!this.isExact) return 0;
    return this.leastOf(counter, counter.wasLost && this.hasDead(counter) ? new Map() : counter.arrived);
  }

  /** Whether the highest level that the sum is over was announced, or one above it; or died with the one that was to announce it. */
  isAnnounced(counter: Counter, mayHaveDied: boolean): boolean {
    const reached = STEPS[LEVELS.filter((level) => this.atLeast(counter) > level).length - 1]?.at ?? 0;
    const isAnnounced = counter.announced.some(({ at }) => at >= reached);
    const isClaimedByDead = counter.claims.some(({ at, by }) => at >= reached && !by.isAlive);
    return reached === 0 || isAnnounced || (mayHaveDied && isClaimedByDead);
  }

  private leastOf({ counted }: Counter, ofDead: ReadonlyMap<Instance, number>): number {
    return [...counted].reduce((all, [by, total]) => all + (by.isAlive ? total : (ofDead.get(by) ?? 0)), 0);
  }

  private hasDead({ counted }: Counter): boolean {
    return [...counted.keys()].some(({ isAlive }) => !isAlive);
  }

  private lost(counter: Counter): void {
    this.era++;
    counter.taken.clear();
    counter.owners.clear();
    counter.told = 0;
    counter.wasLost = true;
  }

  private counter(key: CounterKey): Counter {
    const { category, tenant, window } = key;
    const name = `${category} ${tenant} ${window.key}`;
    const known = this.counters.get(name);
    if (known) return known;
    const counter: Counter = {
      key: { category, tenant, window },
      counted: new Map(),
      arrived: new Map(),
      taken: new Map(),
      owners: new Map(),
      told: 0,
      claims: [],
      announced: [],
      wasLost: false,
    };
    this.counters.set(name, counter);
    return counter;
  }
}

/** For messages of failed assertions: an instance holds its whole world, and printing that takes more memory than there is. */
function plain({ at, countedBy, era, time }: Announcement): Omit<Announcement, 'by'> {
  return { at, countedBy, era, time };
}

/** A level is given to one instance at a time, and to none once the store knows it to be announced. */
function claim(counter: Counter, by: Instance, at: number, now: number): void {
  const owner = counter.owners.get(at);
  if (owner && owner.by !== by) expect(now - owner.since).toBeGreaterThanOrEqual(LEVEL_LEASE_MS);
  expect(at).toBeGreaterThan(counter.told);
  if (owner?.by !== by || now - owner.since >= LEVEL_LEASE_MS) counter.owners.set(at, { by, since: now });
  counter.claims.push({ at, by });
}

/** Of a window that is over the store may know something still, or nothing any more. */
function isLive({ window }: CounterKey, now: number): boolean {
  return now < window.end + keptAfterMs(window);
}

function sum(totals: ReadonlyMap<Instance, number>): number {
  return [...totals.values()].reduce((all, total) => all + total, 0);
}
