import type { Category, CategoryWindow } from '../model/category.js';
import type { Levels } from '../model/level.js';
import { idLabel } from '../util/shown-names.js';
import { keptTenant } from '../model/tenant-attributes.js';
import { tenantKey, type Tenant } from '../model/tenant.js';
import type { LevelsFor } from '../model/window.js';
import { givenAtOnce } from '../util/guest-function.js';
import type { WarnOnce } from '../util/warn-once.js';
import { kindOf, reasonOf } from '../util/text.js';
import { levelsOf, NO_LEVELS } from './levels.js';
import type { Overrides } from './overrides.js';

/**
 * The levels that apply to the tenants of a window: from the most specific threshold set at run time, else from the options. An exempt
 * tenant has none, unless a threshold was set for exactly that tenant.
 */
export function effectiveLevels(
  category: Category,
  { name: window, levels }: CategoryWindow,
  ofOptions: LevelsFor,
  overrides: Pick<Overrides, 'exactly' | 'broadly' | 'version'>,
  once: WarnOnce,
): LevelsFor {
  const { name, exempt } = category;
  const isExempt = exemptionOf(category, once);
  /** For levels from a threshold set for exactly one tenant: whether the tenant would be exempt without it, if known. */
  const exemptWithout = new WeakMap<Levels, boolean | undefined>();
  /** Undefined while its levels are not known. */
  const wasExempt = (before: Levels | undefined): boolean | undefined =>
    before && (exemptWithout.has(before) ? exemptWithout.get(before) : before === NO_LEVELS);
  const levelsSetFor = (key: string, isSpared: boolean | undefined): Levels | undefined => {
    const own = overrides.exactly(name, window, key);
    if (own === undefined) return undefined;
    const found = levelsOf(own, levels);
    exemptWithout.set(found, isSpared);
    return found;
  };
  const levelsFor = (tenant: Tenant): Levels | Promise<Levels> => {
    const isSpared = isExempt(tenant);
    const own = levelsSetFor(tenantKey(tenant.id), isSpared);
    if (own) return own;
    if (isSpared) return NO_LEVELS;
    const broad = overrides.broadly(name, window, tenant.id);
    return broad === undefined ? ofOptions(tenant) : levelsOf(broad, levels);
  };
  const byKey = (key: string, before: Levels | undefined, maxAgeMs?: number): Levels | undefined => {
    const isSpared = exempt ? wasExempt(before) : false;
    const own = levelsSetFor(key, isSpared);
    if (own) return own;
    if (isSpared !== false) return isSpared ? NO_LEVELS : undefined;
    const broad = overrides.broadly(name, window, key);
    return broad === undefined ? ofOptions.byKey(key, before, maxAgeMs) : levelsOf(broad, levels);
  };
  const { holdMs } = ofOptions;
  return Object.defineProperty(Object.assign(levelsFor, { byKey }, holdMs && { holdMs }), 'version', {
    get: () => overrides.version + (ofOptions.version ?? 0),
  });
}

/** Whether the category's `exempt` spares a tenant. If it throws or returns anything else than it should, it spares nobody. */
function exemptionOf({ name, exempt }: Category, once: WarnOnce): (tenant: Tenant) => boolean {
  if (!exempt) return () => false;
  const wrong = (tenant: Tenant, how: string, reason: string): void =>
    once.warn(
      `exempt ${name}`,
      () => `exempt ${how} for tenant ${idLabel(tenant.id, 100)} of ${name}${reason}: it is treated as not exempt`,
      how + reason,
    );
  return (tenant) => {
    try {
      // A copy, because it may change what it is given.
      const answer = givenAtOnce<unknown>(exempt(keptTenant(tenant)));
      if (typeof answer === 'boolean' || answer === undefined || answer === null) once.good(`exempt ${name}`);
      else wrong(tenant, `returned ${kindOf(answer)}`, ' instead of true or false');
      return answer === true;
    } catch (error) {
      wrong(tenant, 'threw', ` (${reasonOf(error)})`);
      return false;
    }
  };
}

/**
 * The threshold of a tenant, or the one that tenants share, for display. It does not call the app's functions.
 *
 * @param seen - The tenant's threshold according to an instance that counted it.
 */
export function shownThreshold(
  { name, exempt }: Category,
  { name: window, threshold }: CategoryWindow,
  overrides: Pick<Overrides, 'exactly' | 'broadly'>,
  tenantId = '',
  seen?: number,
): number | undefined {
  const own = overrides.exactly(name, window, tenantId);
  if (own !== undefined) return own;
  // Only the app's function knows who is exempt, and the instance that counted the tenant has asked it.
  if (exempt && seen === Infinity) return Infinity;
  return overrides.broadly(name, window, tenantId) ?? (typeof threshold === 'number' ? threshold : seen);
}
