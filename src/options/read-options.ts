import { withDefaults, DEFAULT_CATEGORIES, type CompleteOptions } from './with-defaults.js';
import { applyEnvironment, type Environment } from './environment.js';
import { optionsOf } from './isolated-class-validator.js';
import { withoutNulls } from './without-nulls.js';
import type { RateMonitorOptions } from './rate-monitor-options.js';
import { CategoryShape, IncidentsShape, LevelShape, MetricsShape, OptionsShape, UsageShape } from './rules.js';
import { validate } from './validation.js';

/** The complete options, and a line about each variable that looks like ours but is unknown. */
interface ReadOptions {
  readonly options: CompleteOptions;
  readonly unreadVariables: readonly string[];
}

const NESTED = [CategoryShape, LevelShape, IncidentsShape, UsageShape, MetricsShape].flatMap(optionsOf);

/**
 * Merges the given options with the environment variables that override them into complete, frozen options.
 *
 * @throws RateMonitorConfigError if a value is wrong.
 */
export function readOptions(given: RateMonitorOptions, environment: Environment): ReadOptions {
  const outermost = optionsOf(OptionsShape);
  const read = withoutNulls(given, (name, path, { value }) =>
    // Categories may have any name, but are no methods.
    path === 'categories' ? typeof value !== 'function' : (path === '' ? outermost : NESTED).includes(name),
  );
  const overridden = applyEnvironment({ ...read, categories: read.categories ?? DEFAULT_CATEGORIES }, environment);
  return {
    options: withDefaults(validate(overridden), overridden.thresholdVariables),
    unreadVariables: overridden.unread,
  };
}
