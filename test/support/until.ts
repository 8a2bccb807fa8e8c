/** Resolves once `holds` is true; throws if that takes more than `withinMs`. */
export async function until(holds: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  if (!(await patiently(holds, withinMs))) throw new Error(`not true within ${withinMs} ms: ${holds.toString()}`);
}

/** Waits until `holds` is true or the time is over; the test's own assertion then shows what is missing. */
export async function patiently(holds: () => boolean | Promise<boolean>, withinMs = 12_000): Promise<boolean> {
  const end = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
}
