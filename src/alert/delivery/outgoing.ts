import type { IncidentNotes } from './incident-notes.js';
import type { RateAlert } from '../../model/rate-alert.js';

/** What became of an alert in one channel. */
export interface Delivery {
  /** `retried`: it failed, and is tried again; `suppressed`: a mute held it back. */
  status: 'queued' | 'retried' | 'delivered' | 'suppressed' | 'failed';
  /** How often it was tried. */
  attempts: number;
  /** Why it was retried, suppressed, or failed. */
  reason?: string;
}

/** An alert on its way through one channel. */
export interface Outgoing {
  readonly alert: RateAlert;
  readonly notes: IncidentNotes | undefined;
  /** By `performance.now()`. */
  readonly queuedAt: number;
  /** Told whenever something becomes of it. */
  readonly became: (delivery: Delivery) => void;
}
