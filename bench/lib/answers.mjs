// @ts-check
/** The argument that this process was started with. */
export const argument = JSON.parse(process.argv[2] ?? '{}');

/**
 * Answers calls of the parent process; exits when the parent exits.
 *
 * @param {Record<string, (...args: never[]) => unknown>} answers
 */
export function answer(answers) {
  /** @type {typeof answers} */
  const all = { ready: () => true, ...answers };
  process.on('message', async (message) => {
    const { id, what, args } = /** @type {import('./children.mjs').Question} */ (message);
    try {
      process.send?.({ id, value: await all[what](.../** @type {never[]} */ (args)) });
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? error.stack : String(error) });
    }
  });
  process.on('disconnect', () => process.exit());
}
