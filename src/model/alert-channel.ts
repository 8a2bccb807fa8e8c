import type { Severity } from './level.js';
import type { Notice } from './notice.js';
import type { RateAlert } from './rate-alert.js';

/**
 * Where alerts go. Sending never holds a request, and one channel's failure never reaches another. What it throws is tried again, as long
 * as it is still true, and later than usual if a {@link DeliveryError} asks for that. An alert counts as delivered once `send` has returned.
 */
export interface AlertChannel {
  /** Names it in the log and in the history. */
  readonly name: string;
  /** The lowest severity that is sent here; all if left out. */
  readonly minSeverity?: Severity | undefined;
  /** The categories that are sent here; all if left out. */
  readonly categories?: readonly string[] | undefined;
  /** Called once, at boot. An error thrown here stops the boot: name what is missing and what to do. */
  start?(): Promise<void> | void;
  /**
   * Sends one alert.
   *
   * @param previous - What the last `send` for the same incident returned, on any replica.
   * @returns Something short to remember for the incident, such as the id of the posted message: up to 1,000 characters. Nothing to remember
   *   nothing.
   */
  send(alert: RateAlert, previous?: string): Promise<string | void> | string | void;
  /**
   * Sends 2 to `batchSize` alerts as one message, the worst first. If it is there, alerts raised within `groupWaitMs` come together, and one
   * replica at a time sends for the channel.
   *
   * @param more - How many further alerts the message can only count, since more come than the other side takes messages for.
   */
  sendBatch?(alerts: readonly RateAlert[], more?: number): Promise<void> | void;
  /** The most alerts that `sendBatch` takes at once. Default: 25 */
  readonly batchSize?: number;
  /**
   * A keyed hash of where it sends, never the address itself: replicas whose hashes differ neither wait for each other's channel nor turn
   * it off. If left out, the name is used.
   */
  readonly addressHash?: string;
  /**
   * For a receiver that forgets what is not repeated: an open incident is sent again this often, as it was sent last, through mutes too. In
   * milliseconds, 1,000 or more.
   */
  readonly repeatEveryMs?: number;
  /**
   * Sends what is no alert about one tenant: a time without the store, a digest, a changed threshold. One replica calls it. What it throws
   * is tried again three times. Leave it out if such notices have no place there.
   */
  notify?(notice: Notice): Promise<void> | void;
  /**
   * For a channel that hands alerts on to something which sends them later: has it send them now. Called once, when the app ends.
   *
   * @param withinMs - How long the app waits for it, in milliseconds; more than 0.
   * @returns Whether all has been sent.
   */
  flush?(withinMs: number): Promise<boolean>;
}
