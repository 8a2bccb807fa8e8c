import type { Category } from '../model/category.js';
import type { CountedCategory } from '../model/window.js';
import { levelsFor } from '../threshold/levels-for.js';

/** The categories of the options as the counter sees them. */
export function countedCategories(categories: ReadonlyMap<string, Category>): Map<string, CountedCategory> {
  return new Map(Array.from(categories, ([name, category]) => [name, counted(category)]));
}

function counted({ name, maxCost, windows }: Category): CountedCategory {
  return { name, maxCost, windows: windows.map((window) => ({ ...window, levelsFor: levelsFor(window) })) };
}
