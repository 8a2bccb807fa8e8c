import { insteadOfCategory, type Category } from '../model/category.js';
import { MAX_SHOWN_ID } from '../model/tenant.js';
import type { RemoveThresholdOptions, SetThresholdOptions } from '../model/threshold-override.js';
import { windowNamed } from '../model/window-name.js';
import { checkNames } from '../util/option-names.js';
import { isRecord } from '../util/shapes.js';
import { oneLine, shownName } from '../util/text.js';
import type { KeptOverride, NextOverride } from './kept-override.js';

const OPTIONS = ['category', 'tenant', 'window', 'threshold', 'until', 'reason', 'by'];

/**
 * Checks a threshold to set, and returns what to store.
 *
 * @throws TypeError or RangeError if an option is wrong.
 */
export function checkSet(
  options: SetThresholdOptions,
  categories: ReadonlyMap<string, Category>,
  now: number,
): NextOverride {
  checkGiven(options);
  const { threshold, until } = options;
  if (threshold !== Infinity && !(Number.isSafeInteger(threshold) && threshold >= 0))
    throw new RangeError(`threshold is ${show(threshold)}: write a whole number, 0 or more, or Infinity for no alerts`);
  if (until !== undefined) {
    if (!(until instanceof Date) || Number.isNaN(until.getTime()))
      throw new TypeError(`until is ${show(until)}: write a Date, or leave it out for a threshold without an end`);
    if (until.getTime() <= now) throw new RangeError(`until is ${until.toISOString()}: write a time in the future`);
  }
  return { ...checkRemove(options, categories), threshold, until: until?.getTime() ?? null };
}

/**
 * Checks a threshold to remove, and returns what to store.
 *
 * @param set - The thresholds in force: one set before a deploy may be for a category or window that is no longer configured.
 */
export function checkRemove(
  options: RemoveThresholdOptions,
  categories: ReadonlyMap<string, Category>,
  set: readonly Pick<KeptOverride, 'category' | 'window'>[] = [],
): NextOverride {
  checkGiven(options);
  const { category, tenant, window, reason, by } = options;
  const windows = categories.get(category)?.windows ?? [];
  const lengthName = windowNamed(windows, window ?? '')?.lengthName ?? window;
  const isKnown = (of: Pick<KeptOverride, 'category' | 'window'>): boolean =>
    of.category === category && of.window === lengthName;
  if (!windows.some((of) => isKnown({ category, window: of.lengthName })) && !set.some(isKnown)) {
    if (windows.length === 0)
      throw new RangeError(`category is ${show(category)}: write ${insteadOfCategory(categories.keys())}`);
    const names = windows.map(({ name }) => name).join(', ');
    const remedy = windows.length > 1 ? `write one of ${names}` : 'leave it out, the category has one';
    throw new RangeError(`window is ${show(window)}: ${remedy}`);
  }
  // An id that was not loaded must not change the threshold of everybody.
  if ('tenant' in options) checkTenant(tenant);
  for (const [name, value] of Object.entries({ reason, by })) {
    if (typeof value !== 'string' || oneLine(value) === '')
      throw new TypeError(
        `${name} is empty: write ${name === 'by' ? 'who changes it' : 'why'}, for those who ask later`,
      );
  }
  const scope = { category, window: lengthName as string, tenant: tenant ?? null };
  return { scope, threshold: null, until: null, by: oneLine(by, 100), reason: oneLine(reason) };
}

/** A misspelled `until` would set a threshold without an end, a misspelled `tenant` would change that of everybody. */
function checkGiven(options: unknown): void {
  const given = isRecord(options) ? { ...options } : options;
  // Accepted, but not offered: a listed threshold, which has it, can be passed back with another value.
  if (isRecord(given)) delete given.since;
  checkNames(given, OPTIONS);
}

function checkTenant(tenant: string | undefined): void {
  if (typeof tenant !== 'string' || tenant === '')
    throw new TypeError(
      `tenant is ${tenant === undefined ? 'undefined' : show(tenant)}: write an id, or a prefix of ids followed by *, or leave it out for all`,
    );
  if (tenant === '*') throw new RangeError("tenant is '*': leave it out for all tenants");
  if (tenant.length > MAX_SHOWN_ID)
    throw new RangeError(`tenant has ${tenant.length} characters: write an id of up to ${MAX_SHOWN_ID}`);
}

function show(value: unknown): string {
  if (value === '') return 'empty';
  if (value === undefined) return 'missing';
  return typeof value === 'number' || value === null ? String(value) : shownName(value);
}
