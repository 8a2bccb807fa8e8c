import type { AlertChannel } from '../../model/alert-channel.js';
import type { Severity } from '../../model/level.js';
import type { RateAlert } from '../../model/rate-alert.js';
import type { ChannelFilter } from '../common-options.js';
import type { Answer } from './answer.js';
import { HttpClient, type HttpRequest } from './http-client.js';
import { isPrivate } from '../../util/http-url.js';
import { OwnLogger } from '../../util/own-logger.js';

/** Options that all posting channels share. */
interface HttpOptions extends ChannelFilter {
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Base class of channels that post to an address. */
export abstract class HttpChannel implements AlertChannel {
  abstract readonly name: string;
  readonly minSeverity: Severity | undefined;
  readonly categories: readonly string[] | undefined;
  readonly addressHash: string;
  readonly #client: HttpClient;
  readonly #isPrivate: boolean;

  /** @param secrets - Other secrets to hide besides the address and the headers. */
  protected constructor(url: string, options: HttpOptions, secrets: readonly string[] = []) {
    const { minSeverity, categories, headers = {} } = options;
    this.minSeverity = minSeverity;
    this.categories = categories;
    this.#client = new HttpClient(url, headers, secrets);
    this.#isPrivate = isPrivate(url);
    this.addressHash = this.#client.addressHash;
    bindMethods(this);
  }

  /** {@inheritDoc AlertChannel.start} */
  start(): void {
    if (this.#isPrivate) return;
    new OwnLogger().warn(
      `The ${this.name} channel posts over plain http: anyone on the network path can read and change alerts. Use https`,
    );
  }

  abstract send(alert: RateAlert, previous?: string): Promise<string | void>;

  /** Sends a request and returns the response, whatever its status. */
  protected request(request: HttpRequest): Promise<Answer> {
    return this.#client.send(request);
  }
}

/** Nest's `instrument` may replace a provider by a proxy, which has no private fields. Bound methods still find them. */
function bindMethods(channel: HttpChannel): void {
  for (let type: object = channel; type !== HttpChannel.prototype;) {
    type = Object.getPrototypeOf(type) as object;
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(type))) {
      if (typeof value !== 'function' || name === 'constructor' || Object.hasOwn(channel, name)) continue;
      const bound = (value as () => unknown).bind(channel);
      Object.defineProperty(channel, name, { value: bound, writable: true, configurable: true });
    }
  }
}
