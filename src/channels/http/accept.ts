import { DeliveryError } from '../../model/delivery-error.js';
import type { Answer } from './answer.js';

/** The address is not, or no longer, one to post to. */
const OF_NO_MORE_USE = new Set([401, 404, 410]);

/**
 * Passes an answer that says the alert has arrived.
 *
 * @throws DeliveryError where it says anything else.
 */
export function accept(answer: Answer): Answer {
  const { status, says } = answer;
  if (status >= 200 && status < 300) return answer;
  const message = `answered ${status}${says ? `: ${says}` : ''}`;
  if (status === 429 || status >= 500)
    throw new DeliveryError(message, { retry: true, retryAfterMs: retryAfterMs(answer) });
  if (OF_NO_MORE_USE.has(status)) throw new DeliveryError(message, { retry: false, switchOff: true });
  if (status < 400) throw new DeliveryError(`${message}, and redirects are not followed`, { retry: false });
  throw new DeliveryError(message, { retry: false });
}

/** How long the other side wants to be left alone: Discord says it in the body, to the millisecond, others in a header. */
export function retryAfterMs({ json, headers }: Pick<Answer, 'json' | 'headers'>): number | undefined {
  const header = headers.get('retry-after') ?? '';
  const inSeconds = typeof json.retry_after === 'number' ? json.retry_after : Number(header || NaN);
  const wait = Number.isNaN(inSeconds) ? Date.parse(header) - Date.now() : inSeconds * 1_000;
  return Number.isNaN(wait) ? undefined : Math.max(0, Math.ceil(wait));
}
