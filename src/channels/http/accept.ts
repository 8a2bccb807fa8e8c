import { DeliveryError } from '../../model/delivery-error.js';
import type { Answer } from './answer.js';

/** Statuses for a wrong address or wrong credentials. An ingress during a deployment or a wrong clock causes them too. */
const SEEMS_WRONG = new Set([401, 404]);
const GONE = 410;
/** Too early or too slow: the same message may be accepted soon. */
const IN_A_MOMENT = new Set([408, 425, 429]);

/**
 * Returns if the response means that the alert has arrived.
 *
 * @param isGone - Whether the response means that the address no longer exists; a 410 always does.
 * @throws DeliveryError for any other response.
 */
export function accept(answer: Answer, isGone: (answer: Answer) => boolean = () => false): Answer {
  const { status, reason } = answer;
  if (status >= 200 && status < 300) return answer;
  const message = `answered ${status}${reason ? `: ${reason}` : ''}`;
  if (status === GONE || isGone(answer)) throw new DeliveryError(message, { retry: false, switchOff: true });
  if (SEEMS_WRONG.has(status)) throw new DeliveryError(message, { retry: true, probe: true });
  if (IN_A_MOMENT.has(status) || status >= 500)
    throw new DeliveryError(message, { retry: true, retryAfterMs: retryAfterMs(answer) });
  if (status < 400) throw new DeliveryError(`${message}, and redirects are not followed`, { retry: false });
  throw new DeliveryError(message, { retry: false });
}

/** How long to wait before the next request: Discord puts it in the body, in milliseconds, others in a header. */
export function retryAfterMs({ json, headers }: Pick<Answer, 'json' | 'headers'>): number | undefined {
  const header = headers.get('retry-after') ?? '';
  const inSeconds = typeof json.retry_after === 'number' ? json.retry_after : Number(header || NaN);
  const wait = Number.isNaN(inSeconds) ? Date.parse(header) - Date.now() : inSeconds * 1_000;
  return Number.isNaN(wait) ? undefined : Math.max(0, Math.ceil(wait));
}
