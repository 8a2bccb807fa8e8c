import { countersOf, type WindowSpan } from '../model/window.js';
import type { Category, CategoryWindow } from '../model/category.js';
import { SLOT_MS, type UsageUnit } from '../store/usage-store.js';

/** From this part of its threshold on, a tenant is near the threshold. */
export const NEAR = 0.5;
/** How many past units are still handled. */
export const LATE_UNITS = 3;

/** The window that a category's history is about: its shortest. */
export function baseWindow({ windows }: Category): CategoryWindow {
  return windows.reduce((base, window) => (window.windowMs < base.windowMs ? window : base));
}

/** Whether a window spans several minutes. Its history is then the running count at the end of each minute. */
export function isLong({ windowMs, parts }: CategoryWindow): boolean {
  return windowMs / (parts ?? 1) > SLOT_MS;
}

/**
 * The slot of what a window counts at a time: the minute in which it began, or for a long window, the running minute. A slot belongs to the
 * window in which it begins, so what a long window counts in the minute in which it begins goes to the next slot.
 */
export function slotOf(window: CategoryWindow, { start, end }: WindowSpan, at: number): number {
  if (!isLong(window)) return Math.floor(start / SLOT_MS);
  return Math.max(Math.floor(Math.min(at, end - 1) / SLOT_MS), Math.ceil(start / SLOT_MS));
}

/** The unit in which a span's counts are copied: the span itself, or for a longer one, the minute that contains `now`. */
export function unitOf({ name }: Category, window: CategoryWindow, span: WindowSpan, now: number): UsageUnit {
  const counters = countersOf(window, span);
  const slot = slotOf(window, span, now);
  if (isLong(window)) return { category: name, key: `${span.key}@${slot}`, slot, counters };
  return { category: name, key: span.key, slot, counters, sharesSlot: span.end - span.start < SLOT_MS };
}
