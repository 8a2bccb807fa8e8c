import type { Severity } from '../../model/level.js';
import type { AlertChannel } from '../../model/alert-channel.js';
import type { RateAlert } from '../../model/rate-alert.js';
import type { MessageOptions } from '../channel-options.js';
import { DiscordShape } from '../channel-shapes.js';
import { checkOptions } from '../check-options.js';
import { discordBatch, discordMessage, type DiscordLook, type DiscordMessage } from './discord-message.js';
import { accept } from '../http/accept.js';
import { WebhookClient } from '../http/webhook-client.js';

/** Options of {@link DiscordChannel}. Its `url` is the one that Discord shows under "Integrations", "Webhooks". */
export interface DiscordChannelOptions extends MessageOptions {
  /**
   * The id of a role to ping when a tenant goes over: digits, in quotes.
   *
   * @defaultValue nobody is pinged
   */
  mentionRole?: string | undefined;
}

/** Discord's word for a message that is no longer there; the webhook itself still is. */
const UNKNOWN_MESSAGE = 10_008;

/**
 * Posts alerts to a Discord channel, as one message each; of an incident there is one message, which is edited as the incident goes on.
 *
 * Names from users are escaped, and can neither mention anyone nor link.
 */
export class DiscordChannel implements AlertChannel {
  readonly name = 'discord';
  readonly minSeverity: Severity | undefined;
  readonly categories: readonly string[] | undefined;
  readonly batchSize = 25;
  readonly #client: WebhookClient;
  readonly #look: DiscordLook;

  /** @throws RateMonitorConfigError where an option is wrong. */
  constructor(options: DiscordChannelOptions) {
    checkOptions('DiscordChannel', DiscordShape, options);
    const { url, minSeverity, categories, environment = process.env.NODE_ENV, link, mentionRole } = options;
    this.minSeverity = minSeverity;
    this.categories = categories;
    this.#client = new WebhookClient(url);
    this.#look = { environment: environment || undefined, link, mentionRole };
  }

  async send(alert: RateAlert, previous?: string): Promise<string | undefined> {
    const message = discordMessage(alert, this.#look);
    if (previous !== undefined && (await this.#edit(previous, message))) return previous;
    return this.#post(message);
  }

  async sendBatch(alerts: readonly RateAlert[]): Promise<void> {
    await this.#post(discordBatch(alerts, this.#look));
  }

  /** The id of the new message. */
  async #post(message: DiscordMessage): Promise<string | undefined> {
    // Without `wait` Discord answers before it has looked at the message.
    const answer = accept(await this.#client.send({ query: { wait: 'true' }, body: JSON.stringify(message) }));
    return typeof answer.json.id === 'string' ? answer.json.id : undefined;
  }

  /** Whether the message was still there. */
  async #edit(id: string, message: DiscordMessage): Promise<boolean> {
    const path = `/messages/${encodeURIComponent(id)}`;
    const answer = await this.#client.send({ method: 'PATCH', path, body: JSON.stringify(message) });
    if (answer.status === 404 && answer.json.code === UNKNOWN_MESSAGE) return false;
    accept(answer);
    return true;
  }
}
