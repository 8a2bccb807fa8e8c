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
