import { createHmac } from 'node:crypto';

import { DeliveryError } from '../../model/delivery-error.js';
import { untraced } from '../../util/optional-peers.js';
import { readAnswer, type Answer } from './answer.js';
import { RateLimit } from './rate-limit.js';
import { Secrets, secretsOf } from './secrets.js';

/** How long an attempt waits for the response. */
const TIME_LIMIT_MS = 5_000;
/** How long a late response is awaited; until then the alert counts as being sent. */
const LATE_LIMIT_MS = 30_000;
const MAX_LATE = 1_000;

export interface WebhookRequest {
  readonly method?: 'POST' | 'PATCH';
  readonly body: string;
  /** Appended to the webhook's path. */
  readonly path?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Replace those of the webhook that have the same name in any spelling. */
  readonly headers?: Headers;
  /** Ids of the alerts in it. A second request for an alert waits for a late response to the first instead of sending it twice. */
  readonly about?: readonly string[];
}

/** Sends JSON to one webhook, and never reveals its address: not in an error, not in a span, not when printed. */
export class WebhookClient {
  /** Lets replicas compare whether they send to the same address. */
  readonly addressHash: string;
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #secrets: Secrets;
  readonly #rateLimit = new RateLimit();
  readonly #late = new Map<string, { answering: Promise<Answer>; alerts: number }>();

  /**
   * @param headers - For each request, and secret like the address.
   * @param secrets - Other secrets to hide.
   */
  constructor(url: string, headers: Readonly<Record<string, string>>, secrets: readonly string[]) {
    this.#url = new URL(url);
    this.#headers = headers;
    // Of `Bearer abc` both words: what is hidden too much does no harm.
    const all = [...secrets, ...Object.values(headers).flatMap((value) => value.split(/\s+/).filter(Boolean))];
    this.#secrets = new Secrets([...secretsOf(this.#url), ...all]);
    this.addressHash = hashOf([url, ...all]);
  }

  /**
   * Sends one request and returns the response, whatever its status.
   *
   * @throws DeliveryError, to be tried again, if no answer came.
   */
  async send(request: WebhookRequest): Promise<Answer> {
    const { about = [] } = request;
    const late = about.length === 1 ? this.#late.get(about[0] as string) : undefined;
    if (!late) await this.#rateLimit.free();
    const answering = late?.answering ?? this.#answer(request);
    try {
      const answer = await inTime(answering);
      for (const id of about) this.#late.delete(id);
      // The result of a message with several alerts does not identify this alert's own message.
      return late && late.alerts > 1 ? { ...answer, json: {} } : answer;
    } catch (error) {
      if (!(error instanceof Late)) throw new DeliveryError(reasonOf(error), { retry: true });
      for (const id of about) this.#expect(id, answering, about.length);
      throw noAnswer();
    }
  }

  /**
   * Whether an alert with a late response has arrived.
   *
   * @throws DeliveryError, to be tried again, if that cannot be known yet.
   */
  async hasArrived(id: string): Promise<boolean> {
    const late = this.#late.get(id);
    if (!late) return false;
    const answer = await inTime(late.answering).catch((error: unknown) => {
      if (error instanceof Late) throw noAnswer();
      return undefined;
    });
    this.#late.delete(id);
    return answer !== undefined && answer.status >= 200 && answer.status < 300;
  }

  async #answer({
    method = 'POST',
    body,
    path = '',
    query = {},
    headers = new Headers(),
  }: WebhookRequest): Promise<Answer> {
    const url = new URL(this.#url);
    if (path !== '') url.pathname = url.pathname.replace(/\/*$/, path);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const sent = new Headers(this.#headers);
    for (const [name, value] of headers) sent.set(name, value);
    if (!sent.has('user-agent')) sent.set('user-agent', 'nestjs-rate-monitor');
    sent.set('content-type', 'application/json');
    const signal = AbortSignal.timeout(LATE_LIMIT_MS);
    const runUntraced = await untraced();
    // A redirect could send the alert and its headers anywhere.
    const response = await runUntraced(() => fetch(url, { method, body, headers: sent, redirect: 'manual', signal }));
    this.#rateLimit.heed(response.headers);
    return readAnswer(response, this.#secrets);
  }

  #expect(id: string, answering: Promise<Answer>, alerts: number): void {
    if (this.#late.get(id)?.answering === answering) return;
    if (this.#late.size >= MAX_LATE) this.#late.delete(this.#late.keys().next().value as string);
    this.#late.set(id, { answering, alerts });
    answering.catch(() => this.#late.get(id)?.answering === answering && this.#late.delete(id));
  }
}

class Late extends Error {}

function noAnswer(): DeliveryError {
  return new DeliveryError(`gave no answer within ${TIME_LIMIT_MS} ms`, { retry: true });
}

/** The response, or a {@link Late} after the time limit; the request continues. */
function inTime(answering: Promise<Answer>): Promise<Answer> {
  const limit = AbortSignal.timeout(TIME_LIMIT_MS);
  return new Promise((resolve, reject) => {
    limit.addEventListener('abort', () => reject(new Late()), { once: true });
    answering.then(resolve, reject);
  });
}

/** The message of fetch's error or its cause may contain the address; its code is enough. */
function reasonOf(error: unknown): string {
  const { name, cause } = error as Error;
  if (name === 'TimeoutError') return `gave no answer within ${LATE_LIMIT_MS} ms`;
  const { code } = Object(cause) as { code?: unknown };
  return `could not be reached${typeof code === 'string' && /^[A-Z_]+$/.test(code) ? ` (${code})` : ''}`;
}

/** Replicas get the same hash. It cannot be reversed, because the address is long and random. */
function hashOf(address: readonly string[]): string {
  const hmac = createHmac('sha256', 'nestjs-rate-monitor:address').update(JSON.stringify(address));
  return hmac.digest('base64url').slice(0, 22);
}
