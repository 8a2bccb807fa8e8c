import type { Logger } from '@nestjs/common';

import type { CompleteOptions } from '../options/complete-options.js';
import type { Route } from '../model/route.js';
import { SayOnce } from '../util/say-once.js';
import type { Tenant, TenantLike } from '../model/tenant.js';
import { answered } from '../util/answered.js';
import { reasonOf } from '../util/text.js';
import { levelsFor, type LevelsFor } from '../threshold/levels-for.js';
import { NO_LEVELS } from '../threshold/levels.js';
import type { Levels } from '../model/level.js';
import { within } from '../util/within.js';
import type { Breach } from '../model/breach.js';
import type { Clock } from './clock.js';
import { CounterInput } from './counter-input.js';
import type { CounterStore } from '../store/counter-store.js';
import { Tally, type CountedIn } from './tally.js';
import type { TrackedTenant } from './tracked-tenant.js';

interface CountedCategory extends CountedIn {
  readonly levelsFor: LevelsFor;
}

/** Counts tenants, and holds them against their levels. It throws nothing and waits for the store no longer than `waitAtMostMs`. */
export class Counter {
  private readonly once: SayOnce;
  private readonly given: CounterInput;
  private readonly categories: ReadonlyMap<string, CountedCategory>;
  private readonly waitAtMostMs: number;
  private readonly tally: Tally;

  constructor(
    store: CounterStore,
    options: CompleteOptions,
    clock: Clock,
    logger: Logger,
    breached: (breach: Breach) => void,
  ) {
    this.once = new SayOnce(logger);
    this.given = new CounterInput(this.once);
    this.waitAtMostMs = options.waitAtMostMs;
    this.categories = new Map(
      Array.from(options.categories.values(), (category) => [
        category.name,
        { name: category.name, windowMs: category.windowMs, levelsFor: levelsFor(category) },
      ]),
    );
    this.tally = new Tally(store, options, clock, logger, breached);
  }

  /** Begins to count, and comes back once the store is connected or a moment has passed. */
  open(): Promise<void> {
    return this.tally.open();
  }

  /** Publishes what is pending; counts no more. */
  close(): Promise<void> {
    return this.tally.close();
  }

  /** Lets go of the store. */
  disconnect(): Promise<void> {
    return this.tally.disconnect();
  }

  /** The store's clock, in milliseconds since the epoch. */
  now(): number {
    return this.tally.now();
  }

  /**
   * Counts `cost` more for a tenant and gives its count in the window: that of all instances in `await` mode, else the best this one
   * knows; 0 where it could not be counted, which the log explains once.
   *
   * @param category A configured category.
   * @param tenant The tenant, or its id.
   * @param cost What to count: a request, or tokens known only after the answer.
   */
  async increment(category: string, tenant: TenantLike, cost = 1): Promise<number> {
    const [whom, counted] = [this.given.tenant(tenant), this.categoryOf(category)];
    if (!whom || !counted) return 0;
    // Kept: by the time the store has answered, another window may have begun.
    const tracked = this.tally.track(counted, whom.id);
    if (!tracked) return 0;
    await this.addTo(tracked, counted, whom, cost);
    return tracked.known;
  }

  /**
   * A tenant's count in the current window: of all instances, or, where the store is away, of this one.
   *
   * @param category A configured category.
   * @param tenant The tenant, or its id.
   */
  async read(category: string, tenant: TenantLike): Promise<number> {
    const [whom, counted] = [this.given.tenant(tenant), this.categoryOf(category)];
    if (!whom || !counted) return 0;
    return this.tally.read(counted, whom.id);
  }

  /**
   * Counts at once; the promise, where there is one, is for those who want to wait until the store has answered. It never rejects and
   * never takes longer than `waitAtMostMs`.
   */
  add(category: string, tenant: Tenant, cost: number, route?: Route): Promise<void> | undefined {
    const counted = this.categoryOf(category);
    const tracked = counted && this.tally.track(counted, tenant.id);
    return tracked && this.addTo(tracked, counted, tenant, cost, route);
  }

  private addTo(
    tracked: TrackedTenant,
    counted: CountedCategory,
    tenant: Tenant,
    cost: number,
    route?: Route,
  ): Promise<void> | undefined {
    const levels = tracked.levels ?? this.levelsOf(tracked, counted, tenant);
    const taken = this.tally.add(tracked, this.given.cost(counted.name, cost), tenant, route);
    return levels instanceof Promise ? within(levels, this.waitAtMostMs, '').catch(() => undefined) : taken;
  }

  /** Sets the levels of a tenant that is new in its window; those that come later are published again, with what was counted meanwhile. */
  private levelsOf(
    tracked: TrackedTenant,
    { name, levelsFor }: CountedCategory,
    tenant: Tenant,
  ): Levels | Promise<void> {
    tracked.levels = NO_LEVELS;
    const found = levelsFor(tenant);
    if (!(found instanceof Promise)) return (tracked.levels = found);
    return answered(found).then(
      (levels) => this.tally.setLevels(tracked, levels),
      (error: unknown) =>
        this.once.warn(
          `threshold ${name}`,
          () =>
            `No threshold for a tenant of ${name} (${reasonOf(error)}): it is counted, but not alerted on in this window`,
        ),
    );
  }

  private categoryOf(name: string): CountedCategory | undefined {
    return this.given.category(name, this.categories);
  }
}
