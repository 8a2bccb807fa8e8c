/** The length of a window that has long begun and long goes on: a test counts in one window, whenever it runs. */
export function calmWindowMs(): number {
  let windowMs = 3_600_000;
  while (Date.now() % windowMs < windowMs / 4 || Date.now() % windowMs > windowMs / 2) windowMs += 60_000;
  return windowMs;
}

/** The default thresholds, in calm windows. */
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
