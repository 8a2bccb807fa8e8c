import type { Category } from '../model/category.js';
import { keyOfShown } from '../model/tenant.js';
import type { Levels } from '../model/level.js';
import type { CountedCategory } from '../model/window.js';
import { windowNamed } from '../model/window-name.js';
import type { CompleteOptions } from '../options/with-defaults.js';
import { effectiveLevels } from '../threshold/effective-levels.js';
import { levelReached, levelsFor, type AskedThresholds } from '../threshold/levels.js';
import type { Overrides } from '../threshold/overrides.js';
import { CallLimit } from '../threshold/threshold-function.js';
import type { WarnOnce } from '../util/warn-once.js';

const OVER: Levels = { threshold: 0, counts: [], steps: [] };

type SetThresholds = Pick<Overrides, 'exactly' | 'broadly' | 'version'>;

/** The configured categories as the counter needs them, with thresholds that may be set at run time. */
export function countedCategories(
  { categories, thresholdTtlMs }: Pick<CompleteOptions, 'categories' | 'thresholdTtlMs'>,
  overrides: SetThresholds,
  once: WarnOnce,
  now: () => number,
): Map<string, CountedCategory> {
  const asked = { ttlMs: thresholdTtlMs, limit: new CallLimit(), now };
  return new Map(Array.from(categories, ([name, category]) => [name, counted(category, asked, overrides, once)]));
}

/**
 * The tenant's current threshold if `count` is over none of its levels; undefined if it is, or if that is not known.
 *
 * @param maxAgeMs - An answer of a threshold function that is older does not count.
 */
export function thresholdNotReached(
  categories: ReadonlyMap<string, CountedCategory>,
  of: { readonly category: string; readonly window: string; readonly tenantId: string },
  count: number,
  maxAgeMs: number,
): number | undefined {
  const window = windowNamed(categories.get(of.category)?.windows, of.window);
  // The tenant was over, so it is not exempt.
  const levels = window?.levelsFor.byKey(keyOfShown(of.tenantId), OVER, maxAgeMs);
  return levels && levelReached(levels, count) === undefined ? levels.threshold : undefined;
}

function counted(
  category: Category,
  asked: AskedThresholds,
  overrides: SetThresholds,
  once: WarnOnce,
): CountedCategory {
  const { name, maxCost, windows } = category;
  const withLevels = windows.map((window) => ({
    ...window,
    levelsFor: effectiveLevels(category, window, levelsFor(window, asked), overrides, once),
  }));
  return { name, maxCost, windows: withLevels };
}
