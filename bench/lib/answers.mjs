// @ts-check
/** The argument that this process was started with. */
export const argument = JSON.parse(process.argv[2] ?? '{}');

/** Answers calls of the parent process; exits when the parent exits. */
export function answer(answers) {
  const all = { ready: () => true, ...answers };
  process.on('message', async ({ id, what, args }) => {
    try {
      process.send?.({ id, value: await all[what](...args) });
    } catch (error) {
      process.send?.({ id, error: error.stack ?? String(error) });
    }
  });
  process.on('disconnect', () => process.exit());
}
