import { randomBytes } from 'node:crypto';

import type { Logger } from '@nestjs/common';

import type { Route } from '../model/route.js';
import type { Tenant } from '../model/tenant.js';
import { tenantKey } from '../model/tenant-key.js';
import type { Levels } from '../model/level.js';
import { within } from '../util/within.js';
import type { Breach } from '../model/breach.js';
import { StoreClock, type Clock } from './clock.js';
import type { Counted, CounterStore } from '../store/counter-store.js';
import { Judge } from './judge.js';
import { LiveWindows } from './live-windows.js';
import { Losses } from './losses.js';
import { Publisher, type PublisherOptions, type PublishListener } from './publisher.js';
import { StoreConnection } from './store-connection.js';
import { StoreHealth } from './store-health.js';
import type { TrackedTenant } from './tracked-tenant.js';
import { isOver } from './window.js';

/** A missing store never keeps an app from starting for longer. */
const CONNECT_WITHIN_MS = 1_000;
/** What cannot be published in this time at shutdown is lost. */
const LAST_PUBLISH_MS = 2_000;

export interface TallyOptions extends PublisherOptions {
  maxTrackedTenants: number;
}

/** Where something counts: a category, and how long its windows are. */
export interface CountedIn {
  readonly name: string;
  readonly windowMs: number;
}

/** This instance's own totals: kept here, published to the store, judged by what it answers. */
export class Tally implements PublishListener {
  private readonly windows: LiveWindows;
  private readonly clock: StoreClock;
  private readonly health: StoreHealth;
  private readonly publisher: Publisher;
  private readonly connection: StoreConnection;
  private readonly judge: Judge;
  private readonly losses: Losses;

  constructor(
    private readonly store: CounterStore,
    private readonly options: TallyOptions,
    localClock: Clock,
    logger: Logger,
    breached: (breach: Breach) => void,
  ) {
    this.windows = new LiveWindows(randomBytes(9).toString('base64url'), options.maxTrackedTenants);
    this.clock = new StoreClock(localClock);
    this.health = new StoreHealth(store.name, logger);
    this.publisher = new Publisher(store, options, this.health, this);
    this.connection = new StoreConnection(store, this.clock, () => this.recovered());
    this.judge = new Judge(breached);
    this.losses = new Losses(options.maxTrackedTenants, logger);
  }

  /** Connects, and waits for it a moment at most: counting goes on without. */
  async open(): Promise<void> {
    await within(this.connection.open(), CONNECT_WITHIN_MS, 'no connection').catch((error: unknown) =>
      this.health.failed(error),
    );
  }

  /** The tenant in the current window; undefined where there is no room for one more. */
  track({ name, windowMs }: CountedIn, tenantId: string): TrackedTenant | undefined {
    const tracked = this.windows.track(name, windowMs, tenantKey(tenantId), this.clock.now());
    if (!tracked) this.losses.untracked();
    return tracked;
  }

  /** Counts; the promise, where there is one to wait for, comes when the store has answered, and never late. */
  add(tracked: TrackedTenant, cost: number, tenant: Tenant, route: Route | undefined): Promise<void> | undefined {
    tracked.total += cost;
    tracked.tenant = tenant;
    tracked.route = route;
    return this.publish(tracked);
  }

  /** Holds a tenant against `levels` from now on. */
  setLevels(tracked: TrackedTenant, levels: Levels): Promise<void> | undefined {
    tracked.levels = levels;
    return this.publish(tracked);
  }

  /** The sum of all instances; where the store does not answer in time, what this one knows. */
  async read({ name, windowMs }: CountedIn, tenantId: string): Promise<number> {
    const [tenant, now] = [tenantKey(tenantId), this.clock.now()];
    const tracked = this.windows.find(name, windowMs, tenant, now);
    const ask = async (): Promise<number> => {
      if (tracked?.pending) await this.publisher.flush();
      return this.store.read({ category: name, tenant, window: Math.floor(now / windowMs), windowMs });
    };
    const asked = this.health.away ? 0 : await within(ask(), this.options.waitAtMostMs, 'no answer').catch(() => 0);
    return Math.max(asked, tracked?.known ?? 0);
  }

  /** Publishes what is pending, for as long as that may take; what is left is judged alone and said to be lost. */
  async close(): Promise<void> {
    await within(this.publisher.flush(), LAST_PUBLISH_MS, 'not published').catch(() => undefined);
    this.publisher.stop();
    for (const tracked of this.windows.tenants()) {
      if (!tracked.pending) continue;
      this.judge.alone(tracked);
      this.losses.unpublished(tracked);
    }
    this.losses.say();
  }

  /** Lets go of the store. */
  disconnect(): Promise<void> {
    return this.connection.close();
  }

  /** The store's clock. */
  now(): number {
    return this.clock.now();
  }

  taken(tracked: TrackedTenant, total: number, counted: Counted): void {
    // The others are to know it once it is announced, and not before: should the store lose its data, it has only what they know.
    if (this.judge.byStore(tracked, total, counted)) this.publisher.publishSoon(tracked);
  }

  refused(tracked: TrackedTenant, reason: string): void {
    tracked.refused = true;
    this.losses.refused(tracked, reason);
    this.judge.alone(tracked);
  }

  unreached(left: readonly TrackedTenant[]): void {
    if (this.health.alone) for (const tracked of left) this.judge.alone(tracked);
  }

  expired(tracked: TrackedTenant): boolean {
    if (!isOver(tracked.window, this.clock.now())) return false;
    this.losses.unpublished(tracked);
    return true;
  }

  /** The store may have lost what it knew: all that still counts is published again. */
  recovered(): void {
    this.publisher.publishAll(this.windows.live(this.clock.now()));
    this.losses.say();
    if (this.publisher.idle) this.health.answered();
  }

  private publish(tracked: TrackedTenant): Promise<void> | undefined {
    if (!tracked.refused) return this.publisher.publish(tracked);
    this.judge.alone(tracked);
    return undefined;
  }
}
