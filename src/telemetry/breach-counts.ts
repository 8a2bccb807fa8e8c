import type { Breach } from '../model/breach.js';
import { attributes, type Observation } from '../view/observation.js';
import { StickyLabels } from './sticky-labels.js';

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
