/** `[object Module]` is what `import * as` gives. */
const TAGS = ['[object Object]', '[object Module]'];

/** An object that can hold options: not a list, and not a function, a date, a map or a promise, of which no option would be found. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  try {
    return TAGS.includes(Object.prototype.toString.call(value));
  } catch {
    // A proxy that was revoked.
    return false;
  }
}
