const STEP_MS = 10;
const step = (): Promise<false> => new Promise((resolve) => setTimeout(resolve, STEP_MS, false));

/** Resolves once `holds` is true; throws if that takes more than `withinMs`. */
export async function until(holds: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  if (!(await patiently(holds, withinMs))) throw new Error(`not true within ${withinMs} ms: ${holds.toString()}`);
}

/**
 * Whether `work` ends within `ms`, counted in short steps of the event loop: what keeps the loop waiting on a busy machine does not count.
 */
export async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const ended = work.then(() => true);
  // One that rejects later has no test that it could fail.
  ended.catch(() => undefined);
  for (let passed = 0; passed < ms; passed += STEP_MS) if (await Promise.race([ended, step()])) return true;
  return false;
}

/** Waits until `holds` is true or the time is over; the test's own assertion then shows what is missing. */
export async function patiently(holds: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<boolean> {
  const end = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > end) return false;
    await step();
  }
  return true;
}
