import type { CompleteOptions } from '../options/complete-options.js';

/** What stands in for options of the app, whatever code or environment say: a test's store, say. */
export type StandIns = Partial<CompleteOptions>;

/** Where a test puts its {@link StandIns}, with `overrideProvider`. By a global name, so that two copies of this package mean the same. */
export const STAND_INS = Symbol.for('nestjs-rate-monitor:stand-ins');
