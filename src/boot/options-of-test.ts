import type { CompleteOptions } from '../options/complete-options.js';

/** Options that win over code and environment, such as the store of a test. */
export type OptionsOfTest = Partial<CompleteOptions>;

/**
 * Where a test puts its {@link OptionsOfTest}, with `overrideProvider`. The symbol is global, so that two copies of this package share it.
 */
export const OPTIONS_OF_TEST = Symbol.for('nestjs-rate-monitor:options-of-test');
