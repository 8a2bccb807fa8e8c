import { randomUUID } from 'node:crypto';

import { LEVEL_LEASE_MS, type Counted, type CounterStore, type OwnTotal } from '../../src/store/counter-store.js';
import { Instance } from './instance.js';
import type { Call } from './link.js';
import { INSTANCES, MINUTE, STEP_MS, TENANTS, WAIT_AT_MOST_MS, WINDOW_MS, type Windows } from './settings.js';
import type { WindowSpan } from '../../src/model/window.js';
import type { PlayedStore } from './stores.js';
import { Truth } from './truth.js';

export type Counting = 'auto' | 'await' | 'background';

const turnOfTheLoop = setImmediate;
/** Longer than the longest time to the next try, and then than a level of a lost counter is doubted: everything has been published and raised. */
const SETTLED_AFTER_MS = 3_500;
const LEAVES_WITHIN_MS = 5_000;

/** Instances, a store, and the network and the time between them: all that the commands play with. */
export class World {
  readonly truth = new Truth();
  /** Every publish so far: any of them may be repeated or late. */
  readonly calls: Call[] = [];
  readonly instances: Instance[] = [];
  now = 1_000 * WINDOW_MS;
  store: CounterStore;
  /** Tenants whose counters were evicted: instances without new counts do not publish them again. */
  private readonly evicted = new Set<string>();
  private longestWaitMs = 0;
  /** What an instance did wrong: thrown there, the counter would take it for a fault of the app's. */
  private readonly faults: unknown[] = [];
  private readonly run = randomUUID();

  private constructor(
    readonly counting: Counting,
    private readonly played: PlayedStore,
    readonly windows: Windows,
  ) {
    this.store = played.begin(() => this.now);
    this.truth.isExact = !played.folds;
  }

  static async begin(counting: Counting, played: PlayedStore, windows = MINUTE): Promise<World> {
    const world = new World(counting, played, windows);
    for (let slot = 0; slot < INSTANCES; slot++) await world.start(slot, (slot - 1) * WINDOW_MS);
    return world;
  }

  /** The windows that hold an instant. */
  spansAt(now: number): WindowSpan[] {
    return this.windows.spansAt.map((spanAt) => spanAt(now));
  }

  /** Jumps to the next border of one of the windows. */
  rollOver(which: number): void {
    const spans = this.spansAt(this.now);
    this.now = (spans[which % spans.length] as WindowSpan).end;
  }

  /** In the place of one that is gone. */
  async start(slot: number, skewMs: number): Promise<void> {
    if (this.instances[slot]?.isAlive) return;
    this.instances[slot] = await Instance.start(this, skewMs);
  }

  /** Time is stopped, so that an instance learns the store's clock to the millisecond. */
  async connect({ link }: Instance): Promise<void> {
    link.connect();
    await this.turn();
  }

  /** Advances time, and runs everything that waits for it. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      this.now += STEP_MS;
      jest.advanceTimersByTime(STEP_MS);
      await this.turn();
      for (const { waitingSince } of this.instances)
        this.longestWaitMs = Math.max(this.longestWaitMs, performance.now() - waitingSince);
    }
    expect(this.longestWaitMs).toBeLessThanOrEqual(WAIT_AT_MOST_MS);
  }

  noting(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.faults.push(error);
    }
  }

  /** The store accepts a publish; its reply may be lost. */
  async take({ by, totals, now }: Call): Promise<Counted[]> {
    const answers = (await this.store.publish(totals, now)) as Counted[];
    answers.forEach((answer, i) => this.truth.took(by, totals[i] as OwnTotal, answer, this.now, now));
    return answers;
  }

  async loseData(): Promise<void> {
    this.store = await this.played.lose(() => this.now);
    this.truth.lostData();
  }

  /** One key is evicted while the connections hold. */
  async evict(tenant: string): Promise<void> {
    await this.played.evict(this.store, tenant);
    this.truth.lostOne(tenant);
    this.evicted.add(tenant);
  }

  tenant(number: number): string {
    return `${this.run}_${number}`;
  }

  /** Ends an instance as a deployment would: what it has is published where it can be. */
  async stop(instance: Instance): Promise<void> {
    let left = false;
    void instance.stop().then(() => (left = true));
    const end = this.now + LEAVES_WITHIN_MS;
    while (!left && this.now < end) await this.passAnswering();
    expect(left).toBe(true);
    if (instance.link.connected)
      for (const { counted, arrived } of this.truth.live(this.now))
        expect(arrived.get(instance) ?? 0).toBe(counted.get(instance) ?? 0);
    instance.kill();
  }

  /** Everybody who lives reaches the store again, and after a while all agree. */
  async agree(): Promise<void> {
    for (const instance of this.alive) await this.connect(instance);
    await this.settle();
    for (const fault of this.faults) throw fault;
    // A level may be leased to an instance that never hears of it, by a call that was late or came twice.
    const isOpen = (): boolean => this.truth.live(this.now).some((counter) => !this.isAnnounced(counter));
    if (isOpen()) await this.settle(2 * LEVEL_LEASE_MS);
    for (const counter of this.truth.live(this.now)) {
      const isEvicted = this.evicted.has(counter.key.tenant);
      await this.expectSum(counter, isEvicted);
      expect(this.isAnnounced(counter)).toBe(true);
    }
    await this.agreeOnTheCurrent();
    for (const fault of this.faults) throw fault;
  }

  /** Whether the highest level was announced, or may have died with its instance. An evicted counter may stay unannounced. */
  private isAnnounced(counter: ReturnType<Truth['live']>[number]): boolean {
    return this.evicted.has(counter.key.tenant) || this.truth.isAnnounced(counter, true);
  }

  /** Nobody knows that the store is in time again who has nothing to publish: all publish something of each tenant. */
  private async agreeOnTheCurrent(): Promise<void> {
    const tenants = Array.from({ length: TENANTS }, (_, number) => this.tenant(number));
    for (const tenant of tenants) for (const instance of this.alive) instance.count(tenant, 1);
    await this.settle();
    // An instance that died with a level to announce is given up after a while, without a further request.
    const spans = this.spansAt(this.now);
    const isCurrent = ({ key: { window } }: { key: { window: WindowSpan } }): boolean =>
      spans.some(({ key }) => key === window.key);
    const current = this.truth.live(this.now).filter(isCurrent);
    if (current.some((counter) => !this.truth.isAnnounced(counter, false))) await this.settle(2 * LEVEL_LEASE_MS);
    if (String(this.spansAt(this.now).map(({ key }) => key)) !== String(spans.map(({ key }) => key))) return;
    for (const counter of current) {
      expect(this.truth.isAnnounced(counter, this.alive.length === 0)).toBe(true);
      const sum = await this.expectSum(counter, false);
      // What an instance gives is the count of the first window.
      if (counter.key.window.key === spans[0]?.key)
        for (const instance of this.alive) expect(await instance.read(counter.key.tenant)).toBe(sum);
    }
  }

  /** What the store holds: exact, unless it lost the counter and one that had a share in it is gone. */
  private async expectSum(counter: ReturnType<Truth['live']>[number], isPartly: boolean): Promise<number> {
    const [sum = 0] = await this.store.read([counter.key]);
    expect(sum).toBeLessThanOrEqual(this.truth.sumOf(counter));
    if (!isPartly) expect(sum).toBeGreaterThanOrEqual(this.truth.atLeast(counter));
    return sum;
  }

  private get alive(): Instance[] {
    return this.instances.filter(({ isAlive }) => isAlive);
  }

  /** All instances that reach the store publish everything pending. */
  async settle(forMs = SETTLED_AFTER_MS): Promise<void> {
    const end = this.now + forMs;
    while (this.now < end) await this.passAnswering();
  }

  private async passAnswering(): Promise<void> {
    await this.pass(STEP_MS);
    for (const { link } of this.instances) await link.deliver(true);
    await this.turn();
  }

  private turn(): Promise<void> {
    return new Promise((resolve) => turnOfTheLoop(resolve));
  }
}
