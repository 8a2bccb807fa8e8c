import { DeliveryError } from '../../model/delivery-error.js';
import { oneLine } from '../../util/text.js';
import type { Secrets } from './secrets.js';

/** The response. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The body if it is a JSON object, otherwise an empty object. */
  readonly json: Readonly<Record<string, unknown>>;
  /** The service's reason, safe to log. */
  readonly reason: string | undefined;
}

/** How much of a body to read. The longest Discord message is far shorter. */
const MAX_BYTES = 64 * 1024;
/** How long a body may take after its headers. Short, because the status already shows whether the alert arrived. */
const BODY_WITHIN_MS = 2_000;
/** How much of a reason is checked for secrets; at most 100 characters of it are shown. */
const MAX_REASON = 400;
/** A response that is not JSON may be a single word: Slack sends `invalid_blocks`. */
const ONE_WORD = /^[a-z_]{1,60}$/;

/** Statuses for a wrong address or credentials. An ingress during a deployment or a wrong clock causes them too. */
const SEEMS_WRONG = new Set([401, 404]);
const GONE = 410;
/** Statuses for too early or too slow: the same message may be accepted soon. */
const IN_A_MOMENT = new Set([408, 425, 429]);

/** Reads a response. Its body may be long, incomplete or not JSON at all. */
export async function readAnswer(response: Response, secrets: Secrets): Promise<Answer> {
  const body = await readBody(response);
  const json = parse(body);
  // Cleaned first: invisible characters between those of a secret must not hide it from the check.
  const given = oneLine(typeof json.message === 'string' ? json.message : body, MAX_REASON);
  const isReadable = typeof json.message === 'string' || ONE_WORD.test(given);
  // A server may respond "Cannot POST /the/secret/path".
  const reason = isReadable && !secrets.areIn(given) ? oneLine(given, 100) : undefined;
  return { status: response.status, headers: response.headers, json, reason };
}

/**
 * Returns the response if it means that the alert arrived.
 *
 * @param isGone - Whether a response means that the address no longer exists; a 410 always does.
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

/** How long to wait before the next request. Discord puts it in the body, other services in a header. */
function retryAfterMs({ json, headers }: Pick<Answer, 'json' | 'headers'>): number | undefined {
  const header = headers.get('retry-after') ?? '';
  const inSeconds = typeof json.retry_after === 'number' ? json.retry_after : Number(header || NaN);
  const wait = Number.isNaN(inSeconds) ? Date.parse(header) - Date.now() : inSeconds * 1_000;
  return Number.isNaN(wait) ? undefined : Math.max(0, Math.ceil(wait));
}

async function readBody({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  const reader = body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
  const abandon = (): void => void reader?.cancel().catch(() => undefined);
  const timer = setTimeout(abandon, BODY_WITHIN_MS).unref();
  try {
    for (let size = 0; size <= MAX_BYTES;) {
      const { value } = (await reader?.read()) ?? {};
      if (!value) break;
      chunks.push(value);
      size += value.length;
    }
  } catch {
    // The status already shows whether the alert arrived, so an incomplete body does not matter.
  } finally {
    clearTimeout(timer);
    abandon();
  }
  return Buffer.concat(chunks).toString();
}

function parse(body: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(body)) as Record<string, unknown>;
  } catch {
    return {};
  }
}
