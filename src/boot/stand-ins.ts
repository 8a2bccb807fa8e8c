import type { CompleteOptions } from '../options/complete-options.js';

/** Options that win over code and environment, such as the store of a test. */
export type StandIns = Partial<CompleteOptions>;

/** Where a test puts its {@link StandIns}, with `overrideProvider`. By a global name, so that two copies of this package mean the same. */
export const STAND_INS = Symbol.for('nestjs-rate-monitor:stand-ins');
