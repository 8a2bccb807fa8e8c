import { keyOfShown } from '../model/tenant.js';
import type { KeptOverride } from './kept-override.js';

/** The thresholds set for one window of one category. */
interface OfWindow {
  readonly tenants: Map<string, number>;
  /** Longest first. */
  readonly beginnings: [beginning: string, threshold: number][];
  all: number | undefined;
}

/** Finds the override that applies to a tenant: the most specific wins. */
export class OverrideIndex {
  private readonly windows = new Map<string, OfWindow>();

  /** @param overrides - Overrides with the current names of their windows. */
  constructor(overrides: Iterable<KeptOverride>) {
    for (const { category, window, tenant, threshold } of overrides) {
      if (threshold === null) continue;
      const of = this.ofWindow(category, window);
      const value = threshold === 'Infinity' ? Infinity : threshold;
      if (tenant === null) of.all = value;
      else if (tenant.endsWith('*')) of.beginnings.push([tenant.slice(0, -1), value]);
      else of.tenants.set(keyOfShown(tenant), value);
    }
    for (const { beginnings } of this.windows.values()) beginnings.sort(([a], [b]) => b.length - a.length);
  }

  /** The threshold set for this tenant and no other. */
  exactly(category: string, window: string, tenantId: string): number | undefined {
    return this.windows.get(keyOf(category, window))?.tenants.get(keyOfShown(tenantId));
  }

  /** The threshold set for the longest matching prefix of this id, else the one for the whole category. */
  broadly(category: string, window: string, tenantId: string): number | undefined {
    const of = this.windows.get(keyOf(category, window));
    if (!of) return undefined;
    return of.beginnings.find(([beginning]) => tenantId.startsWith(beginning))?.[1] ?? of.all;
  }

  private ofWindow(category: string, window: string): OfWindow {
    const key = keyOf(category, window);
    let of = this.windows.get(key);
    if (!of) this.windows.set(key, (of = { tenants: new Map(), beginnings: [], all: undefined }));
    return of;
  }
}

function keyOf(category: string, window: string): string {
  return `${category}:${window}`;
}
