import { completeOptions, DEFAULT_CATEGORIES, type CompleteOptions } from './complete-options.js';
import type { Environment } from '../util/optional-peers.js';
import { override } from './environment.js';
import { isRateMonitorConfigError, RateMonitorConfigError } from '../model/config-error.js';
import { oneLine, reasonOf } from '../util/text.js';
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
  // A copy: options may be an instance of a class, too.
  const read = withoutNull({ ...given });
  const overridden = override({ ...read, categories: read.categories ?? withoutNull(DEFAULT_CATEGORIES) }, environment);
  return {
    options: completeOptions(validate(overridden), overridden.thresholdVariables),
    unreadVariables: overridden.unread,
  };
}

/**
 * JSON and configuration services write `null` for "not given", at any depth of the options.
 *
 * @throws RateMonitorConfigError if something cannot be read: a getter that throws, or a proxy that was revoked.
 */
function withoutNull<T>(options: T, path = ''): T {
  const within = (name: string, value: unknown): unknown =>
    withoutNull(value, path === '' ? name : `${path}.${oneLine(name, 40)}`);
  try {
    // Not `map`, which would leave the holes of a list.
    if (Array.isArray(options))
      return Array.from(options, (item, i) => withoutNull<unknown>(item, `${path}[${i}]`)) as T;
    // A client, a store or a channel is an instance with state: do not copy it.
    if (typeof options !== 'object' || options === null || Object.getPrototypeOf(options) !== Object.prototype)
      return options;
    const given = Object.entries(options).filter(([, value]) => value !== null && value !== undefined);
    return Object.fromEntries(given.map(([name, value]) => [name, within(name, value)])) as T;
  } catch (error) {
    if (isRateMonitorConfigError(error)) throw error;
    throw new RateMonitorConfigError([
      `${path || 'the options'} cannot be read (${reasonOf(error)}): write a plain value`,
    ]);
  }
}
