import { createHmac } from 'node:crypto';

import { DeliveryError } from '../../model/delivery-error.js';
import { untraced } from '../../util/optional-peers.js';
import { duration } from '../../util/text.js';
import { readAnswer, type Answer } from './answer.js';
import { RateLimit } from './rate-limit.js';
import { Secrets, secretsOf } from './secrets.js';

/** How long a request waits for the response. Long, because a slow receiver may have taken the alert, which must not be sent twice. */
const TIME_LIMIT_MS = 30_000;

export interface HttpRequest {
  readonly method?: 'POST' | 'PATCH';
  readonly body: string;
  /** Appended to the webhook's path. */
  readonly path?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Replace the webhook's headers of the same name, in any case. */
  readonly headers?: Headers;
}

/** Sends JSON to one webhook without ever revealing its address in an error, a span or printed output. */
export class HttpClient {
  /** Lets replicas tell whether they send to the same address. */
  readonly addressHash: string;
  readonly #url: URL;
  readonly #headers: Headers;
  readonly #secrets: Secrets;
  readonly #rateLimit = new RateLimit();

  /**
   * @param headers - Sent with each request, and secret like the address.
   * @param secrets - Other secrets to hide.
   */
  constructor(url: string, headers: Readonly<Record<string, string>>, secrets: readonly string[]) {
    this.#url = new URL(url);
    // Makes Node load fetch now: at the first alert that would hold up requests.
    this.#headers = new Headers(headers);
    // Hides both words of `Bearer abc`: hiding too much does no harm.
    const all = [...secrets, ...Object.values(headers).flatMap((value) => value.split(/\s+/).filter(Boolean))];
    this.#secrets = new Secrets([...secretsOf(this.#url), ...all]);
    this.addressHash = hashOf([url, ...all]);
  }

  /**
   * Sends one request and returns the response, whatever its status.
   *
   * @throws DeliveryError, to be retried, if there is no response.
   */
  async send({ method = 'POST', body, path = '', query = {}, headers = new Headers() }: HttpRequest): Promise<Answer> {
    await this.#rateLimit.free();
    const url = new URL(this.#url);
    if (path !== '') url.pathname = url.pathname.replace(/\/*$/, path);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const sent = new Headers(this.#headers);
    for (const [name, value] of headers) sent.set(name, value);
    if (!sent.has('user-agent')) sent.set('user-agent', 'nestjs-rate-monitor');
    sent.set('content-type', 'application/json');
    const signal = AbortSignal.timeout(TIME_LIMIT_MS);
    const runUntraced = await untraced();
    try {
      // A redirect could send the alert and its headers anywhere.
      const response = await runUntraced(() => fetch(url, { method, body, headers: sent, redirect: 'manual', signal }));
      this.#rateLimit.heed(response.headers);
      return await readAnswer(response, this.#secrets);
    } catch (error) {
      throw new DeliveryError(reasonOf(error), { retry: true });
    }
  }
}

/** Shows only codes and a proxy's status, because messages may contain the address. */
function reasonOf(error: unknown): string {
  if ((error as Error).name === 'TimeoutError') return `gave no answer within ${duration(TIME_LIMIT_MS)}`;
  for (let cause = error as Error | undefined, depth = 0; cause && depth < 4; depth++, cause = cause.cause as Error) {
    const { code, message } = cause as { code?: unknown; message?: unknown };
    const proxy = /^Proxy (?:response|Authentication Required) \((\d{3})\)/.exec(String(message));
    if (proxy) return `could not be reached (the proxy answered ${proxy[1]})`;
    if (/^(ERR_SSL_[A-Z0-9_]+|[A-Z_]+)$/.test(String(code))) return `could not be reached (${String(code)})`;
  }
  return 'could not be reached';
}

/** The same in all replicas. It cannot be reversed, because the address is long and random. */
function hashOf(address: readonly string[]): string {
  const hmac = createHmac('sha256', 'nestjs-rate-monitor:address').update(JSON.stringify(address));
  return hmac.digest('base64url').slice(0, 22);
}
