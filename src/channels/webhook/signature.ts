import { createHmac } from 'node:crypto';

/** Prefix of a Standard Webhooks secret, before its random bytes in base64. */
const PREFIX = 'whsec_';
const MIN_BYTES = 24;
const MAX_BYTES = 64;

/** Whether a secret is too long to guess from one request and its signature. */
export function isSecret(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0 && value.every((one) => typeof one === 'string' && isSecret(one));
  if (typeof value !== 'string') return false;
  if (!value.startsWith(PREFIX)) return Buffer.byteLength(value.trim()) >= MIN_BYTES;
  const bytes = keyOf(value).length;
  return /^[\w+/-]+=*$/.test(value.slice(PREFIX.length)) && bytes >= MIN_BYTES && bytes <= MAX_BYTES;
}

/**
 * Signs as Standard Webhooks defines, with every secret, so that the receiver may know either the old or the new one. For one minor
 * release, also adds the headers of version 0.1, signed with the first secret.
 */
export function sign(headers: Headers, id: string, body: string, secrets: readonly string[]): void {
  const timestamp = Math.floor(Date.now() / 1_000).toString();
  const signatures = secrets.map(
    (secret) => `v1,${hmac(keyOf(secret), `${id}.${timestamp}.${body}`).digest('base64')}`,
  );
  headers.set('webhook-timestamp', timestamp);
  headers.set('webhook-signature', signatures.join(' '));
  const [first = ''] = secrets;
  headers.set('x-rate-monitor-timestamp', timestamp);
  headers.set('x-rate-monitor-signature', `sha256=${hmac(Buffer.from(first), `${timestamp}.${body}`).digest('hex')}`);
}

function keyOf(secret: string): Buffer {
  return secret.startsWith(PREFIX) ? Buffer.from(secret.slice(PREFIX.length), 'base64') : Buffer.from(secret);
}

function hmac(key: Buffer, text: string): ReturnType<typeof createHmac> {
  return createHmac('sha256', key).update(text);
}
