import type { Delivery, Outgoing } from '../../src/alert/delivery/outgoing.js';
import type { IncidentNotes } from '../../src/alert/delivery/incident-notes.js';
import type { RateAlert } from '../../src/index.js';
import { anAlert } from '../support/alerts.js';

/** An alert on its way, which keeps what becomes of it. */
export class Sent implements Outgoing {
  readonly alert: RateAlert;
  readonly queuedAt = performance.now();
  readonly deliveries: Delivery[] = [];

  constructor(
    more: Partial<RateAlert> = {},
    readonly notes: IncidentNotes | undefined = undefined,
  ) {
    this.alert = anAlert(more);
  }

  readonly became = (delivery: Delivery): void => void this.deliveries.push(delivery);

  get last(): Delivery | undefined {
    return this.deliveries.at(-1);
  }
}
