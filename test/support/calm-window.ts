/** Length of a window that started long ago and ends much later, so that a test always counts in one window. */
export function calmWindowMs(): number {
  let windowMs = 3_600_000;
  while (Date.now() % windowMs < windowMs / 4 || Date.now() % windowMs > windowMs / 2) windowMs += 60_000;
  return windowMs;
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
