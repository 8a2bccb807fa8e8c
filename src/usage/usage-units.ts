import { earlierParts, type WindowSpan } from '../model/window.js';
import type { Category, CategoryWindow } from '../model/category.js';
import { SLOT_MS, type UsageUnit } from '../store/usage-store.js';

/** From this part of its threshold on, a tenant is near the threshold. */
export const NEAR = 0.5;

/** The window that a category's history is about: its shortest. */
export function baseWindow({ windows }: Category): CategoryWindow {
  return windows.reduce((base, window) => (window.windowMs < base.windowMs ? window : base));
}

/** Whether a window spans several minutes. Its history is then the running count at the end of each minute. */
export function isLong({ windowMs, parts }: CategoryWindow): boolean {
  return windowMs / (parts ?? 1) > SLOT_MS;
}

/** The unit in which a span's counts are copied: the span itself, or for a longer one, the minute that contains `now`. */
export function unitOf({ name }: Category, window: CategoryWindow, span: WindowSpan, now: number): UsageUnit {
  const counters = countersOf(window, span);
  if (!isLong(window)) {
    const sharesSlot = span.end - span.start < SLOT_MS;
    return { category: name, key: span.key, slot: Math.floor(span.start / SLOT_MS), counters, sharesSlot };
  }
  const slot = Math.floor(Math.min(Math.max(now, span.start), span.end - 1) / SLOT_MS);
  return { category: name, key: `${span.key}@${slot}`, slot, counters };
}

/** The counters that make up the count of a span: for a sliding window, the latest parts. */
export function countersOf(window: CategoryWindow, span: WindowSpan): string[] {
  return [span, ...earlierParts(window, span)].map(({ key }) => key);
}
