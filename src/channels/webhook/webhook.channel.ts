import type { Notice } from '../../model/notice.js';
import type { RateAlert } from '../../model/rate-alert.js';
import type { ChannelFilter } from '../common-options.js';
import { checkOptions, WEBHOOK_RULES } from '../option-rules.js';
import { HttpChannel } from '../http/http-channel.js';
import { accept } from '../http/answer.js';
import { alertId, noticeId, webhookBody, webhookNoticeBody } from './webhook-body.js';
import { sign } from './signature.js';

/** Options of {@link WebhookChannel}. */
export interface WebhookChannelOptions extends ChannelFilter {
  /** Where to post. It may be a secret, so it is never logged, shown or put into an error. */
  url: string;
  /**
   * Shared secret to sign requests as Standard Webhooks defines, so that the receiver can reject forged and replayed ones. `whsec_` and 24
   * to 64 random bytes in base64, or a string of 24 characters or more. To rotate secrets, pass a list: requests are signed with all of them.
   *
   * @defaultValue requests are not signed
   */
  secret?: string | readonly string[] | undefined;
  /**
   * Headers for each request, such as `{ authorization: 'Bearer ...' }`. Treated as secrets, like the url.
   *
   * @defaultValue none
   */
  headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * Posts each alert as JSON, described by the package's `docs/webhook.schema.json`. Notices have `type: 'notice'` and are described by
 * `docs/webhook-notice.schema.json`.
 *
 * `webhook-id` (and `Idempotency-Key`) is the alert's `id`, the same for retries. With a `secret`, requests have `webhook-timestamp` and
 * `webhook-signature`, and for one minor release also `X-Rate-Monitor-Timestamp` and `X-Rate-Monitor-Signature` of version 0.1.
 */
export class WebhookChannel extends HttpChannel {
  /** {@inheritDoc AlertChannel.name} */
  readonly name = 'webhook';
  readonly #secrets: readonly string[];

  /** @throws RateMonitorConfigError if an option is wrong. */
  constructor(options: WebhookChannelOptions) {
    const given = checkOptions('WebhookChannel', WEBHOOK_RULES, options);
    const { url, secret = [] } = given;
    const secrets = typeof secret === 'string' ? [secret] : [...secret];
    super(url, given, secrets);
    this.#secrets = secrets;
  }

  /** {@inheritDoc AlertChannel.send} */
  async send(alert: RateAlert, previous?: string): Promise<string | undefined> {
    // Replicas that could not reach each other opened an incident under several ids: the end is sent for each.
    const told = previous === undefined ? alert : calledAsBefore(alert, previous);
    await this.#post(webhookBody(told), alertId(told));
    return told.incident?.id;
  }

  /** {@inheritDoc AlertChannel.notify} */
  async notify(notice: Notice): Promise<void> {
    await this.#post(webhookNoticeBody(notice), noticeId(notice));
  }

  async #post(body: string, id: string): Promise<void> {
    const headers = new Headers({ 'webhook-id': id, 'idempotency-key': id });
    if (this.#secrets.length > 0) sign(headers, id, body, this.#secrets);
    accept(await this.request({ body, headers }));
  }
}

/** The alert with the incident's id that the receiver knows. */
function calledAsBefore(alert: RateAlert, id: string): RateAlert {
  const { incident } = alert;
  if (!incident || incident.id === id) return alert;
  return { ...alert, id: `${alertId(alert)}:${id}`, incident: { ...incident, id } };
}
