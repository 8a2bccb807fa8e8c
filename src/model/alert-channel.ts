import type { Severity } from './level.js';
import type { Notice } from './notice.js';
import type { RateAlert } from './rate-alert.js';

/**
 * Sends alerts somewhere. No request waits for it, and its failures do not affect other channels. An alert is delivered once `send` has
 * returned. If `send` throws, the alert is retried while it is true; a {@link DeliveryError} can ask for later retries, or for none. The log and
 * the history show the error's message, so it must contain neither an address nor a key.
 */
export interface AlertChannel {
  /** Its name in the log and in the history. */
  readonly name: string;
  /**
   * The lowest severity to send.
   * @defaultValue every severity
   */
  readonly minSeverity?: Severity | undefined;
  /**
   * The categories to send.
   * @defaultValue every category
   */
  readonly categories?: readonly string[] | undefined;
  /** Called once, at boot. An error thrown here stops the boot: name what is missing and what to do. */
  start?(): Promise<void> | void;
  /**
   * Sends one alert.
   *
   * @param previous - What the last `send` for the same incident returned, on any replica.
   * @returns What to remember for the incident, such as the id of the posted message: up to 1,000 characters. Undefined to remember nothing.
   */
  send(alert: RateAlert, previous?: string): Promise<string | void> | string | void;
  /**
   * Sends 2 to `batchSize` alerts as one message, the most urgent first. If a channel has this method, alerts raised within `groupWaitMs`
   * arrive together, and one replica at a time sends for the channel.
   *
   * @param more - How many further alerts to mention as a number only, because the receiver's rate limit has no room for their messages.
   */
  sendBatch?(alerts: readonly RateAlert[], more?: number): Promise<void> | void;
  /**
   * The most alerts that `sendBatch` takes at once, 1 or more.
   * @defaultValue 25
   */
  readonly batchSize?: number | undefined;
  /**
   * A keyed hash of the address it sends to, never the address itself. Replicas whose hashes differ neither wait for each other's channel
   * nor turn it off.
   * @defaultValue the name
   */
  readonly addressHash?: string | undefined;
  /**
   * How often to send an open incident again, in milliseconds, 1,000 or more, for a receiver that forgets alerts unless they are repeated.
   * It is sent with the level it was last sent with, even during a mute.
   * @defaultValue never
   */
  readonly repeatEveryMs?: number | undefined;
  /**
   * Sends a message that is not about one tenant: a time without the store, a digest, a changed threshold. One replica calls it. If it
   * throws, it is retried three times. A channel without it gets no notices.
   */
  notify?(notice: Notice): Promise<void> | void;
  /**
   * For a channel that hands alerts to something that sends them later: makes it send them now. Called once, at shutdown.
   *
   * @param withinMs - How long the app waits for it, in milliseconds; more than 0.
   * @returns Whether everything was sent.
   */
  flush?(withinMs: number): Promise<boolean>;
}

/** The outcome of a test alert in one channel. */
export interface TestedChannel {
  /** Name of the channel. */
  channel: string;
  /** Whether the channel took the test alert. */
  delivered: boolean;
  /** Why it was not delivered. */
  reason?: string;
}

/** The status of a channel on this instance. Times in milliseconds since the epoch. */
export interface ChannelStatus {
  /** Name of the channel. */
  readonly name: string;
  /** False while the channel is switched off or everything fails. A rate limit does not count. */
  readonly on: boolean;
  /** Why the channel is off. */
  readonly reason?: string | undefined;
  /** When it went off, in milliseconds since the epoch; undefined while it is on. */
  readonly offSince?: number | undefined;
  /** Nothing is sent before this time. Absent for a channel that stays off until `sendTest()` or a restart. */
  readonly retryAt?: number | undefined;
  /** Alerts that wait or are being sent. */
  readonly queued: number;
  /** Outcomes of this instance's attempts since it started. An alert delivered at the third attempt counts twice in `retried`. */
  readonly outcomes: Readonly<Record<'delivered' | 'retried' | 'failed' | 'suppressed', number>>;
}
