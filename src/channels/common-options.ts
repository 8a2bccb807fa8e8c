import type { Severity } from '../model/level.js';
import type { RateAlert } from '../model/rate-alert.js';

/** Which alerts a channel sends. */
export interface ChannelFilter {
  /**
   * Lowest severity to send: `info`, `warning` or `critical`.
   *
   * @defaultValue every severity
   */
  minSeverity?: Severity | undefined;
  /**
   * Categories to send. A category that is not configured stops the boot.
   *
   * @defaultValue every category
   */
  categories?: readonly string[] | undefined;
}

/** Common options of channels whose messages people read. */
export interface MessageOptions extends ChannelFilter {
  /** The webhook's address. It is secret, because anyone who has it can post: never logged, shown or put into an error. */
  url: string;
  /**
   * Name of the environment in messages, such as `production` or `staging`.
   *
   * @defaultValue the module's option `environment`
   */
  environment?: string | undefined;
  /**
   * Returns a link for an alert, such as a dashboard or a log search. Omitted if it throws or returns no http(s) address.
   *
   * @defaultValue the alert's own `link`
   */
  link?: ((alert: RateAlert) => string | undefined) | undefined;
}
