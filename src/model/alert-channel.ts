import type { Severity } from './level.js';
import type { RateAlert } from './rate-alert.js';

/** What a channel keeps of one incident, over all replicas: the id of the message it posted, say. */
export interface IncidentNotes {
  /** What was written last; undefined where nothing was. */
  read(): Promise<string | undefined>;
  /** Keeps `note` until the incident is resolved. */
  write(note: string): Promise<void>;
}

/**
 * Where alerts go. Each channel has a queue and a worker of its own: sending never holds a request, and one channel's failure never
 * reaches another. What it throws is tried again a little later, unless it is a {@link DeliveryError} that says otherwise.
 */
export interface AlertChannel {
  /** Names it in the log and in the history. */
  readonly name: string;
  /** The least severity that is sent here; left out for all. */
  readonly minSeverity?: Severity | undefined;
  /** The categories that are sent here; left out for all. */
  readonly categories?: readonly string[] | undefined;
  /** Called once, at boot. An error thrown here stops the boot: say what is missing and how to mend it. */
  start?(): Promise<void> | void;
  /**
   * Sends one alert.
   *
   * @param notes Of the alert's incident; undefined where it belongs to none.
   */
  send(alert: RateAlert, notes?: IncidentNotes): Promise<void> | void;
  /** Sends 2 to {@link batchSize} alerts as one message, worst first. Where it is there, alerts raised within `groupWaitMs` come together. */
  sendBatch?(alerts: readonly RateAlert[]): Promise<void> | void;
  /** The most alerts that `sendBatch` takes at once. Default: 25 */
  readonly batchSize?: number;
  /**
   * For a channel that hands alerts on to something which sends them later: has it send them now. Called once, when the app ends.
   *
   * @param withinMs How long the app waits for it, in milliseconds; more than 0.
   * @returns Whether all has been sent.
   */
  flush?(withinMs: number): Promise<boolean>;
}
