import { setTimeout as wait } from 'node:timers/promises';

import { reasonOf } from '../../util/text.js';
import { within } from '../../util/within.js';
import type { AlertChannel } from '../../model/alert-channel.js';
import { AlertQueue } from './alert-queue.js';
import { batchesOf } from './batches.js';
import type { ChannelLog } from './channel-log.js';
import { DeliveryError, isDeliveryError } from '../../model/delivery-error.js';
import type { IncidentNotes } from './incident-notes.js';
import type { RateAlert } from '../../model/rate-alert.js';
import type { Outgoing } from './outgoing.js';
import { mayComeRight, retrying } from './retry.js';

const MOST_WAITING = 1_000;
/** An attempt that takes longer has failed, whatever the channel's own limits are. */
const GIVE_UP_AFTER_MS = 10_000;

/** Sends what is raised through one channel, in its own time: grouped, tried again, and given up where there is no use in it. */
export class ChannelWorker {
  private readonly queue = new AlertQueue(MOST_WAITING);
  private readonly retrying = retrying();
  private readonly hurry = new AbortController();
  private working: Promise<void> | undefined;
  /** Why nothing more goes through it. */
  private off: string | undefined;
  /** Neither sent nor given up yet, and how often each was tried. */
  private readonly pending = new Map<Outgoing, number>();

  constructor(
    private readonly channel: AlertChannel,
    private readonly groupWaitMs: number,
    private readonly log: ChannelLog,
  ) {}

  push(outgoing: Outgoing): void {
    this.pending.set(outgoing, 0);
    if (this.off) return this.failed([outgoing], this.off);
    const least = this.queue.push(outgoing);
    if (least) {
      this.log.droppedOne(MOST_WAITING);
      this.failed([least], 'too many were waiting');
    }
    this.working ??= this.work();
  }

  /** Sends what waits without waiting for more, for as long as that may take; what is then left is lost, and said to be. */
  async stop(withinMs: number): Promise<void> {
    const end = performance.now() + withinMs;
    this.hurry.abort();
    await within(this.working ?? Promise.resolve(), withinMs, 'not sent').catch(() => undefined);
    this.log.caughtUp();
    // For Sentry, 0 would be no limit.
    if (!(await this.flushed(Math.max(end - performance.now(), 1)))) this.log.unflushed();
    if (this.pending.size === 0) return;
    this.log.unsent(this.pending.size);
    this.switchOff('the process ended');
    this.failed([...this.pending.keys()], 'the process ended');
  }

  private async flushed(withinMs: number): Promise<boolean> {
    try {
      return this.channel.flush ? await within(this.channel.flush(withinMs), withinMs, 'not flushed') : true;
    } catch {
      return false;
    }
  }

  private async work(): Promise<void> {
    const takesBatches = this.channel.sendBatch !== undefined;
    try {
      while (this.queue.size > 0) {
        if (takesBatches) await this.gather();
        const taken = this.queue.take(takesBatches ? 'all' : 'one');
        for (const batch of await batchesOf(taken, this.channel)) await this.deliver(batch);
      }
    } finally {
      // At once, and not when the promise settles: what is pushed in between would find a worker that is gone.
      this.working = undefined;
    }
    this.log.caughtUp();
  }

  /** Waits for others, so that they go as one message. */
  private async gather(): Promise<void> {
    const leftMs = (this.queue.oldestAt ?? 0) + this.groupWaitMs - performance.now();
    if (leftMs > 0) await wait(leftMs, undefined, { signal: this.hurry.signal }).catch(() => undefined);
  }

  private async deliver(batch: readonly Outgoing[]): Promise<void> {
    let attempts = 0;
    const attempt = async (): Promise<void> => {
      if (this.off) throw new DeliveryError(this.off, { retry: false });
      attempts++;
      for (const outgoing of batch) this.pending.set(outgoing, attempts);
      await within(this.send(batch), GIVE_UP_AFTER_MS, 'no answer', false).catch((error: unknown) => {
        if (mayComeRight(error)) this.retried(batch, attempts, reasonOf(error));
        throw error;
      });
    };
    try {
      await this.retrying.execute(attempt);
      this.log.delivered();
      for (const outgoing of batch) {
        this.pending.delete(outgoing);
        outgoing.became({ status: 'delivered', attempts });
      }
    } catch (error) {
      this.gaveUp(batch, attempts, error);
    }
  }

  private async send(batch: readonly Outgoing[]): Promise<void> {
    const [{ alert, notes }] = batch as [Outgoing];
    if (batch.length === 1) await this.sendOne(alert, notes);
    else await this.channel.sendBatch?.(batch.map((outgoing) => outgoing.alert));
  }

  private async sendOne(alert: RateAlert, notes: IncidentNotes | undefined): Promise<void> {
    // A second message of one incident is better than none.
    const previous = await notes?.read().catch(() => undefined);
    const next = await this.channel.send(alert, previous);
    // It has arrived: without the note the incident's next alert is a message of its own, and with an error this one would come twice.
    if (typeof next === 'string' && next !== previous) await notes?.write(next).catch(() => undefined);
  }

  private retried(batch: readonly Outgoing[], attempts: number, reason: string): void {
    if (this.off) return;
    this.log.retried(batch, reason);
    for (const { became } of batch) became({ status: 'retried', attempts, reason });
  }

  private gaveUp(batch: readonly Outgoing[], attempts: number, error: unknown): void {
    const reason = reasonOf(error);
    // Of one that is off already, everything has been said.
    if (this.off) return this.failed(batch, reason);
    const isUseless = isDeliveryError(error) && error.switchOff;
    if (isUseless) this.log.switchedOff(reason);
    else this.log.gaveUp(batch, reason, attempts);
    this.failed(batch, reason);
    if (isUseless) this.switchOff(`switched off: ${reason}`);
  }

  private switchOff(reason: string): void {
    this.off = reason;
    this.failed(this.queue.take('all'), reason);
  }

  private failed(batch: readonly Outgoing[], reason: string): void {
    for (const outgoing of batch) {
      const attempts = this.pending.get(outgoing);
      // Of one that was on its way when the process ended, that has been said.
      if (attempts === undefined) continue;
      this.pending.delete(outgoing);
      outgoing.became({ status: 'failed', attempts, reason });
    }
  }
}
