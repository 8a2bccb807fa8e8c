import type { Severity } from '../../model/level.js';
import type { AlertChannel } from '../../model/alert-channel.js';
import type { RateAlert } from '../../model/rate-alert.js';
import type { MessageOptions } from '../channel-options.js';
import { MessageShape } from '../channel-shapes.js';
import { checkOptions } from '../check-options.js';
import { accept } from '../http/accept.js';
import { WebhookClient } from '../http/webhook-client.js';
import { slackBatch, slackMessage, type SlackLook, type SlackMessage } from './slack-message.js';

/** Options of {@link SlackChannel}. Its `url` is that of an incoming webhook. */
export type SlackChannelOptions = MessageOptions;

/**
 * Posts alerts to a Slack channel through an incoming webhook. Slack lets a webhook edit nothing: of an incident each step is a message.
 *
 * Names from users are sent as plain text, and can neither mention anyone nor link.
 */
export class SlackChannel implements AlertChannel {
  readonly name = 'slack';
  readonly minSeverity: Severity | undefined;
  readonly categories: readonly string[] | undefined;
  readonly batchSize = 25;
  readonly #client: WebhookClient;
  readonly #look: SlackLook;

  /** @throws RateMonitorConfigError where an option is wrong. */
  constructor(options: SlackChannelOptions) {
    checkOptions('SlackChannel', MessageShape, options);
    const { url, minSeverity, categories, environment = process.env.NODE_ENV, link } = options;
    this.minSeverity = minSeverity;
    this.categories = categories;
    this.#client = new WebhookClient(url);
    this.#look = { environment: environment || undefined, link };
  }

  send(alert: RateAlert): Promise<void> {
    return this.#post(slackMessage(alert, this.#look));
  }

  sendBatch(alerts: readonly RateAlert[]): Promise<void> {
    return this.#post(slackBatch(alerts));
  }

  async #post(message: SlackMessage): Promise<void> {
    accept(await this.#client.send({ body: JSON.stringify(message) }));
  }
}
