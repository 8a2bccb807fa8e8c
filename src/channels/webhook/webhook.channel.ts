import { createHmac } from 'node:crypto';

import type { Severity } from '../../model/level.js';
import type { AlertChannel } from '../../model/alert-channel.js';
import { alertId } from '../message/alert-id.js';
import type { RateAlert } from '../../model/rate-alert.js';
import type { ChannelFilter } from '../channel-options.js';
import { WEBHOOK_SHAPE } from '../channel-shapes.js';
import { checkOptions } from '../check-options.js';
import { accept } from '../http/accept.js';
import { WebhookClient } from '../http/webhook-client.js';
import { webhookBody } from './webhook-body.js';

/** Options of {@link WebhookChannel}. */
export interface WebhookChannelOptions extends ChannelFilter {
  /** Where to post. It may be a secret: it is never logged, shown or put into an error. */
  url: string;
  /**
   * What both sides know: with it each request is signed, so that the receiver can tell it from a forged or a repeated one.
   *
   * @defaultValue requests are not signed
   */
  secret?: string | undefined;
  /**
   * Sent with each request, `{ authorization: 'Bearer ...' }`. As secret as the url.
   *
   * @defaultValue none
   */
  headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * Posts each alert as JSON; the package's `docs/webhook.schema.json` describes it.
 *
 * `Idempotency-Key` is the alert's `id`, the same over retries. With a `secret` there are `X-Rate-Monitor-Timestamp` (Unix seconds) and
 * `X-Rate-Monitor-Signature`: `sha256=` and the hex HMAC-SHA256 of the timestamp, a dot and the body.
 */
export class WebhookChannel implements AlertChannel {
  readonly name = 'webhook';
  readonly minSeverity: Severity | undefined;
  readonly categories: readonly string[] | undefined;
  readonly addressHash: string;
  readonly #client: WebhookClient;
  readonly #secret: string | undefined;
  readonly #headers: Readonly<Record<string, string>>;

  /** @throws RateMonitorConfigError if an option is wrong. */
  constructor(options: WebhookChannelOptions) {
    const given = checkOptions('WebhookChannel', WEBHOOK_SHAPE, options);
    const { url, secret, headers = {}, minSeverity, categories } = given;
    this.minSeverity = minSeverity;
    this.categories = categories;
    this.#secret = secret;
    this.#headers = headers;
    const inHeaders = Object.values(headers).flatMap((value) => value.split(/\s+/).filter(Boolean));
    this.#client = new WebhookClient(url, secret === undefined ? inHeaders : [secret, ...inHeaders]);
    this.addressHash = this.#client.addressHash;
  }

  async send(alert: RateAlert): Promise<void> {
    const body = webhookBody(alert);
    // Set, not added: what is sent under these names is ours alone, however the app spells its own.
    const headers = new Headers(this.#headers);
    const id = alertId(alert);
    headers.set('idempotency-key', id);
    if (this.#secret !== undefined) sign(headers, body, this.#secret);
    accept(await this.#client.send({ body, headers, about: [id] }));
  }
}

function sign(headers: Headers, body: string, secret: string): void {
  const timestamp = Math.floor(Date.now() / 1_000).toString();
  const signature = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
  headers.set('x-rate-monitor-timestamp', timestamp);
  headers.set('x-rate-monitor-signature', `sha256=${signature}`);
}
