import { createHash } from 'node:crypto';

const LONGEST = 128;
const HEAD = 100;

/**
 * A tenant's id at a bounded length: itself, or, past 128 characters, its head and a SHA-256, which together are longer than any id
 * that is kept as it is. So no id can pass for another, and memory does not grow with what strangers send.
 */
export function tenantKey(id: string): string {
  if (id.length <= LONGEST) return id;
  return `${id.slice(0, HEAD)}~${createHash('sha256').update(id, 'utf16le').digest('base64url')}`;
}
