import type { Breach } from '../model/breach.js';
import type { Observation } from '../facade/monitor-view.js';
import { attributes } from './metrics.js';

/** The label of all tenants without one of their own. */
const OTHER = 'other';

/**
 * Labels for the first tenants that ask, for the life of the process. A changing set would grow without bound in a metrics SDK, which keeps
 * every set of labels that it ever saw.
 */
export class StickyLabels {
  private readonly labels = new Set<string>();

  constructor(private readonly max: number) {}

  /** The tenant itself if there is room or it has a label already, else `other`. */
  labelOf(tenant: string): string {
    if (this.labels.has(tenant)) return tenant;
    if (this.labels.size >= this.max) return OTHER;
    this.labels.add(tenant);
    return tenant;
  }
}

/** Counts breaches by category and tenant. Breaches are rare; nothing here is on the way of other requests. */
export class BreachCounts {
  private readonly labels: StickyLabels;
  private readonly counts = new Map<string, { value: number; attributes: Record<string, string> }>();

  /** @param tenants - How many tenants have a label of their own; all others are `other`. */
  constructor(tenants: number) {
    this.labels = new StickyLabels(tenants);
  }

  add({ category, tenant, level }: Pick<Breach, 'category' | 'tenant' | 'level'>): void {
    const label = this.labels.labelOf(tenant.id.slice(0, 128));
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
