import type { CounterKey } from '../counter-store.js';

/**
 * The Redis key of a counter. The braces are a Cluster hash tag: all windows of a tenant live on one node. Characters of an id that may be
 * unsafe in a key, including %, are percent-encoded, so two ids never share a key.
 */
export function redisKey(
  prefix: string,
  { category, tenant }: Pick<CounterKey, 'category' | 'tenant'>,
  window: string,
): string {
  return `${tenantPrefix(prefix, category, tenant)}${window}`;
}

/** Prefix of all keys of a tenant in a category. */
function tenantPrefix(prefix: string, category: string, tenant: string): string {
  return around(prefix, category).join(encodeTenant(tenant));
}

/** The text before and after an encoded tenant in the prefix of its keys. */
export function around(prefix: string, category: string): [string, string] {
  return [`${prefix}:{${category}:`, '}:'];
}

const PLAIN = /^[\w.-]*$/;
const NOT_PLAIN = /[^\w.-]/gu;
const ENCODED = /%u[\da-f]{4}|(?:%[\da-f]{2})+/g;
const LONE_SURROGATE = /^\p{Cs}$/u;

/** A tenant as it is written in keys. */
export function encodeTenant(id: string): string {
  return PLAIN.test(id) ? id : id.replace(NOT_PLAIN, encodeCharacter);
}

/** Reverses {@link encodeTenant}. */
export function decodeTenant(encoded: string): string {
  return encoded.replace(ENCODED, (part) =>
    part.startsWith('%u')
      ? String.fromCharCode(parseInt(part.slice(2), 16))
      : Buffer.from(part.replaceAll('%', ''), 'hex').toString(),
  );
}

/** Percent-encoded UTF-8; half of a surrogate pair, which UTF-8 cannot encode, becomes `%u` and its code unit. */
function encodeCharacter(character: string): string {
  if (LONE_SURROGATE.test(character)) return `%u${character.charCodeAt(0).toString(16)}`;
  return Array.from(Buffer.from(character), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}
