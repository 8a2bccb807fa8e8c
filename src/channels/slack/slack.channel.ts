import type { Notice } from '../../model/notice.js';
import type { RateAlert } from '../../model/rate-alert.js';
import type { MessageOptions } from '../common-options.js';
import { checkOptions, MESSAGE_RULES } from '../option-rules.js';
import { accept } from '../http/answer.js';
import { HttpChannel } from '../http/http-channel.js';
import { slackBatch, slackMessage, slackNotice, type SlackMessage } from './slack-message.js';

/** Options of {@link SlackChannel}. `url` is the address of an incoming webhook. */
export type SlackChannelOptions = MessageOptions;

/**
 * Posts alerts to a Slack channel through an incoming webhook. Webhooks cannot edit messages, so each step of an incident is a new message.
 *
 * Names from users are sent as plain text: they cannot mention anyone or contain a link.
 */
export class SlackChannel extends HttpChannel {
  /** {@inheritDoc AlertChannel.name} */
  readonly name = 'slack';
  readonly #options: SlackChannelOptions;

  /** @throws RateMonitorConfigError if an option is wrong. */
  constructor(options: SlackChannelOptions) {
    const given = checkOptions('SlackChannel', MESSAGE_RULES, options);
    super(given.url, given);
    this.#options = given;
  }

  /** {@inheritDoc AlertChannel.send} */
  async send(alert: RateAlert): Promise<void> {
    await this.#post(slackMessage(alert, this.#options));
  }

  /** {@inheritDoc AlertChannel.sendBatch} */
  async sendBatch(alerts: readonly RateAlert[], more = 0): Promise<void> {
    await this.#post(slackBatch(alerts, this.#options, more));
  }

  /** {@inheritDoc AlertChannel.notify} */
  async notify(notice: Notice): Promise<void> {
    await this.#post(slackNotice(notice, this.#options.environment));
  }

  async #post(message: SlackMessage): Promise<void> {
    accept(await this.request({ body: JSON.stringify(message) }));
  }
}
