import type { RateMonitorOptions } from '../../src/index.js';
import { withDefaults, type CompleteOptions } from '../../src/options/with-defaults.js';

/** Complete options of an app that sets no variables. */
export const completed = (options: RateMonitorOptions = {}): CompleteOptions => withDefaults(options, new Map());
