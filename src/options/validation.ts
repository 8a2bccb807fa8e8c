import type { ValidationError } from 'class-validator';

import { isRecord } from '../util/shapes.js';
import { insteadOf, NOT_AN_OPTION, unknownNames } from '../util/option-names.js';
import { hasUnseen, holdsAddress, kindOf, reasonOf, shownOption } from '../util/text.js';
import { RateMonitorConfigError } from '../model/config-error.js';
import { insteadOfCategory } from '../model/category.js';
import { PERIOD_MS } from '../model/window-spans.js';
import type { AlertLevel } from '../model/level.js';
import { DEFAULT_WINDOW_MS, windowName } from '../model/window-name.js';
import { DEFAULT_FLUSH_INTERVAL_MS } from './with-defaults.js';
import { thresholdVariable, type Overridden } from './environment.js';
import { errorsOf, optionsOf } from './isolated-class-validator.js';
import type { RateMonitorOptions, WindowOptions } from './rate-monitor-options.js';
import {
  CategoryShape,
  ChannelShape,
  IncidentsShape,
  LevelShape,
  MetricsShape,
  MIN_WINDOW_MS,
  OptionsShape,
  UsageShape,
  WindowShape,
} from './rules.js';

type Shape = new () => object;

/** Options that may hold a secret or a client, so errors show their type, never their value. */
const UNSHOWN = new Set(['redis', 'store', 'channels', 'publicUrl']);
const WINDOW_OPTIONS = ['threshold', 'windowMs', 'period', 'timeZone', 'sliding', 'levels'];
/** Where each option belongs, for errors about options in the wrong place. */
const OWNERS: [string, Shape][] = [
  ['a category', CategoryShape],
  ['incidents', IncidentsShape],
  ['usage', UsageShape],
  ['metrics', MetricsShape],
  ['a level', LevelShape],
  ['the module', OptionsShape],
  ['a channel', ChannelShape],
];
const CATEGORY_NAME = /^[a-z][a-z0-9_]*$/;

/**
 * Validates the options.
 *
 * @throws RateMonitorConfigError that lists all problems.
 */
export function validate({ options, sources }: Overridden): RateMonitorOptions {
  const problems = check(OptionsShape, options, '');
  const categories = entriesOf(options.categories);
  const names = categories.map(([name]) => name);
  for (const [name, category] of categories) problems.push(...checkCategory(name, category, names));
  listOf(options.channels).forEach((channel, i) => problems.push(...checkChannel(channel, `channels[${i}]`, names)));
  if (isRecord(options.incidents)) problems.push(...check(IncidentsShape, options.incidents, 'incidents'));
  if (isRecord(options.usage)) problems.push(...check(UsageShape, options.usage, 'usage'));
  if (isRecord(options.metrics)) problems.push(...check(MetricsShape, options.metrics, 'metrics'));
  if (options.redis !== undefined && options.store !== undefined) {
    problems.push({ path: 'store', found: 'set together with redis', remedy: 'one of the two' });
  }
  if (!problems.some(({ path }) => path === 'flushIntervalMs'))
    problems.push(...checkFlushInterval(options, categories));
  if (problems.length === 0) return options;
  throw new RateMonitorConfigError(
    problems.map(({ path, found, remedy }) => `${nameOf(path, sources)} is ${found}: write ${remedy}`),
  );
}

/** Totals published less than twice per window may come too late for the window. */
function checkFlushInterval(options: Record<string, unknown>, categories: [string, unknown][]): Problem[] {
  const { flushIntervalMs = DEFAULT_FLUSH_INTERVAL_MS } = options;
  const windows = categories.flatMap(([, category]) => {
    const { windows } = Object(category) as { windows?: unknown };
    return windows === undefined ? [category] : listOf(windows);
  });
  const lengths = windows.map((window) => {
    const { period, windowMs = DEFAULT_WINDOW_MS } = Object(window) as Partial<WindowOptions>;
    return typeof period === 'string' ? PERIOD_MS[period] : windowMs;
  });
  // Anything but a length is reported by its own rule.
  const most = Math.min(...lengths.filter((length) => typeof length === 'number' && length >= MIN_WINDOW_MS)) / 2;
  if ((flushIntervalMs as number) <= most) return [];
  const remedy = `${most} at most, half of the shortest window`;
  return [{ path: 'flushIntervalMs', found: String(flushIntervalMs), remedy }];
}

interface Problem {
  path: string;
  found: string;
  remedy: string;
}

function checkCategory(name: string, category: unknown, categories: readonly string[]): Problem[] {
  if (!CATEGORY_NAME.test(name)) {
    const remedy = 'snake_case: lowercase letters, digits and _, starting with a letter';
    return [{ path: `categories.${shownOption(name)}`, found: 'not a name', remedy }];
  }
  const path = `categories.${name}`;
  const problems = check(CategoryShape, category, path);
  const { windows, ...rest } = Object(category) as { windows?: unknown };
  if (windows === undefined) return [...problems, ...checkWindow(rest, path)];
  for (const option of WINDOW_OPTIONS) {
    if ((rest as Record<string, unknown>)[option] === undefined) continue;
    problems.push({
      path: `${path}.${option}`,
      found: 'set together with windows',
      remedy: 'it in one of the windows',
    });
  }
  return [...problems, ...checkWindows(listOf(windows), name, path, categories)];
}

function checkWindows(windows: unknown[], category: string, path: string, categories: readonly string[]): Problem[] {
  const problems: Problem[] = [];
  const lengths = new Set<string>();
  windows.forEach((window, i) => {
    const at = `${path}.windows[${i}]`;
    const own = [...check(WindowShape, window, at), ...checkWindow(window, at)];
    problems.push(...own);
    // A wrong window may have no length.
    if (own.length > 0) return;
    const name = windowName(window as WindowOptions);
    const length = { '24h': 'day', '168h': 'week' }[name] ?? name;
    if (lengths.has(length))
      problems.push({ path: at, found: `a second window of the same length (${name})`, remedy: 'each length once' });
    lengths.add(length);
    if (categories.includes(`${category}_${name}`)) {
      const variable = thresholdVariable(`${category}_${name}`);
      problems.push({
        path: at,
        found: `set by ${variable}, as the category ${category}_${name} is`,
        remedy: 'another name for that category',
      });
    }
  });
  return problems;
}

/** Rules about several options of a window. */
function checkWindow(window: unknown, path: string): Problem[] {
  const { windowMs, period, timeZone, sliding, levels } = Object(window) as Partial<Record<string, unknown>>;
  const problems: Problem[] = [];
  const remedy = 'one of the two';
  if (period !== undefined && windowMs !== undefined)
    problems.push({ path: `${path}.windowMs`, found: 'set together with period', remedy });
  if (period !== undefined && sliding === true)
    problems.push({ path: `${path}.sliding`, found: 'set together with period', remedy });
  if (period === undefined && timeZone !== undefined)
    problems.push({
      path: `${path}.timeZone`,
      found: 'set without a period',
      remedy: "a period such as 'day' as well",
    });
  const multiples = new Set<unknown>();
  listOf(levels).forEach((level, i) => {
    const at = `${path}.levels[${i}]`;
    const own = check(LevelShape, level, at);
    problems.push(...own);
    if (own.length > 0) return;
    const { at: multiple } = level as AlertLevel;
    if (multiples.has(multiple))
      problems.push({ path: `${at}.at`, found: `${multiple} again`, remedy: 'each multiple once' });
    multiples.add(multiple);
  });
  return problems;
}

function checkChannel(channel: unknown, path: string, known: readonly string[]): Problem[] {
  if (typeof channel !== 'object' || channel === null)
    return [{ path, found: kindOf(channel), remedy: 'an alert channel, such as new LogChannel()' }];
  // A channel is an instance with state, so it is validated but not copied.
  let read: Record<string, unknown>;
  try {
    const { name, send, minSeverity, categories, repeatEveryMs } = channel as Record<string, unknown>;
    read = { name, send, minSeverity, categories, repeatEveryMs };
  } catch (error) {
    return [
      {
        path,
        found: `a channel that cannot be read (${reasonOf(error)})`,
        remedy: 'one whose name and options can be read',
      },
    ];
  }
  const { categories } = read;
  const problems = check(ChannelShape, read, path);
  for (const category of listOf(categories)) {
    if (known.includes(category as string)) continue;
    const remedy = insteadOfCategory(known);
    problems.push({
      path: `${path}.categories`,
      found: `a list with ${show(category)}, which is not a category`,
      remedy,
    });
  }
  return problems;
}

function check(shape: Shape, value: unknown, path: string): Problem[] {
  if (!isRecord(value)) return [{ path, found: show(value), remedy: 'an object' }];
  const prefix = path === '' ? '' : `${path}.`;
  const names = optionsOf(shape);
  const known = Object.fromEntries(Object.entries(value).filter(([name]) => names.includes(name)));
  return [
    ...errorsOf(Object.assign(new shape(), known)).map((error) => problemOf(error, prefix)),
    ...unknownNames(value, names).map((name): Problem => {
      const owner = OWNERS.find(([, other]) => optionsOf(other).includes(name))?.[0];
      const found = owner ? `an option of ${owner}, not of ${path || 'the module'}` : NOT_AN_OPTION;
      return { path: prefix + shownOption(name), found, remedy: owner ? 'it there' : insteadOf(name, names) };
    }),
  ];
}

function problemOf({ property, value, constraints = {} }: ValidationError, prefix: string): Problem {
  return {
    path: prefix + property,
    found: UNSHOWN.has(property) ? kindOf(value) : show(value),
    remedy: Object.values(constraints)[0] as string,
  };
}

function nameOf(path: string, sources: ReadonlyMap<string, string>): string {
  return sources.get(path) ?? path;
}

function show(value: unknown): string {
  // In the wrong place, an address may contain a password or a webhook's key.
  if (typeof value === 'string' && holdsAddress(value)) return 'an address';
  if (typeof value === 'string')
    return value === '' ? 'empty' : `'${shownOption(value)}'${hasUnseen(value) ? ' with invisible characters' : ''}`;
  if (value === undefined) return 'missing';
  if (Array.isArray(value) && value.length === 0) return 'an empty list';
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : kindOf(value);
}

function entriesOf(value: unknown): [string, unknown][] {
  return isRecord(value) ? Object.entries(value) : [];
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
