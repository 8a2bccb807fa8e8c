import { toTenant, type Tenant, type TenantLike } from '../model/tenant.js';
import type { SayOnce } from '../util/say-once.js';
import { oneLine } from '../util/text.js';

/** Makes what it can of what it is given to count, and says once what it cannot. */
export class CounterInput {
  constructor(private readonly once: SayOnce) {}

  category<T>(name: string, categories: ReadonlyMap<string, T>): T | undefined {
    const category = categories.get(name);
    if (!category) {
      const known = [...categories.keys()].join(', ');
      this.once.warn(
        `category ${name}`,
        () =>
          `Nothing is counted for '${oneLine(name, 40)}', which is no category: it is one of ${known}, or add it to categories`,
      );
    }
    return category;
  }

  tenant(tenant: TenantLike): Tenant | undefined {
    const whom = toTenant(tenant);
    if (!whom)
      this.once.warn(
        'tenant',
        () => 'Nothing is counted for a tenant that is neither an id (text or number) nor an object with one',
      );
    return whom;
  }

  cost(category: string, cost: number): number {
    // Larger ones, which a client may ask for where a cost comes from its request, would end in a sum that is no number.
    if (Number.isFinite(cost) && cost >= 0 && cost <= Number.MAX_SAFE_INTEGER) return cost;
    this.once.warn(
      `cost ${category}`,
      () =>
        `A cost in ${category} was ${typeof cost === 'number' ? cost : `a ${typeof cost}`}: it counts as 1. Give a number, 0 to ${Number.MAX_SAFE_INTEGER}`,
    );
    return 1;
  }
}
