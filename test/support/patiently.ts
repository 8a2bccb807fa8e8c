import { setTimeout as wait } from 'node:timers/promises';

/** Waits until `holds`, or until there is no more hope of it: what the test then asserts says what was missing. */
export async function patiently(holds: () => boolean | Promise<boolean>, withinMs = 12_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await holds()) && performance.now() < deadline) await wait(20);
}
