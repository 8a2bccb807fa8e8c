import type { AlertChannel } from '../model/alert-channel.js';
import type { RateAlert } from '../model/rate-alert.js';

/** Keeps what it is sent, and sends nothing on. */
export class CapturedAlerts implements AlertChannel {
  readonly name = 'captured';
  readonly alerts: RateAlert[] = [];

  send(alert: RateAlert): void {
    this.alerts.push(alert);
  }
}
