import type { Route } from '../model/route.js';
import type { Tenant } from '../model/tenant.js';
import type { Levels } from '../model/level.js';
import type { OwnTotal } from '../store/counter-store.js';
import type { Window } from './window.js';

/** One tenant in one window of one category, as this instance has counted it. There may be a million: keep it small. */
export class TrackedTenant {
  /** What this instance has counted. */
  total = 0;
  /** How much of `total` the store has taken. */
  published = 0;
  /** The sum of all instances, when the store last told. */
  count = 0;
  /** The highest level known to be announced, by whomever. */
  announced = 0;
  /** Waiting to be published. */
  queued = false;
  /** The store will never take it. */
  refused = false;
  /** What it is held against; undefined until asked for. */
  levels: Levels | undefined;
  /** Whom and where the last request was, kept until it is published: an alert tells of it. */
  tenant: Tenant | undefined;
  route: Route | undefined;

  constructor(
    readonly window: Window,
    readonly key: string,
  ) {}

  /** Whether the store lacks some of it, and would take it. */
  get pending(): boolean {
    return this.published < this.total && !this.refused;
  }

  /** The best this instance knows of the count: what the store told, and what has come since. */
  get known(): number {
    return this.count + this.total - this.published;
  }

  toOwnTotal(): OwnTotal {
    const { category, instance, number, windowMs } = this.window;
    return {
      category,
      tenant: this.key,
      window: number,
      windowMs,
      instance,
      total: this.total,
      levels: this.levels?.counts ?? [],
      announced: this.announced,
    };
  }
}
