import { AsyncLocalStorage } from 'node:async_hooks';

import type { Logger } from '@nestjs/common';

import type { Untraced } from '../../util/optional-peers.js';
import { reasonOf } from '../../util/text.js';
import { within } from '../../util/within.js';
import { SEVERITIES } from '../../model/level.js';
import type { AlertChannel } from '../../model/alert-channel.js';
import type { IncidentNotes } from './incident-notes.js';
import type { RateAlert } from '../../model/rate-alert.js';
import { ChannelLog } from './channel-log.js';
import { ChannelWorker } from './channel-worker.js';
import type { NamedChannel } from './named-channel.js';
import type { Delivery, Outgoing } from './outgoing.js';

/** How long a test alert may take in each channel. */
const TEST_WITHIN_MS = 10_000;

/** What a test alert has come to in one channel. */
export interface TestedChannel {
  channel: string;
  delivered: boolean;
  /** Why not. */
  reason?: string;
}

/** An alert, and what is to be known besides in order to send it. */
export interface Told {
  readonly alert: RateAlert;
  /** What a channel keeps of the alert's incident. */
  readonly notesOf?: ((channel: string) => IncidentNotes) | undefined;
}

/** Every channel with its worker: what is told goes to all that want it, and none waits for another. */
export class Deliveries {
  private readonly workers: readonly (NamedChannel & { readonly worker: ChannelWorker })[];
  /** An alert belongs to no request, even where one raises it: Sentry would add that request to its event. */
  private readonly outside = AsyncLocalStorage.snapshot();

  constructor(
    channels: readonly NamedChannel[],
    groupWaitMs: number,
    private readonly untraced: Untraced,
    logger: Logger,
  ) {
    this.workers = channels.map((named) => ({
      ...named,
      worker: new ChannelWorker(named.channel, groupWaitMs, new ChannelLog(named, logger)),
    }));
  }

  /** The channels that an alert is for. */
  wanting(alert: RateAlert): string[] {
    return this.workers.filter(({ channel }) => wants(channel, alert)).map(({ name }) => name);
  }

  /** @param became - Told what becomes of it in each channel. */
  send({ alert, notesOf }: Told, became: (channel: string, delivery: Delivery) => void): void {
    for (const { name, channel, worker } of this.workers) {
      if (!wants(channel, alert)) continue;
      const outgoing: Outgoing = {
        alert,
        notes: notesOf?.(name),
        queuedAt: performance.now(),
        became: (delivery) => became(name, delivery),
      };
      this.unseen(() => worker.push(outgoing));
    }
  }

  /** Once through each channel, whatever that wants, past all queues. */
  test(alert: RateAlert): Promise<TestedChannel[]> {
    return Promise.all(
      this.workers.map(async ({ name, channel }) => {
        try {
          const sending = this.unseen(() => channel.send(alert));
          await within(Promise.resolve(sending), TEST_WITHIN_MS, 'no answer', false);
          return { channel: name, delivered: true };
        } catch (error) {
          return { channel: name, delivered: false, reason: reasonOf(error) };
        }
      }),
    );
  }

  async stop(withinMs: number): Promise<void> {
    await Promise.all(this.workers.map(({ worker }) => worker.stop(withinMs)));
  }

  private unseen<T>(work: () => T): T {
    return this.outside(() => this.untraced(work));
  }
}

function wants({ minSeverity, categories }: AlertChannel, { level, category }: RateAlert): boolean {
  if (minSeverity && SEVERITIES.indexOf(level.severity) < SEVERITIES.indexOf(minSeverity)) return false;
  return categories?.includes(category) ?? true;
}
