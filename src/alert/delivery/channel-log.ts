import type { Logger } from '@nestjs/common';

import type { NamedChannel } from './named-channel.js';
import type { Outgoing } from './outgoing.js';

/** What the log says of one channel: that it fails is said once, until something has gone through again. */
export class ChannelLog {
  private failing = false;
  private dropped = 0;

  constructor(
    private readonly channel: NamedChannel,
    private readonly logger: Logger,
  ) {}

  retried(batch: readonly Outgoing[], reason: string): void {
    if (!this.failing) this.logger.warn(`${this.name} could not send ${what(batch)} (${reason}): it is tried again`);
    this.failing = true;
  }

  delivered(): void {
    this.failing = false;
  }

  gaveUp(batch: readonly Outgoing[], reason: string, tries: number): void {
    this.logger.error(`${this.name} gave up ${what(batch)} (${reason}), tries: ${tries}`);
  }

  switchedOff(reason: string): void {
    this.logger.error(`${this.name} is off (${reason}): mend ${this.channel.option}, and start the app anew`);
  }

  droppedOne(most: number): void {
    if (this.dropped++ > 0) return;
    this.logger.warn(`${this.name} has ${most} alerts waiting: for each further one the least urgent is dropped`);
  }

  caughtUp(): void {
    if (this.dropped > 0) this.logger.warn(`${this.name} dropped ${this.dropped} alerts: too many were waiting`);
    this.dropped = 0;
  }

  unsent(alerts: number): void {
    this.logger.warn(
      `${this.name} did not send ${alerts === 1 ? '1 alert' : `${alerts} alerts`}: the process ended first`,
    );
  }

  unflushed(): void {
    this.logger.warn(`${this.name} may not have sent its last alerts: the process ended first`);
  }

  private get name(): string {
    return `The ${this.channel.name} channel`;
  }
}

function what(batch: readonly Outgoing[]): string {
  const categories = [...new Set(batch.map(({ alert }) => alert.category))].join(', ');
  return batch.length === 1 ? `an alert of ${categories}` : `${batch.length} alerts of ${categories}`;
}
