import type { ModuleRef } from '@nestjs/core';

import { RateMonitorConfigError } from '../model/config-error.js';
import { windowName } from '../model/window-name.js';
import { isRecord } from '../util/shapes.js';
import { configService } from '../util/optional-peers.js';
import { kindOf, reasonOf } from '../util/text.js';
import type { RateMonitorOptions, WindowOptions } from './rate-monitor-options.js';

/** Where variables come from: the app's ConfigService, or the process's environment. */
export interface Environment {
  get(name: string): unknown;
  /** The names of the variables that are set, as far as they can be listed. */
  names(): string[];
}

/** The app's ConfigService, or the process's environment if the app has none. */
export async function environmentOf(app: ModuleRef): Promise<Environment> {
  const config = await configService(app);
  return {
    get: (name) => (config ? config.get(name) : process.env[name]),
    names: () => Object.keys(process.env),
  };
}

export const NO_ENVIRONMENT: Environment = { get: () => undefined, names: () => [] };

const PREFIX = 'RATE_MONITOR_';
const THRESHOLD = `${PREFIX}THRESHOLD_`;

/** How a variable's text is parsed. */
type Kind = 'name' | 'truth' | 'number';

const VARIABLES = {
  enabled: [`${PREFIX}ENABLED`, 'truth'],
  service: [`${PREFIX}SERVICE`, 'name'],
  environment: [`${PREFIX}ENVIRONMENT`, 'name'],
  publicUrl: [`${PREFIX}PUBLIC_URL`, 'name'],
  keyPrefix: [`${PREFIX}KEY_PREFIX`, 'name'],
  counting: [`${PREFIX}COUNTING`, 'name'],
  waitAtMostMs: [`${PREFIX}WAIT_AT_MOST_MS`, 'number'],
  flushIntervalMs: [`${PREFIX}FLUSH_INTERVAL_MS`, 'number'],
  maxTrackedTenants: [`${PREFIX}MAX_TRACKED_TENANTS`, 'number'],
  incidents: [`${PREFIX}INCIDENTS`, 'truth'],
  maxOpenIncidents: [`${PREFIX}MAX_OPEN_INCIDENTS`, 'number'],
  groupWaitMs: [`${PREFIX}GROUP_WAIT_MS`, 'number'],
  shutdownFlushMs: [`${PREFIX}SHUTDOWN_FLUSH_MS`, 'number'],
  blindAfterMs: [`${PREFIX}BLIND_AFTER_MS`, 'number'],
} satisfies Partial<Record<keyof RateMonitorOptions, [string, Kind]>>;

/** Each of these adds a channel. They hold secrets, so they never become options, which may be shown. */
export const WEBHOOK_VARIABLES = {
  discord: `${PREFIX}DISCORD_WEBHOOK_URL`,
  slack: `${PREFIX}SLACK_WEBHOOK_URL`,
};

/** Options after the environment has overridden the code. */
export interface Overridden {
  readonly options: Record<string, unknown>;
  /** The variable that set an option, by the option's path, such as `categories.llm_call.threshold`. */
  readonly sources: ReadonlyMap<string, string>;
  /** The variable that sets a window's threshold, by the window's path. If there are several, the one that is set and wins. */
  readonly thresholdVariables: ReadonlyMap<string, string>;
  /** One line for each variable that looks like ours but is unknown, with the names that exist. */
  readonly unread: readonly string[];
}

/** Overrides `options` with the environment. A value that cannot be parsed is kept, so that validation reports it. */
export function applyEnvironment(options: RateMonitorOptions, environment: Environment): Overridden {
  const sources = new Map<string, string>();
  /** If several variables are set, the last one wins. */
  const read = (path: string, kind: Kind, ...variables: string[]): unknown => {
    let found: unknown;
    for (const variable of variables) {
      const value = valueOf(environment, variable);
      if (value === undefined) continue;
      sources.set(path, variable);
      found = parse(value, kind);
    }
    return found;
  };

  const overridden: Record<string, unknown> = { ...options };
  for (const [option, [variable, kind]] of Object.entries(VARIABLES))
    overridden[option] = read(option, kind, variable) ?? overridden[option];
  // Both turn incidents on, and only the code has their times.
  if (overridden.incidents === true && isRecord(options.incidents)) overridden.incidents = options.incidents;

  const ofThresholds = new Set<string>();
  const thresholdVariables = new Map<string, string>();
  const withThreshold = (given: unknown, path: string, variables: readonly string[]): unknown => {
    for (const variable of variables) ofThresholds.add(variable);
    const threshold = read(`${path}.threshold`, 'number', ...variables);
    thresholdVariables.set(path, sources.get(`${path}.threshold`) ?? (variables[0] as string));
    // Anything but an object is left to validation.
    return threshold === undefined || !isRecord(given) ? given : { ...given, threshold };
  };
  const { categories } = options;
  if (isRecord(categories)) {
    const complete = Object.entries(categories).map(([name, category]): [string, unknown] => {
      const [path, variables] = [`categories.${name}`, variablesOf(name, category, categories)];
      if (!Array.isArray(category?.windows)) return [name, withThreshold(category, path, variables[0] as string[])];
      const windows = category.windows.map((window, i) =>
        withThreshold(window, `${path}.windows[${i}]`, variables[i] as string[]),
      );
      return [name, { ...category, windows }];
    });
    overridden.categories = Object.fromEntries(complete);
  }
  return { options: overridden, sources, thresholdVariables, unread: unreadLines(environment, ofThresholds) };
}

/** The variables of each of a category's windows. Several, because variables are older than windows: the category's sets the first one. */
function variablesOf(name: string, category: unknown, categories: object): string[][] {
  const ofCategory = thresholdVariable(name);
  const nameWith = (window: unknown): string => `${name}_${windowName(Object(window) as WindowOptions)}`;
  const { windows } = Object(category) as { windows?: unknown };
  if (Array.isArray(windows))
    return windows.map((window, i) => [...(i === 0 ? [ofCategory] : []), thresholdVariable(nameWith(window))]);
  const long = nameWith(category);
  // If a category has this name, the variable is that one's.
  return [Object.hasOwn(categories, long) ? [ofCategory] : [ofCategory, thresholdVariable(long)]];
}

/** Not a reason to stop the boot: another service may share the environment. */
function unreadLines(environment: Environment, ofThresholds: ReadonlySet<string>): string[] {
  const known = new Set([
    ...Object.values(VARIABLES).map(([name]) => name),
    ...Object.values(WEBHOOK_VARIABLES),
    ...ofThresholds,
  ]);
  return environment
    .names()
    .filter((name) => name.startsWith(PREFIX) && !known.has(name))
    .map((name) => {
      const remedy = name.startsWith(THRESHOLD)
        ? `the categories here have ${[...ofThresholds].join(', ') || 'none'}`
        : 'see .env.example for the names';
      return `${name} is set, but nothing reads it: ${remedy}`;
    });
}

/**
 * A variable's value without surrounding white space, which secret files may add. Empty means not set.
 *
 * @throws RateMonitorConfigError if a ConfigService throws, or returns something that no variable can hold.
 */
export function valueOf(environment: Environment, variable: string): unknown {
  const value = read(environment, variable) ?? undefined;
  if (typeof value === 'object' || typeof value === 'function')
    throw new RateMonitorConfigError([`${variable} is ${kindOf(value)}: write text, a number, true or false`]);
  if (typeof value !== 'string') return value;
  return value.trim() === '' ? undefined : value.trim();
}

function read(environment: Environment, variable: string): unknown {
  try {
    return environment.get(variable);
  } catch (error) {
    throw new RateMonitorConfigError([
      `${variable} cannot be read from ConfigService (${reasonOf(error)}): let it return undefined if it is not set`,
    ]);
  }
}

export function thresholdVariable(category: string): string {
  return THRESHOLD + category.toUpperCase();
}

const TRUTH = new Map([
  ...['true', 'yes', 'on', '1'].map((text) => [text, true] as const),
  ...['false', 'no', 'off', '0'].map((text) => [text, false] as const),
]);

/** What cannot be parsed stays as it is, so that validation reports it. A ConfigService with a schema may return a number or a boolean. */
function parse(value: unknown, kind: Kind): unknown {
  if (kind === 'truth') return TRUTH.get(String(value).toLowerCase()) ?? value;
  return kind === 'number' && typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
}
