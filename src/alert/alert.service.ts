import { Injectable, Logger } from '@nestjs/common';

import { reasonOf } from '../util/text.js';
import { within } from '../util/within.js';
import type { AlertChannel } from './alert-channel.js';
import type { RateAlert } from './rate-alert.js';

/** How long a shutdown waits for alerts that are on their way. */
const LAST_SEND_MS = 2_000;

/** Tells of breaches, through every channel at once; one that throws or hangs harms neither a request nor another channel. */
@Injectable()
export class AlertService {
  private readonly logger = new Logger('RateMonitor');
  private readonly sending = new Set<Promise<void>>();
  private channels: readonly AlertChannel[] = [];

  /**
   * Starts the channels; what one of them throws stops the boot.
   *
   * @internal
   */
  async start(channels: readonly AlertChannel[]): Promise<void> {
    for (const channel of channels) await channel.start?.();
    this.channels = channels;
  }

  /** Sends an alert through every channel, and does not wait for any. */
  raise(alert: RateAlert): void {
    for (const channel of this.channels) {
      const sent = this.send(channel, alert);
      this.sending.add(sent);
      void sent.then(() => this.sending.delete(sent));
    }
  }

  /**
   * Waits, for a moment at most, for alerts that are on their way.
   *
   * @internal
   */
  async stop(): Promise<void> {
    await within(Promise.all(this.sending), LAST_SEND_MS, 'not sent').catch(() =>
      this.logger.warn(`Alerts still on their way at shutdown: ${this.sending.size}`),
    );
    this.sending.clear();
  }

  private async send(channel: AlertChannel, alert: RateAlert): Promise<void> {
    try {
      await channel.send(alert);
    } catch (error) {
      this.logger.error(
        `The ${channel.name} channel could not send an alert of ${alert.category} (${reasonOf(error)})`,
      );
    }
  }
}
