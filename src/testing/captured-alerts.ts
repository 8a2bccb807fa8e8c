import type { AlertChannel } from '../model/alert-channel.js';
import type { RateAlert } from '../model/rate-alert.js';

/** Channel that keeps alerts instead of sending them. */
export class CapturedAlerts implements AlertChannel {
  readonly name = 'captured';
  readonly alerts: RateAlert[] = [];

  send(alert: RateAlert): void {
    this.alerts.push(alert);
  }
}
