import { completeOptions, DEFAULT_CATEGORIES, type CompleteOptions } from './complete-options.js';
import type { Environment } from '../util/optional-peers.js';
import { override } from './environment.js';
import type { RateMonitorOptions } from './rate-monitor-options.js';
import { validate } from './validation.js';

/** The complete options, and a line about each variable that looks like ours but is unknown. */
export interface ReadOptions {
  readonly options: CompleteOptions;
  readonly unreadVariables: readonly string[];
}

/**
 * Combines the given options with the environment variables that override them into complete, frozen options.
 *
 * @throws RateMonitorConfigError if a value is wrong.
 */
export function readOptions(given: RateMonitorOptions, environment: Environment): ReadOptions {
  const overridden = override(
    withoutNull({ ...given, categories: given.categories ?? DEFAULT_CATEGORIES }),
    environment,
  );
  return {
    options: completeOptions(validate(overridden), overridden.thresholdVariables),
    unreadVariables: overridden.unread,
  };
}

/** JSON and configuration services write `null` for "not given", at any depth of the options. */
function withoutNull<T>(options: T): T {
  if (Array.isArray(options)) return options.map((item: unknown) => withoutNull(item)) as T;
  // A client, a store or a channel is an instance with state: do not copy it.
  if (typeof options !== 'object' || options === null || Object.getPrototypeOf(options) !== Object.prototype)
    return options;
  const given = Object.entries(options).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, withoutNull<unknown>(value)])) as T;
}
