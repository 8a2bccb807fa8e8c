import type { Severity } from '../model/level.js';
import type { RateAlert } from '../model/rate-alert.js';

/** Which alerts go through a channel. */
export interface ChannelFilter {
  /**
   * The least severity that is sent here, of `info`, `warning`, `critical`.
   *
   * @defaultValue every severity
   */
  minSeverity?: Severity | undefined;
  /**
   * The categories that are sent here; one that is not configured stops the boot.
   *
   * @defaultValue every category
   */
  categories?: readonly string[] | undefined;
}

/** What the channels that write for people have in common. */
export interface MessageOptions extends ChannelFilter {
  /** The webhook's address. It is a secret: everyone who has it can post. It is never logged, shown or put into an error. */
  url: string;
  /**
   * What messages call the environment, `production` or `staging`.
   *
   * @defaultValue the module's option `environment`
   */
  environment?: string | undefined;
  /**
   * Where to read on about an alert, a dashboard or a log search. Left out if it gives no http(s) address, or throws.
   *
   * @defaultValue the alert's own `link`
   */
  link?: ((alert: RateAlert) => string | undefined) | undefined;
}
