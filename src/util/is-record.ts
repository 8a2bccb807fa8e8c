/** An object that can hold options: not a list, and not a function, a date, a map or a promise, of which no option would be found. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && Object.prototype.toString.call(value) === '[object Object]';
}
