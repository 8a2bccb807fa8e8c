import { RateMonitorConfigError } from '../model/config-error.js';
import { oneLine, reasonOf } from '../util/text.js';
import type { RateMonitorOptions } from './rate-monitor-options.js';

/** Options are nested five deep. */
const MAX_DEPTH = 10;

/**
 * A copy of the options without `null` and `undefined`: JSON and configuration services write `null` for "not given", at any depth. The
 * options may be an instance of a class: of its getters, those named as options are read too.
 *
 * @param isOption - Whether an option has that name. Not looked up here: class-validator knows, which is not to be loaded by an import.
 * @throws RateMonitorConfigError that lists all that cannot be read: getters that throw, proxies that were revoked.
 */
export function withoutNulls(given: object, isOption: (name: string) => boolean): RateMonitorOptions {
  const problems: string[] = [];
  const options = readable('', problems, () =>
    plainRecord(given, '', problems, [given], gettersOfClass(given, isOption)),
  );
  if (problems.length > 0) throw new RateMonitorConfigError(problems);
  return options as RateMonitorOptions;
}

function plainRecord(
  record: object,
  prefix: string,
  problems: string[],
  around: readonly unknown[],
  getters: string[] = [],
): object {
  const parts = [...getters, ...Object.keys(record)].map((name) => {
    const path = prefix + oneLine(name, 40);
    const read = (): unknown => plain((record as Record<string, unknown>)[name], path, problems, around);
    return [name, readable(path, problems, read)];
  });
  return Object.fromEntries(parts.filter(([, value]) => value !== null && value !== undefined)) as object;
}

/** @param around - What contains the value. */
function plain(value: unknown, path: string, problems: string[], around: readonly unknown[]): unknown {
  const isList = Array.isArray(value);
  // A client, a store or a channel is an instance with state: do not copy it.
  if (!isList && (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype))
    return value;
  if (around.length > MAX_DEPTH || around.includes(value))
    throw new Error('it is nested too deeply, or contains itself');
  const within = [...around, value];
  if (!isList) return plainRecord(value, `${path}.`, problems, within);
  const at = (i: number): string => `${path}[${i}]`;
  // Not `map`, which would leave the holes of a list.
  return Array.from(value.keys(), (i) => readable(at(i), problems, () => plain(value[i], at(i), problems, within)));
}

/** What `read` gives; undefined, and a problem more, if that throws. */
function readable(path: string, problems: string[], read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    problems.push(`${path || 'the options'} cannot be read (${reasonOf(error)}): write a plain value`);
    return undefined;
  }
}

/** Getters that are not own properties. Others than those of options may be helpers of the class. */
function gettersOfClass(object: object, isOption: (name: string) => boolean): string[] {
  const prototype = Object.getPrototypeOf(object) as object | null;
  if (prototype === null) return [];
  const members = Object.entries(Object.getOwnPropertyDescriptors(prototype));
  const getters = members.filter(([name, member]) => !('value' in member) && isOption(name));
  return [...gettersOfClass(prototype, isOption), ...getters.map(([name]) => name)];
}
