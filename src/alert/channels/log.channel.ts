import { Logger } from '@nestjs/common';

import type { AlertChannel } from '../alert-channel.js';
import { alertMessage } from '../alert-message.js';
import type { RateAlert } from '../rate-alert.js';

/** Writes alerts to the app's log: a warning each, an error where the level is critical, a plain line where it is only informative. */
export class LogChannel implements AlertChannel {
  readonly name = 'log';
  private readonly logger = new Logger('RateAlert');

  send(alert: RateAlert): void {
    const message = alertMessage(alert);
    if (alert.level.severity === 'critical') this.logger.error(message);
    else if (alert.level.severity === 'info') this.logger.log(message);
    else this.logger.warn(message);
  }
}
