import { randomBytes } from 'node:crypto';

import type { Logger } from '@nestjs/common';

import {
  type CountRead,
  earlierParts,
  type CountedCategory,
  type CountedWindow,
  type WindowSpan,
} from '../model/window.js';
import type { ChangedTotal, LiveTotal } from '../model/live-total.js';
import type { Route } from '../model/route.js';
import { keyOfShown, tenantKey, type Tenant, type TenantLike } from '../model/tenant.js';
import { windowNamed } from '../model/window-name.js';
import { ODD_ANSWER, type CounterKey, type CounterStore } from '../store/counter-store.js';
import { levelReached } from '../threshold/levels.js';
import { plus } from '../util/plus.js';
import { WarnOnce } from '../util/warn-once.js';
import { plural, reasonOf } from '../util/text.js';
import { within } from '../util/within.js';
import { StoreClock, type Clock } from './clock.js';
import { CheckedInput } from './checked-input.js';
import type { PublishStats } from './publish-stats.js';
import { CountLosses } from './count-losses.js';
import type { Raise } from './level-crossings.js';
import { Publisher, type PublisherOptions } from './publisher.js';
import { StoreHealth } from './store-health.js';
import type { TenantTotal, WindowOfTotal } from './tenant-total.js';
import { TenantsByWindow } from './tenants-by-window.js';

/** The longest that the start of the app waits for the store. */
const CONNECT_WITHIN_MS = 1_000;
const DAY_MS = 86_400_000;
/** What cannot be published in this time at shutdown is lost. */
const LAST_PUBLISH_MS = 2_000;
/** How long a store may take to close. */
const CLOSE_WITHIN_MS = 1_000;
/** A threshold function of the app that takes longer has failed, and the log reports it. */
const LEVELS_WITHIN_MS = 10_000;
/** Delay before an unavailable threshold is requested again; doubled each time. */
const FIRST_ASK_AGAIN_MS = 1_000;
const LAST_ASK_AGAIN_MS = 60_000;
/** How often to check whether thresholds have changed. */
const LOOK_EVERY_MS = 1_000;
/** Minimum time between two searches for waiting totals. */
const WALK_EVERY_MS = 1_000;

/** The options that the counter needs. */
interface CounterOptions extends PublisherOptions {
  readonly maxTrackedTenants: number;
}

/** Called for requests of tenants that are over half of their next level, as far as this instance knows. */
export type Near = (of: { category: string; window: string; tenant: string; span: WindowSpan }) => void;

/** Returns the route of a request; unless `isExact`, that of the handler's previous request will do, which is faster. */
export type RouteOf<R> = (request: R, isExact: boolean) => Route;

/** What this instance has counted and published. */
export interface CounterStatus {
  /** Requests, or their cost, since the start. */
  readonly counted: number;
  /** The part of `counted` for which there was no room, in one window of its category at least. */
  readonly uncounted: number;
  /** Counted and never published: their window, or this process, ended before the store was back. */
  readonly lost: number;
  /** Counted and not yet published. */
  readonly pending: number;
  /** What publishing took since the start. */
  readonly stats: Readonly<PublishStats>;
  /** Since when the store has been unreachable, in milliseconds since the epoch by its clock. */
  readonly blindSince?: number;
}

/** Counts tenants: keeps this instance's own totals, publishes them, and raises what goes over a level. Built once, at boot. */
export class Counter {
  /** A name that no other process has. */
  readonly instance = randomBytes(9).toString('base64url');
  private readonly once: WarnOnce;
  private readonly given: CheckedInput;
  private readonly clock: StoreClock;
  private readonly health: StoreHealth;
  private readonly losses: CountLosses;
  private readonly windows: TenantsByWindow;
  private readonly publisher: Publisher;
  private readonly failing = new WeakMap<TenantTotal, { times: number; againAt: number }>();
  /** The version of a window's levels, and since when they hold. */
  private readonly looked = new Map<CountedWindow, { version: number; at: number }>();
  private lookTimer: NodeJS.Timeout | undefined;
  /** Requests that wait for a function of the app: until it answers, they are not counted, or not compared with a level. */
  private readonly unanswered = new Set<Promise<void>>();
  private counted = 0;
  private uncounted = 0;
  private walked = { at: -Infinity, pending: 0 };

  constructor(
    private readonly store: CounterStore,
    private readonly categories: ReadonlyMap<string, CountedCategory>,
    private readonly options: CounterOptions,
    localClock: Clock,
    private readonly logger: Logger,
    raise: Raise,
    private readonly near: Near,
  ) {
    this.once = new WarnOnce(logger);
    this.given = new CheckedInput(categories, this.once);
    this.clock = new StoreClock(localClock);
    this.health = new StoreHealth(store.name, logger);
    this.losses = new CountLosses(store.name, options.maxTrackedTenants, logger);
    this.windows = new TenantsByWindow(this.instance, options.maxTrackedTenants, this.losses);
    this.publisher = new Publisher(store, options, this.clock, this.windows, this.health, this.losses, raise);
  }

  /** Connects, and waits for that at most a second; counting works without a connection. */
  async open(): Promise<void> {
    this.clock.start(this.store);
    this.lookTimer = setInterval(() => {
      this.lookAtLevels();
      if (this.clock.isSynced) void this.publisher.probe();
    }, LOOK_EVERY_MS).unref();
    await within(this.connect(), CONNECT_WITHIN_MS, 'no connection').catch((error: unknown) => {
      this.health.failed(error);
      // The store may know why.
      void this.publisher.probe();
    });
  }

  /** The store's clock, in milliseconds since the epoch. */
  now(): number {
    return this.clock.now();
  }

  /** Milliseconds since an arbitrary moment, unaffected by corrections of a clock. */
  monotonic(): number {
    return this.clock.monotonic();
  }

  /**
   * Counts at once. Returns a promise if the request should wait until the store has answered and its alert is out; it never rejects and
   * never takes longer than `waitAtMostMs`.
   *
   * @param routeOf - Returns the route of `request`; called only if an alert may name it.
   */
  add<R>(category: string, tenant: Tenant, cost: number, routeOf?: RouteOf<R>, request?: R): Promise<void> | undefined {
    const counted = this.given.category(category);
    if (!counted) return undefined;
    const much = this.given.cost(counted, cost);
    const key = tenantKey(tenant.id);
    const now = this.clock.now();
    let wait: Promise<void> | undefined;
    let isWhole = true;
    this.counted += much;
    if (this.publisher.isStopped) this.tooLate();
    for (const window of counted.windows) {
      const tracked = this.windows.track(counted, window, key, now, much);
      if (tracked) wait = this.addTo(tracked, much, tenant, routeOf, request as R) ?? wait;
      else isWhole = false;
    }
    if (!isWhole) this.uncounted += much;
    return wait;
  }

  /**
   * Makes {@link flush} and {@link close} wait for what is counted once a function of the app has answered. The promise must not reject.
   */
  expect(counting: Promise<void>): void {
    this.unanswered.add(counting);
    void counting.then(() => this.unanswered.delete(counting));
  }

  /** Counts, waits as a request would, and returns the count in the category's first window. */
  async increment(category: string, tenant: TenantLike, cost = 1): Promise<number> {
    const [whom, counted] = [this.given.tenant(tenant), this.given.category(category)];
    const window = counted?.windows[0];
    if (!whom || !window) return 0;
    const now = this.clock.now();
    await this.add(category, whom, cost);
    // Read from the window it counted in: another one may have begun before the store answered.
    return this.windows.find(window, tenantKey(whom.id), now)?.known ?? 0;
  }

  /**
   * The count of all instances in the category's current first window; if the store does not answer in time, the count as known here.
   *
   * An id may be given as alerts show it. If it could mean two tenants, the higher count is returned: nobody may hide behind an id that looks
   * like a shortened one.
   */
  async read(category: string, tenant: TenantLike): Promise<number> {
    const [whom, counted] = [this.given.tenant(tenant), this.given.category(category)];
    const window = counted?.windows[0];
    if (!whom || !window) return 0;
    const keys = [...new Set([tenantKey(whom.id), keyOfShown(whom.id)])];
    const at = this.clock.now();
    const tracked = keys.flatMap((key) => this.windows.find(window, key, at) ?? []);
    const ask = async (): Promise<number> => {
      if (tracked.some(({ isPending }) => isPending)) await this.publisher.flush();
      return Math.max(
        ...(await this.counts(keys.map((tenantId) => ({ category, window: window.name, tenantId, at })))),
      );
    };
    const known = (): number => Math.max(0, ...tracked.map((total) => total.known));
    if (this.health.away) return known();
    return within(ask(), this.options.waitAtMostMs, 'no answer').catch(known);
  }

  /** The store's counts, but never less than what this instance counted itself. Rejects if the store cannot be read. */
  async counts(reads: readonly CountRead[]): Promise<number[]> {
    const asked = reads.map(({ category, window: name, tenantId, at }) => {
      const window = windowNamed(this.categories.get(category)?.windows, name);
      if (!window) return { keys: [], known: 0 };
      const tenant = keyOfShown(tenantId);
      const span = window.spanAt(at);
      const parts = [span, ...earlierParts(window, span)];
      const keys = parts.map((part): CounterKey => ({ category, tenant, window: part }));
      return { keys, known: this.windows.find(window, tenant, at)?.known ?? 0 };
    });
    const all = asked.flatMap(({ keys }) => keys);
    const sums = await this.store.read(all);
    // The app's own store may answer anything, and texts would be joined instead of added.
    if (!Array.isArray(sums) || sums.length !== all.length || !sums.every(Number.isFinite)) {
      const { name } = this.store;
      this.once.warn('read', () => `${name} gave an ${ODD_ANSWER} read() must resolve to one number for each key`);
      throw new Error(`${ODD_ANSWER} not one number for each key`);
    }
    let from = 0;
    return asked.map(({ keys, known }) => {
      const sum = sums.slice(from, (from += keys.length)).reduce(plus, 0);
      return Math.max(sum, known);
    });
  }

  /** The tenants of all windows that still count, as this instance knows them. */
  *live(): Generator<LiveTotal> {
    for (const tracked of this.windows.live(this.clock.now())) yield liveTotal(tracked);
  }

  /**
   * The live totals that have changed since the last call: each change is reported once. Yields undefined for each of the others, so that
   * the reader can give the event loop a turn: there may be a million.
   */
  *changed(): Generator<ChangedTotal | undefined> {
    for (const tracked of this.windows.live(this.clock.now())) {
      const news = tracked.takeNews();
      // Spreading both into a new object takes ten times as long.
      yield news && Object.assign(liveTotal(tracked), news);
    }
  }

  /** Whether the store is unreachable, as the log says. */
  get isStoreAway(): boolean {
    return this.health.unreachableForMs !== undefined;
  }

  /** What this instance has counted and published since its start. */
  status(): CounterStatus {
    const { counted, uncounted } = this;
    const { unreachableForMs } = this.health;
    const blindSince = unreachableForMs === undefined ? {} : { blindSince: this.clock.now() - unreachableForMs };
    const { stats } = this.publisher;
    const pending = (): number => this.pending();
    return {
      counted,
      uncounted,
      lost: this.losses.total,
      // Only metrics ask for it, and other readers look once a second.
      get pending() {
        return pending();
      },
      stats,
      ...blindSince,
    };
  }

  /** Updated at most once a second, because it walks over all live totals. */
  private pending(): number {
    const now = performance.now();
    if (now - this.walked.at < WALK_EVERY_MS) return this.walked.pending;
    let pending = 0;
    for (const tracked of this.windows.live(this.clock.now())) pending += tracked.unpublished;
    this.walked = { at: now, pending };
    return pending;
  }

  /** Publishes what is pending and waits until its alerts are recorded. Resolves to whether that was done in time. */
  async flush(withinMs: number): Promise<boolean> {
    try {
      await within(
        this.complete(() => this.publisher.settle()),
        withinMs,
        'not published',
      );
    } catch {
      return false;
    }
    for (const tracked of this.windows.live(this.clock.now())) if (tracked.unpublished > 0) return false;
    return true;
  }

  /** Publishes what is pending, within a time limit. What is left is judged alone and logged as lost. */
  async close(): Promise<void> {
    clearInterval(this.lookTimer);
    await within(
      this.complete(() => this.publisher.settle()),
      LAST_PUBLISH_MS,
      'not published',
    ).catch(() => undefined);
    const left = [...this.windows.all()].filter((tracked) => tracked.isPending);
    await within(this.publisher.stop(left), LAST_PUBLISH_MS, 'not raised').catch(() => undefined);
    for (const tracked of left) this.losses.unpublished(tracked);
    for (const window of this.windows.crowded()) this.losses.untracked(window);
    this.losses.say();
    if (this.unanswered.size > 0)
      this.logger.warn(
        `The app shut down before ${plural(this.unanswered.size, 'call')} of its functions (tenant, skipIf, cost, after or threshold) had an answer: ` +
          'what waited for them was not counted, or not compared with its threshold',
      );
  }

  /** Closes the store. If that fails or hangs, the app still shuts down. */
  async disconnect(): Promise<void> {
    this.clock.stop();
    const closed = Promise.resolve().then(() => this.store.close?.());
    await within(closed, CLOSE_WITHIN_MS, 'no answer').catch((error: unknown) =>
      this.logger.warn(`${this.store.name} could not be closed (${reasonOf(error)})`),
    );
  }

  /** Publishes at once, and again once functions of the app have answered: one that hangs does not hold up the rest. */
  private async complete(publish: () => Promise<void>): Promise<void> {
    const answered = this.answered();
    await publish();
    if (await answered) await publish();
  }

  /** Resolves once all functions have answered, to whether any had to. */
  private async answered(): Promise<boolean> {
    // For `skipIf`, then the tenant and the cost, then the threshold. Not for requests that arrive meanwhile: they may never end.
    const turns = this.unanswered.size > 0 ? 3 : 0;
    for (let turn = 0; turn < turns; turn++) await Promise.all(this.unanswered);
    return turns > 0;
  }

  private tooLate(): void {
    this.once.warn(
      'late',
      () =>
        'Something was counted after RateMonitorModule had shut down, and is lost: import it before other global modules, such as ' +
        'BullModule.forRoot() (in Nest 10, after the modules that count while they shut down)',
    );
  }

  /** Settles at the first connection. */
  private connect(): Promise<void> {
    return new Promise((resolve) => {
      const connected = async (): Promise<void> => {
        await this.clock.sync(this.store);
        this.checkClock();
        this.publisher.publishAll();
        this.losses.say();
        resolve();
      };
      if (this.store.open) this.store.open(() => void connected());
      else void connected();
    });
  }

  /** A store of the app may return seconds: windows of a minute would last for hours. */
  private checkClock(): void {
    const days = Math.round(this.clock.aheadMs / DAY_MS);
    if (days === 0) return;
    this.once.warn(
      'clock',
      () =>
        `The clock of ${this.store.name} is ${plural(Math.abs(days), 'day')} ${days > 0 ? 'ahead of' : 'behind'} that of this process, and windows follow it: set the wrong one. time() of a store of your own returns milliseconds since the epoch`,
    );
  }

  private addTo<R>(
    tracked: TenantTotal,
    cost: number,
    tenant: Tenant,
    routeOf: RouteOf<R> | undefined,
    request: R,
  ): Promise<void> | undefined {
    const asked = this.askLevels(tracked, tenant);
    const urgency = tracked.add(cost, tenant);
    const isUrgent = urgency !== 'later';
    const isHot = isUrgent && tracked.isHot;
    if (isHot) {
      const { category, window, span } = tracked.window;
      this.near({ category: category.name, window: window.name, tenant: tracked.key, span });
    }
    // On Fastify, finding the route takes as long as everything else here.
    if (routeOf && (isHot || !tracked.hasRoute)) tracked.seenOn(routeOf(request, isUrgent));
    const published = this.publisher.publish(tracked, urgency);
    if (!asked) return published;
    return this.options.counting === 'background'
      ? undefined
      : within(asked, this.options.waitAtMostMs, '').catch(() => undefined);
  }

  /** Sets a tenant's levels if the current version of them is not known. If they arrive later, the total is judged then. */
  private askLevels(tracked: TenantTotal, tenant: Tenant): Promise<void> | undefined {
    const { levelsFor } = tracked.window.window;
    const { version = 0 } = levelsFor;
    if (tracked.isAskedFor(version)) return undefined;
    const failing = this.failing.get(tracked);
    if (failing && performance.now() < failing.againAt) return undefined;
    tracked.asking(version);
    const found = levelsFor(tenant);
    if (!(found instanceof Promise)) {
      this.hasLevels(tracked);
      tracked.setLevels(found);
      return undefined;
    }
    const asked = within(found, LEVELS_WITHIN_MS, 'no answer', false).then(
      (levels) => {
        this.hasLevels(tracked);
        tracked.setLevels(levels);
        return this.publisher.publish(tracked, tracked.urgency());
      },
      (error: unknown) => this.hasNoLevels(tracked, error),
    );
    this.expect(asked);
    return asked;
  }

  private hasNoLevels(tracked: TenantTotal, error: unknown): void {
    const times = (this.failing.get(tracked)?.times ?? 0) + 1;
    const waitMs = Math.min(FIRST_ASK_AGAIN_MS * 2 ** (times - 1), LAST_ASK_AGAIN_MS);
    this.failing.set(tracked, { times, againAt: performance.now() + waitMs });
    tracked.askAgain();
    const { name } = tracked.window.category;
    const reason = reasonOf(error);
    this.once.warn(
      `threshold ${name}`,
      () =>
        `No threshold for a tenant of ${name} (${reason}): it is counted, and its threshold will be asked for again`,
      reason,
    );
  }

  private hasLevels(tracked: TenantTotal): void {
    this.failing.delete(tracked);
    this.once.good(`threshold ${tracked.window.category.name}`);
  }

  /**
   * Applies thresholds that changed while the app runs, without waiting for a request. A function may have another answer, so it is asked
   * again.
   */
  private lookAtLevels(): void {
    const [now, time] = [this.clock.now(), this.clock.monotonic()];
    for (const { windows } of this.categories.values())
      for (const window of windows) {
        const { version = 0, holdMs = Infinity } = window.levelsFor;
        const last = this.looked.get(window) ?? { version: 0, at: 0 };
        const isAnother = last.version !== version;
        if (!isAnother && time - last.at < holdMs) continue;
        this.looked.set(window, { version, at: time });
        // Windows that have ended have no current count.
        for (const tracked of this.windows.live(now))
          if (tracked.window.window === window && countsUntil(tracked.window) > now) {
            // Only a request has the whole tenant, which a function of the app may look at.
            tracked.askAgain();
            if (isAnother) this.takeLevelsByKey(tracked);
          }
      }
  }

  /**
   * Compares a tenant's current count with its changed levels, even if only instances that have ended counted it. Rejects if the store
   * cannot be read.
   */
  async look(category: string, name: string, tenantId: string): Promise<void> {
    const counted = this.categories.get(category);
    const window = windowNamed(counted?.windows, name);
    if (!counted || !window) return;
    const [key, now] = [keyOfShown(tenantId), this.clock.now()];
    // A tracked tenant is checked together with all others.
    if (this.windows.find(window, key, now)) return;
    const [count = 0] = await this.counts([{ category, window: name, tenantId, at: now }]);
    const levels = window.levelsFor.byKey(key, undefined);
    if (!levels || levelReached(levels, count) === undefined) return;
    const tracked = this.windows.track(counted, window, key, now);
    if (!tracked) return;
    tracked.setLevels(levels);
    void this.publisher.publish(tracked, 'now');
  }

  private takeLevelsByKey(tracked: TenantTotal): void {
    const levels = tracked.window.window.levelsFor.byKey(tracked.key, tracked.knownLevels);
    if (!levels) return;
    tracked.setLevels(levels);
    const urgency = tracked.urgency();
    if (urgency !== 'later') void this.publisher.publish(tracked, urgency);
  }
}

function liveTotal({ window, key: tenant, known, knownLevels }: TenantTotal): LiveTotal {
  const threshold = knownLevels?.threshold;
  return { category: window.category.name, window: window.window.name, span: window.span, tenant, known, threshold };
}

/**
 * When the window that a total counts in ends, in milliseconds since the epoch; for a part of a sliding window, when the last window that
 * includes it ends.
 */
function countsUntil({ window, span }: WindowOfTotal): number {
  const { parts = 1 } = window;
  return span.end + (parts - 1) * (span.end - span.start);
}
