import { levelReached, NO_LEVELS } from '../threshold/levels.js';
import type { Breach } from '../model/breach.js';
import type { AlertLevel } from '../model/level.js';
import type { Counted } from '../store/counter-store.js';
import type { TrackedTenant } from './tracked-tenant.js';

/**
 * Finds breaches: by the store's word, which gives each level to one instance, or alone, by what this instance counted, while
 * the store is away. What it counted alone is never more than the true count, so such a breach is never a false one.
 */
export class Judge {
  constructor(private readonly breached: (breach: Breach) => void) {}

  /** The store has taken `total` and answered; gives back whether that was a breach for this instance to announce. */
  byStore(tracked: TrackedTenant, total: number, { count, announced, announce }: Counted): boolean {
    tracked.count = count;
    tracked.published = Math.max(tracked.published, total);
    const isMine = announce > tracked.announced;
    tracked.announced = Math.max(tracked.announced, announced, announce);
    if (isMine) this.announce(tracked, announce, count, 'all');
    // Where its levels are still to come, so may its breach be.
    const isDone = tracked.published === tracked.total && tracked.levels !== NO_LEVELS;
    if (isDone) tracked.tenant = tracked.route = undefined;
    return isMine;
  }

  /** The store cannot be asked. */
  alone(tracked: TrackedTenant): void {
    const level = levelReached(tracked.levels ?? NO_LEVELS, tracked.total);
    if (level <= tracked.announced) return;
    // Published with the total: the store then holds the level announced, and gives it to no other instance.
    tracked.announced = level;
    this.announce(tracked, level, tracked.total, 'instance');
  }

  private announce(tracked: TrackedTenant, level: number, count: number, countedBy: Breach['countedBy']): void {
    const { category, number, windowMs } = tracked.window;
    const { tenant = { id: tracked.key }, route } = tracked;
    const { threshold, steps } = tracked.levels ?? NO_LEVELS;
    this.breached({
      category,
      window: '',
      tenant,
      count,
      threshold,
      level: steps[level - 1] as AlertLevel,
      windowStart: number * windowMs,
      windowEnd: (number + 1) * windowMs,
      route,
      countedBy,
    });
  }
}
