import type { Notice } from '../../model/notice.js';
import type { RateAlert } from '../../model/rate-alert.js';
import type { MessageOptions } from '../common-options.js';
import { checkOptions, MESSAGE_RULES } from '../option-rules.js';
import { accept } from '../http/answer.js';
import { alertId } from '../message/alert-id.js';
import { MessageChannel } from '../message-channel.js';
import { slackBatch, slackMessage, slackNotice } from './slack-message.js';

/** Options of {@link SlackChannel}. Its `url` is that of an incoming webhook. */
export type SlackChannelOptions = MessageOptions;

/**
 * Posts alerts to a Slack channel through an incoming webhook. A webhook cannot edit messages, so each step of an incident is a new one.
 *
 * Names from users are sent as plain text: they cannot mention anyone or contain a link.
 */
export class SlackChannel extends MessageChannel {
  /** {@inheritDoc AlertChannel.name} */
  readonly name = 'slack';
  readonly #options: SlackChannelOptions;

  /** @throws RateMonitorConfigError if an option is wrong. */
  constructor(options: SlackChannelOptions) {
    const given = checkOptions('SlackChannel', MESSAGE_RULES, options);
    super(given);
    this.#options = given;
  }

  /** {@inheritDoc AlertChannel.send} */
  async send(alert: RateAlert): Promise<void> {
    accept(await this.post(slackMessage(alert, this.#options), [alertId(alert)]));
  }

  /** {@inheritDoc AlertChannel.notify} */
  async notify(notice: Notice): Promise<void> {
    accept(await this.post(slackNotice(notice, this.#options.environment), [notice.id]));
  }

  /** Posts one message about several alerts; `more` is how many alerts it leaves out. */
  protected async postBatch(alerts: readonly RateAlert[], more: number): Promise<void> {
    accept(await this.post(slackBatch(alerts, this.#options, more), alerts.map(alertId)));
  }
}
