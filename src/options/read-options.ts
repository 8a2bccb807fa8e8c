import { completeOptions, DEFAULT_CATEGORIES, type CompleteOptions } from './complete-options.js';
import type { Environment } from '../util/optional-peers.js';
import { override } from './environment.js';
import type { RateMonitorOptions } from './rate-monitor-options.js';
import { validate } from './validation.js';

/** What was read: the options to go by, and variables that look like ours and are not. */
export interface ReadOptions {
  readonly options: CompleteOptions;
  readonly unknownVariables: readonly string[];
}

/**
 * From what the user wrote and what the environment says over it to the complete, frozen options.
 *
 * @throws RateMonitorConfigError where a value is wrong.
 */
export function readOptions(given: RateMonitorOptions, environment: Environment): ReadOptions {
  const overridden = override({ ...given, categories: given.categories ?? DEFAULT_CATEGORIES }, environment);
  return { options: completeOptions(validate(overridden)), unknownVariables: overridden.unread.others };
}
