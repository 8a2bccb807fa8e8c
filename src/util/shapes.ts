/** `import * as` creates an `[object Module]`. */
const TAGS = ['[object Object]', '[object Module]'];

/** Whether it can hold options. Lists, functions, dates, maps and promises cannot: no option would be found in them. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  try {
    return TAGS.includes(Object.prototype.toString.call(value));
  } catch {
    // A revoked proxy.
    return false;
  }
}

/** Tests whether a value from outside, such as a stored record, has the right shape. */
export type Test = (value: unknown) => boolean;

/** The latest time that a Date can hold. */
export const LAST_MS = 8.64e15;

export const isString: Test = (value) => typeof value === 'string';
export const isText: Test = (value) => typeof value === 'string' && value !== '';
export const isAmount: Test = (value) => Number.isFinite(value) && (value as number) >= 0;
export const isPositive: Test = (value) => Number.isFinite(value) && (value as number) > 0;
export const isFunction: Test = (value) => typeof value === 'function';
export const isBoolean: Test = (value) => typeof value === 'boolean';
export const isTime: Test = (value) => Number.isFinite(value) && Math.abs(value as number) <= LAST_MS;

export function isOptional(isRight: Test): Test {
  return (value) => value === undefined || isRight(value);
}

export function hasMethods(names: readonly string[]): Test {
  return (value) => names.every((name) => isFunction((Object(value) as Record<string, unknown>)[name]));
}

export function listOf(isRight: Test): Test {
  return (value) => Array.isArray(value) && value.every(isRight);
}

export function mapOf(isRight: Test): Test {
  return (value) => isRecord(value) && Object.values(value).every(isRight);
}

/** An object whose fields pass their tests; other fields are allowed. */
export function shaped(fields: Readonly<Record<string, Test>>): Test {
  const entries = Object.entries(fields);
  return (value) => isRecord(value) && entries.every(([name, isRight]) => isRight(value[name]));
}
