const PREFIX = 3;
const TAIL = 4;
/** At most a quarter of a key is shown, so a shorter one is hidden entirely. */
const SHORTEST_SHOWN = 4 * (PREFIX + TAIL);
const HIDDEN = '****';

/**
 * Masks an API key so that people can recognize but not use it: `sk-****wxyz`. Meant for a tenant's `attributes`.
 *
 * Keeps the first 3 and the last 4 characters. A key shorter than 28 characters becomes `****`.
 */
export function maskKey(key: string): string {
  if (typeof key !== 'string' || key.length < SHORTEST_SHOWN) return HIDDEN;
  return `${key.slice(0, PREFIX)}${HIDDEN}${key.slice(-TAIL)}`;
}
