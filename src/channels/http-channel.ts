import type { AlertChannel } from '../model/alert-channel.js';
import type { Severity } from '../model/level.js';
import type { RateAlert } from '../model/rate-alert.js';
import type { ChannelFilter } from './channel-options.js';
import type { Answer } from './http/answer.js';
import { WebhookClient, type WebhookRequest } from './http/webhook-client.js';

/** What the channels share that post to an address. */
export abstract class HttpChannel implements AlertChannel {
  abstract readonly name: string;
  readonly minSeverity: Severity | undefined;
  readonly categories: readonly string[] | undefined;
  readonly addressHash: string;
  readonly #client: WebhookClient;

  /** @param secrets - What must not be shown beside the address. */
  protected constructor(url: string, { minSeverity, categories }: ChannelFilter, secrets: readonly string[] = []) {
    this.minSeverity = minSeverity;
    this.categories = categories;
    this.#client = new WebhookClient(url, secrets);
    this.addressHash = this.#client.addressHash;
  }

  abstract send(alert: RateAlert, previous?: string): Promise<string | void>;

  /** The answer to a request, also one that refuses it. */
  protected request(request: WebhookRequest): Promise<Answer> {
    return this.#client.send(request);
  }

  protected hasArrived(alertId: string): Promise<boolean> {
    return this.#client.hasArrived(alertId);
  }
}

/** The secrets in headers: `Bearer` is none, what follows it is. */
export function secretsInHeaders(headers: Readonly<Record<string, string>>): string[] {
  return Object.values(headers).flatMap((value) => value.split(/\s+/).filter(Boolean));
}
