import type { RateAlert } from './rate-alert.js';

/** Where alerts go. Sending never holds a request, and one channel's failure never reaches another. */
export interface AlertChannel {
  /** Names it in the log. */
  readonly name: string;
  /** Called once, at boot. An error thrown here stops the boot: say what is missing and how to mend it. */
  start?(): Promise<void> | void;
  /** Sends one alert. What it throws is logged, not thrown on. */
  send(alert: RateAlert): Promise<void> | void;
}
