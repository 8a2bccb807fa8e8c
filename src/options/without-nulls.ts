import { RateMonitorConfigError } from '../model/config-error.js';
import { isRecord } from '../util/shapes.js';
import { reasonOf, shownOption } from '../util/text.js';
import type { RateMonitorOptions } from './rate-monitor-options.js';

/** Objects that hold options are copied, even instances of a class. A client, a store or a channel has state, so it is only read. */
const HOLDS_OPTIONS =
  /^(categories(\.[^.]+(\.windows(\[\d+\])?)?(\.levels(\[\d+\])?)?)?|channels|incidents|usage|metrics)$/;
/** Options are nested five deep. */
const MAX_DEPTH = 10;

/** Whether an option has the name of that member, in the object at that path; `''` is the outermost. */
type IsOption = (name: string, path: string, member: PropertyDescriptor) => boolean;

/**
 * A copy of the options without `null` and `undefined`, because JSON and configuration services write `null` for "not given", at any depth.
 * Inherited options count: all those of a plain object, and of a class the getters and methods that are named like options.
 *
 * @param isOption - A parameter, because only class-validator knows, and importing this must not load it.
 * @throws RateMonitorConfigError that lists all that cannot be read: getters that throw, proxies that were revoked.
 */
export function withoutNulls(given: object, isOption: IsOption): RateMonitorOptions {
  const problems: string[] = [];

  const copyOf = (record: object, path: string, around: readonly unknown[]): object => {
    const names = new Set([
      ...inheritedKeys(record, (name, member) => isOption(name, path, member)),
      ...enumerableKeys(record),
    ]);
    const parts = Array.from(names, (key) => {
      // A symbol becomes text, and is then refused like any other unknown name.
      const name = String(key);
      const at = (path && `${path}.`) + shownOption(name);
      return [name, readable(at, () => methodOf(record, key) ?? plain(Reflect.get(record, key), at, around))] as const;
    });
    return Object.fromEntries(parts.filter(([, value]) => value !== null && value !== undefined));
  };

  /** @param around - The objects that contain the value. */
  const plain = (value: unknown, path: string, around: readonly unknown[]): unknown => {
    const isList = Array.isArray(value);
    const holdsOptions = HOLDS_OPTIONS.test(path);
    if (!isList && !(holdsOptions ? isRecord(value) : isPlain(value))) return value;
    if (around.includes(value) && holdsOptions) throw new Error('it contains itself');
    if (around.includes(value) || around.length > MAX_DEPTH) return value;
    const within = [...around, value];
    const at = (i: number): string => `${path}[${i}]`;
    const copy = isList
      ? // Not `map`, which would skip the holes of a list.
        Array.from(value.keys(), (i) => readable(at(i), () => plain(value[i], at(i), within)))
      : copyOf(value as object, path, within);
    return holdsOptions ? copy : value;
  };

  /** Returns what `read` returns. If it throws, adds a problem and returns undefined. */
  const readable = (path: string, read: () => unknown): unknown => {
    try {
      return read();
    } catch (error) {
      problems.push(`${path || 'the options'} cannot be read (${reasonOf(error)}): write a plain value`);
      return undefined;
    }
  };

  const options = readable('', () => copyOf(given, '', [given]));
  if (problems.length > 0) throw new RateMonitorConfigError(problems);
  return options as RateMonitorOptions;
}

/** Whether this is an object without a class, of this realm or another, such as one that structuredClone made in a test. */
function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function enumerableKeys(object: object): PropertyKey[] {
  return Reflect.ownKeys(object).filter((key) => Object.prototype.propertyIsEnumerable.call(object, key));
}

/** An inherited method, bound to its object. */
function methodOf(object: object, key: PropertyKey): unknown {
  if (Object.hasOwn(object, key)) return undefined;
  let holder = Object.getPrototypeOf(object) as object | null;
  while (holder && !Object.hasOwn(holder, key)) holder = Object.getPrototypeOf(holder) as object | null;
  const value: unknown = holder && Object.getOwnPropertyDescriptor(holder, key)?.value;
  return typeof value === 'function' ? (value.bind(object) as unknown) : undefined;
}

/** Keys of prototypes, except those that every object has. Other members of a class may be its helpers. */
function inheritedKeys(object: object, isOption: (name: string, member: PropertyDescriptor) => boolean): PropertyKey[] {
  const prototype = Object.getPrototypeOf(object) as object | null;
  if (prototype === null) return [];
  const isOfClass = Object.hasOwn(prototype, 'constructor');
  // The `Object.prototype` of this realm or another.
  if (isOfClass && Object.getPrototypeOf(prototype) === null) return [];
  const members = Object.entries(Object.getOwnPropertyDescriptors(prototype));
  const own = isOfClass
    ? members.filter(([name, member]) => isOption(name, member)).map(([name]) => name)
    : enumerableKeys(prototype);
  return [...inheritedKeys(prototype, isOption), ...own];
}
