/** Length of a window that started long ago and ends much later, so that a test always counts in one window. */
export function calmWindowMs(): number {
  // The same length as last time if it still has a quarter left: a test may ask before and after it counts.
  if (partOf(lastMs) > 0.25 && partOf(lastMs) < 0.75) return lastMs;
  let windowMs = 3_600_000;
  while (partOf(windowMs) < 0.25 || partOf(windowMs) > 0.5) windowMs += 60_000;
  return (lastMs = windowMs);
}

let lastMs = 0;

/** How much of the current window of this length is over, 0 to 1; NaN for no length. */
function partOf(windowMs: number): number {
  return (Date.now() % windowMs) / windowMs;
}

/** The default thresholds with such windows. */
export function calmCategories(): Record<
  'llm_call' | 'collections' | 'evaluations',
  { threshold: number; windowMs: number }
> {
  const windowMs = calmWindowMs();
  return {
    llm_call: { threshold: 15, windowMs },
    collections: { threshold: 3, windowMs },
    evaluations: { threshold: 3, windowMs },
  };
}
