import { insteadOfCategory } from '../model/category.js';
import type { CountedCategory } from '../model/window.js';
import { bareTenant, toTenant, type Tenant, type TenantLike } from '../model/tenant.js';
import type { WarnOnce } from '../util/warn-once.js';
import { kindOf, reasonOf, shownName } from '../util/text.js';

/** What a cost counts as. Callers without types, and functions of the app, may give anything. */
export function countedCost(cost: unknown, maxCost: number): number {
  return typeof cost === 'number' && cost >= 0 ? Math.min(cost, maxCost) : 1;
}

/** Checks what callers want to count, and logs once what cannot be counted. */
export class CheckedInput {
  /** Categories whose last cost could not be counted as it was; undefined until there is one, so that a good cost is checked quickly. */
  private troubled: Set<string> | undefined;

  /** The category of the last call: the next one usually names the same. */
  private last: CountedCategory | undefined;

  constructor(
    private readonly categories: ReadonlyMap<string, CountedCategory>,
    private readonly once: WarnOnce,
  ) {}

  category(name: string): CountedCategory | undefined {
    // Not `last?.name`: without a last category, that would equal a name which is undefined.
    if (this.last && this.last.name === name) return this.last;
    const category = (this.last = this.categories.get(name));
    if (!category) {
      // A caller without types may pass anything.
      const shown = shownName(name);
      this.once.warn(
        `category ${shown}`,
        () =>
          `Nothing is counted for ${shown}, which is not a category: write ${insteadOfCategory(this.categories.keys())}`,
      );
    }
    return category;
  }

  tenant(tenant: TenantLike): Tenant | undefined {
    let unread = '';
    try {
      const whom = toTenant(tenant);
      if (whom) return whom;
    } catch (error) {
      unread = ` (${reasonOf(error)})`;
      const bare = bareTenant(tenant);
      if (bare) {
        this.once.warn(
          'name',
          () => `The name or attributes of a tenant threw${unread}: it counts by its id alone`,
          unread,
        );
        return bare;
      }
    }
    this.once.warn(
      'tenant',
      () =>
        `Nothing is counted for a tenant that is neither an id (string or number) nor an object with one${unread}: pass its id, or { id, name }`,
      unread,
    );
    return undefined;
  }

  /** A cost may come from a request, so it is limited: one request must not make a count useless. */
  cost({ name, maxCost }: { readonly name: string; readonly maxCost: number }, cost: number): number {
    if (typeof cost === 'number' && cost >= 0 && cost <= maxCost) {
      if (this.troubled?.delete(name))
        for (const isTooMuch of [true, false]) this.once.good(`cost ${isTooMuch} ${name}`);
      return cost;
    }
    (this.troubled ??= new Set()).add(name);
    const isTooMuch = typeof cost === 'number' && cost > maxCost;
    const shown = typeof cost === 'number' ? cost : kindOf(cost);
    this.once.warn(`cost ${isTooMuch} ${name}`, () =>
      isTooMuch
        ? `A cost in ${name} was ${shown}: it counts as ${maxCost} (maxCost)`
        : `A cost in ${name} was ${shown}: it counts as 1. Use a number, 0 to ${maxCost}`,
    );
    return countedCost(cost, maxCost);
  }
}
