import { createHmac, timingSafeEqual } from 'node:crypto';

/** @param rawBody - The bytes as they came: JSON that was parsed and written again is another text. */
export function isGenuine(rawBody: string, headers: Record<string, unknown>, secret: string): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers;
  // Older than five minutes: somebody may be sending again what was once genuine.
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) < 300)) return false;
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const expected = createHmac('sha256', key)
    .update(`${String(id)}.${String(timestamp)}.${rawBody}`)
    .digest();
  return String(signatures)
    .split(' ')
    .map((signature) => Buffer.from(signature.replace('v1,', ''), 'base64'))
    .some((given) => given.length === expected.length && timingSafeEqual(given, expected));
}
