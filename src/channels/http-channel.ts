import type { AlertChannel } from '../model/alert-channel.js';
import type { Severity } from '../model/level.js';
import type { RateAlert } from '../model/rate-alert.js';
import type { ChannelFilter } from './channel-options.js';
import type { Answer } from './http/answer.js';
import { WebhookClient, type WebhookRequest } from './http/webhook-client.js';

/** Base of channels that post to an address. */
export abstract class HttpChannel implements AlertChannel {
  abstract readonly name: string;
  readonly minSeverity: Severity | undefined;
  readonly categories: readonly string[] | undefined;
  readonly addressHash: string;
  readonly #client: WebhookClient;

  /** @param secrets - Other secrets to hide besides the address. */
  protected constructor(url: string, { minSeverity, categories }: ChannelFilter, secrets: readonly string[] = []) {
    this.minSeverity = minSeverity;
    this.categories = categories;
    this.#client = new WebhookClient(url, secrets);
    this.addressHash = this.#client.addressHash;
  }

  abstract send(alert: RateAlert, previous?: string): Promise<string | void>;

  /** The response to a request, whatever its status. */
  protected request(request: WebhookRequest): Promise<Answer> {
    return this.#client.send(request);
  }

  protected hasArrived(alertId: string): Promise<boolean> {
    return this.#client.hasArrived(alertId);
  }
}

/** The secrets in headers: not `Bearer`, but what follows it. */
export function secretsInHeaders(headers: Readonly<Record<string, string>>): string[] {
  return Object.values(headers).flatMap((value) => value.split(/\s+/).filter(Boolean));
}
