import type { Category } from '../model/category.js';
import type { CountedCategory } from '../model/window.js';
import type { CompleteOptions } from '../options/complete-options.js';
import { levelsFor, type AskedThresholds } from '../threshold/levels-for.js';
import { Turns } from '../threshold/threshold-function.js';

/** The categories of the options as the counter sees them. */
export function countedCategories({
  categories,
  thresholdTtlMs,
}: Pick<CompleteOptions, 'categories' | 'thresholdTtlMs'>): Map<string, CountedCategory> {
  const asked = { ttlMs: thresholdTtlMs, turns: new Turns() };
  return new Map(Array.from(categories, ([name, category]) => [name, counted(category, asked)]));
}

function counted({ name, maxCost, windows }: Category, asked: AskedThresholds): CountedCategory {
  return { name, maxCost, windows: windows.map((window) => ({ ...window, levelsFor: levelsFor(window, asked) })) };
}
