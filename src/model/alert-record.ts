import type { RateAlert } from './rate-alert.js';

/** The delivery of an alert in one channel. */
export interface Delivery {
  /**
   * `queued`: waiting to be sent; `retried`: failed and will be retried; `failed`: refused, or the channel is off, and retried only while
   * the alert is still true; `suppressed`: held back by a mute.
   */
  status: 'queued' | 'retried' | 'delivered' | 'suppressed' | 'failed';
  /** How many times sending was attempted. */
  attempts: number;
  /** Why it was retried, was suppressed, or failed. */
  reason?: string;
  /** Earliest time of the next attempt. Only in the history, and only if `retried`. */
  retryAt?: Date;
}

/** An alert and its delivery in each channel. */
export interface AlertRecord {
  /** Identifies the record. Each alert sent about it has its own `alert.id`. */
  id: string;
  /** When the level was crossed, by the store's clock. */
  raisedAt: Date;
  /** The alert with the current counts, or with the final ones once it is over. */
  alert: RateAlert;
  /** Delivery by channel name. */
  channels: Record<string, Delivery>;
}

/** The latest alerts, newest first. */
export interface AlertHistory {
  readonly alerts: AlertRecord[];
  /** Why those that are over are missing; undefined if they are not. */
  readonly unread: unknown;
  /** All that were over later than this are there. In milliseconds since the epoch. */
  readonly completeSince: number;
}
