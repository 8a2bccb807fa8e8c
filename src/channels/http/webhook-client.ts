import { DeliveryError } from '../../model/delivery-error.js';
import { readAnswer, type Answer } from './answer.js';
import { RateLimit } from './rate-limit.js';

/** Time limit of one attempt. */
const TIME_LIMIT_MS = 5_000;
/** A shorter part of an address is no secret, and would be found in any text. */
const SHORTEST_SECRET = 3;

export interface WebhookRequest {
  readonly method?: 'POST' | 'PATCH';
  readonly body: string;
  /** Goes behind the webhook's own path. */
  readonly path?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Headers;
}

/** Sends JSON to one webhook, and says nothing of its address, whatever happens. */
export class WebhookClient {
  // Private to the engine and not only to the compiler: what is printed or made JSON of never shows them.
  readonly #url: URL;
  readonly #unsayable: readonly string[];
  readonly #rateLimit = new RateLimit();

  /** @param secrets What must not be said beside the address. */
  constructor(url: string, secrets: readonly string[] = []) {
    this.#url = new URL(url);
    this.#unsayable = [...partsOf(this.#url), ...secrets];
  }

  /**
   * Sends one request and gives the answer, whatever it says.
   *
   * @throws DeliveryError, to be tried again, where no answer came.
   */
  async send({ method = 'POST', body, path = '', query = {}, headers }: WebhookRequest): Promise<Answer> {
    await this.#rateLimit.free();
    const url = new URL(this.#url);
    if (path !== '') url.pathname = url.pathname.replace(/\/*$/, path);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const sent = new Headers(headers);
    if (!sent.has('user-agent')) sent.set('user-agent', 'nestjs-rate-monitor');
    sent.set('content-type', 'application/json');
    const response = await this.#fetch(url, { method, body, headers: sent });
    this.#rateLimit.heed(response.headers);
    return readAnswer(response, this.#unsayable);
  }

  async #fetch(url: URL, request: RequestInit): Promise<Response> {
    try {
      // A redirect could lead anywhere, with the alert and the headers.
      return await fetch(url, { ...request, redirect: 'manual', signal: AbortSignal.timeout(TIME_LIMIT_MS) });
    } catch (error) {
      throw new DeliveryError(reason(error), { retry: true });
    }
  }
}

/** The message of fetch's error, or of its cause, may show the address: its code says enough. */
function reason(error: unknown): string {
  const { name, cause } = error as Error;
  if (name === 'TimeoutError') return `gave no answer within ${TIME_LIMIT_MS} ms`;
  const { code } = Object(cause) as NodeJS.ErrnoException;
  return `could not be reached${code ? ` (${code})` : ''}`;
}

function partsOf({ hostname, pathname, searchParams }: URL): string[] {
  const written = pathname.split('/');
  const parts = [hostname, ...written, ...written.map(decoded), ...searchParams.values()];
  return parts.filter((part) => part.length >= SHORTEST_SECRET);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
