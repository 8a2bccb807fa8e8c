import { validateSync, type ValidationError } from 'class-validator';

import { oneLine } from '../util/text.js';
import { RateMonitorConfigError } from '../model/config-error.js';
import type { Overridden } from './environment.js';
import type { RateMonitorOptions } from './rate-monitor-options.js';
import { CategoryShape, ChannelShape, IncidentsShape, LevelShape, OptionsShape } from './shapes.js';

type Shape = new () => object;

/** Options that may hold a secret or a client: an error names their type, never their value. */
const UNSHOWN = new Set(['redis', 'store', 'channels']);
const CATEGORY_NAME = /^[a-z][a-z0-9_]*$/;

/**
 * The options, found to be what they should.
 *
 * @throws RateMonitorConfigError with everything that is wrong.
 */
export function validate({ options, sources, unread }: Overridden): RateMonitorOptions {
  const problems = check(OptionsShape, options, '');
  const categories = entriesOf(options.categories);
  for (const [name, category] of categories) problems.push(...checkCategory(name, category));
  const names = categories.map(([name]) => name);
  listOf(options.channels).forEach((channel, i) => problems.push(...checkChannel(channel, `channels[${i}]`, names)));
  if (typeof options.incidents === 'object') problems.push(...check(IncidentsShape, options.incidents, 'incidents'));
  if (options.redis !== undefined && options.store !== undefined) {
    problems.push({ path: 'store', found: 'set beside redis', remedy: 'one of the two' });
  }
  for (const variable of unread.thresholds) {
    problems.push({
      path: variable,
      found: 'set, but there is no such category',
      remedy: `a threshold for one of ${names.join(', ')}, or unset it`,
    });
  }
  if (problems.length === 0) return options;
  throw new RateMonitorConfigError(
    problems.map(({ path, found, remedy }) => `${nameOf(path, sources)} is ${found}: write ${remedy}`),
  );
}

interface Problem {
  path: string;
  found: string;
  remedy: string;
}

function checkCategory(name: string, category: unknown): Problem[] {
  const path = `categories.${oneLine(name, 40)}`;
  if (!CATEGORY_NAME.test(name)) {
    return [{ path, found: 'not a name', remedy: 'snake_case: small letters, digits and _, beginning with a letter' }];
  }
  const problems = check(CategoryShape, category, path);
  const levels = listOf((category as { levels?: unknown } | undefined)?.levels) as { at?: unknown }[];
  levels.forEach((level, i) => {
    problems.push(...check(LevelShape, level, `${path}.levels[${i}]`));
    if (levels.findIndex((other) => other?.at === level?.at) < i) {
      problems.push({
        path: `${path}.levels[${i}].at`,
        found: `${show(level?.at)} again`,
        remedy: 'each multiple once',
      });
    }
  });
  return problems;
}

function checkChannel(channel: unknown, path: string, known: readonly string[]): Problem[] {
  // A channel is an instance with a life of its own: look at it, do not copy it.
  const { name, send, minSeverity, categories } = Object(channel) as Record<string, unknown>;
  const problems = check(ChannelShape, { name, send, minSeverity, categories }, path);
  for (const category of listOf(categories)) {
    if (known.includes(category as string)) continue;
    const remedy = `one of ${known.join(', ')}`;
    problems.push({ path: `${path}.categories`, found: `a list with ${show(category)}, which is no category`, remedy });
  }
  return problems;
}

function check(shape: Shape, value: unknown, path: string): Problem[] {
  if (typeof value !== 'object' || value === null) return [{ path, found: show(value), remedy: 'an object' }];
  // Options left undefined are options left out.
  const given = Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined));
  const errors = validateSync(Object.assign(new shape(), given), { whitelist: true, forbidNonWhitelisted: true });
  return errors.map((error) => problemOf(error, path === '' ? '' : `${path}.`));
}

function problemOf({ property, value, constraints = {} }: ValidationError, prefix: string): Problem {
  const path = prefix + oneLine(property, 40);
  if ('whitelistValidation' in constraints)
    return { path, found: 'not an option', remedy: 'it as the docs spell it, or leave it out' };
  return {
    path,
    found: UNSHOWN.has(property) ? kindOf(value) : show(value),
    remedy: Object.values(constraints)[0] as string,
  };
}

function nameOf(path: string, sources: ReadonlyMap<string, string>): string {
  return sources.get(path) ?? path;
}

function show(value: unknown): string {
  if (typeof value === 'string') return value === '' ? 'empty' : `'${oneLine(value, 40)}'`;
  if (value === undefined) return 'missing';
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : kindOf(value);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
