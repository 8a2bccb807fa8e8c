import type { AlertChannel } from '../../model/alert-channel.js';

/** A channel as it is set up: what it is called, and where it comes from, for whoever has to mend it. */
export interface NamedChannel {
  readonly channel: AlertChannel;
  /** Its name, and a number where another one has the same. */
  readonly name: string;
  /** `channels[1]`, or the variable of the environment that added it. */
  readonly option: string;
}
