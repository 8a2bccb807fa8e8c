import { Inject, Injectable } from '@nestjs/common';

import type { ChannelStatus, TestedChannel } from '../model/alert-channel.js';
import type { NoticeOutcome } from '../model/notice.js';
import type { RateAlert } from '../model/rate-alert.js';
import type { Digest } from '../notices/digest.js';
import { DIGESTS, type Digests } from '../notices/digests.js';
import type { TimeRange } from '../usage/usage-reader.js';
import type { Deferred } from '../util/deferred.js';
import type { AlertEngine } from '../alert/alert-engine.js';
import { breachOf } from '../alert/raised-by-app.js';
import type { AlertRecord } from '../model/alert-record.js';
import type { Mute, MutedScope, MuteOptions } from '../alert/mutes.js';
import { flushLimit } from '../util/within.js';

/** Injection token for what sends alerts, once the app has started. */
export const ALERTS = Symbol.for('nestjs-rate-monitor:alerts');

/** Sends alerts, mutes them, and reports what was sent. If the module is disabled, it sends nothing, and nothing can be muted. */
@Injectable()
export class AlertService {
  /** @internal */
  constructor(
    @Inject(ALERTS) private readonly alerts: Deferred<AlertEngine>,
    @Inject(DIGESTS) private readonly digests: Deferred<Digests>,
  ) {}

  /**
   * Sends one of the app's own alerts through every channel that accepts it. Does not wait. The module sets `id`, `service`, `environment`,
   * `countAtCrossing`, `streak`, `incident`, `link` and `timeZone` itself, as in every alert, and ignores `test`.
   *
   * @throws TypeError if the alert is wrong, even if the module is disabled.
   */
  raise(alert: RateAlert): void {
    const breach = breachOf(alert);
    this.alerts.whenSet((alerts) => void alerts.breached(breach));
  }

  /**
   * Sends an alert marked as a test through every channel, bypassing filters, mutes and queues. Waits 10 seconds at most for each channel.
   * Success turns on a channel that was off.
   *
   * @returns The outcome in each channel. Empty if the module is disabled or has not started.
   */
  async sendTest(): Promise<TestedChannel[]> {
    return (await this.alerts.value?.sendTest()) ?? [];
  }

  /**
   * Holds alerts back for a while in all replicas: at once in this one, within a second in the others. Counting continues, and incidents
   * that were already sent are still resolved. A mute replaces an earlier one for the same tenant and category.
   *
   * @throws RangeError or TypeError if the options are wrong; an Error if the store is away or the module is disabled.
   */
  mute(options: MuteOptions): Promise<Mute> {
    const alerts = this.alerts.value;
    if (!alerts)
      return Promise.reject(new Error('The mute was not set: the module is disabled or has not started yet'));
    return alerts.mute(options);
  }

  /**
   * Ends a mute early. Alerts it held back are sent if they are still true.
   *
   * @returns Whether there was a mute with exactly this tenant and category.
   */
  async unmute(scope: MutedScope): Promise<boolean> {
    return (await this.alerts.value?.unmute(scope)) ?? false;
  }

  /** The mutes in force; while the store is away, those that this replica knows. Empty if the module is disabled or has not started. */
  async mutes(): Promise<Mute[]> {
    return (await this.alerts.value?.mutes.list()) ?? [];
  }

  /**
   * The latest 500 alerts of all replicas, newest first, with their delivery in each channel. Open ones are always among them, however old.
   *
   * While the store is away, those that this replica knows. Empty if the module is disabled or has not started.
   */
  async history(): Promise<AlertRecord[]> {
    return (await this.alerts.value?.list()) ?? [];
  }

  /**
   * Summarizes what deserved attention in a time range: incidents, tenants over or near their threshold, times without the store, alerts that
   * were not delivered, and thresholds that the advice would change. Goes back as far as the history of alerts and usage is kept.
   *
   * @throws RangeError or TypeError if the range is wrong; an Error if the store is away or the module is disabled.
   */
  async digest(range: TimeRange): Promise<Digest> {
    const { value } = this.digests;
    if (!value) throw new Error('There is no digest: the module is disabled or has not started yet');
    return value.digest(range);
  }

  /**
   * Sends a digest through the channels that take notices. If several replicas send the same range, to the minute of their clocks, only
   * one of them does it. The notice's severity is `info` if nothing deserved attention, otherwise `warning`.
   *
   * @returns The outcome in each channel; undefined if another replica sends it, or the module is disabled.
   * @throws RangeError or TypeError if the range is wrong; an Error if the store stays away for 26 s. Then it may be called again.
   */
  async sendDigest(range: TimeRange): Promise<NoticeOutcome[] | undefined> {
    return this.digests.value?.sendDigest(range);
  }

  /** The state of each channel on this instance, and the outcomes of its alerts since startup. */
  channels(): ChannelStatus[] {
    return this.alerts.value?.channels() ?? [];
  }

  /**
   * Sends now what waits to be grouped or retried. For serverless functions, which are frozen after their response.
   *
   * @param withinMs - Time limit in milliseconds; 2,000 by default, and for anything but a number, which is logged once.
   * @returns Whether nothing is left.
   */
  async flush(withinMs?: number): Promise<boolean> {
    return (await this.alerts.value?.flush(flushLimit(withinMs))) ?? true;
  }
}
