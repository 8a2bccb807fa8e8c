import type { RateAlert } from '../model/rate-alert.js';
import type { MessageOptions } from './common-options.js';
import { HttpChannel } from './http-channel.js';
import type { Answer } from './http/answer.js';
import type { WebhookRequest } from './http/webhook-client.js';
import { alertId } from './message/alert-id.js';

/** Base of channels that write messages for people: one per alert, or one for several that are raised together. */
export abstract class MessageChannel extends HttpChannel {
  protected constructor(options: MessageOptions) {
    super(options.url, options);
  }

  async sendBatch(alerts: readonly RateAlert[], more = 0): Promise<void> {
    const arrived = await Promise.all(alerts.map((alert) => this.hasArrived(alertId(alert))));
    const missing = alerts.filter((_, i) => !arrived[i]);
    if (missing.length > 0) await this.postBatch(missing, more);
  }

  protected abstract postBatch(alerts: readonly RateAlert[], more: number): Promise<void>;

  /** @param about - Ids of the alerts in the message; none of them is posted again while a late response may still come. */
  protected post(message: object, about: readonly string[], query: WebhookRequest['query'] = {}): Promise<Answer> {
    return this.request({ body: JSON.stringify(message), about, query });
  }
}
