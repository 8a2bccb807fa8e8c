import type { Breach } from '../model/breach.js';
import { keyOfShown } from '../model/tenant.js';
import { OTHER, shownId, unlikeOther } from '../util/shown-names.js';
import type { Observation } from '../facade/monitor-view.js';
import { attributes } from './metrics.js';

const MAX_LABEL = 200;

/**
 * Labels for the first tenants that need one, for the lifetime of the process. A changing set would grow without bound in a metrics SDK,
 * which keeps every set of labels it has seen.
 */
export class StickyLabels {
  private readonly labels = new Set<string>();

  constructor(private readonly max: number) {}

  /** The tenant itself if it already has a label or there is room for one, else `other`. */
  labelOf(tenant: string): string {
    if (this.labels.has(tenant)) return tenant;
    if (this.labels.size >= this.max) return OTHER;
    this.labels.add(tenant);
    return tenant;
  }
}

/** Counts breaches by category and tenant. Breaches are rare, and other requests never get here. */
export class BreachCounts {
  private readonly labels: StickyLabels;
  private readonly counts = new Map<string, { value: number; attributes: Record<string, string> }>();

  /** @param tenants - How many tenants get a label of their own; all others are `other`. */
  constructor(tenants: number) {
    this.labels = new StickyLabels(tenants);
  }

  add({ category, tenant, level }: Pick<Breach, 'category' | 'tenant' | 'level'>): void {
    // Two long ids must not share a label, nor an id called `other` that of the rest, nor two ids that a text format cannot tell apart.
    const label = this.labels.labelOf(shownId(keyOfShown(unlikeOther(tenant.id, 'id')), MAX_LABEL));
    const by = attributes({ category, tenant: label, severity: level.severity });
    const key = JSON.stringify(by);
    const counted = this.counts.get(key);
    if (counted) counted.value++;
    else this.counts.set(key, { value: 1, attributes: by });
  }

  observe(): Observation[] {
    return [...this.counts.values()];
  }
}
