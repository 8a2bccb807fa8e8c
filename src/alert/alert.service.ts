import { randomUUID } from 'node:crypto';

import { Injectable, Logger } from '@nestjs/common';

import { untraced } from '../util/optional-peers.js';
import { MemorySharedState } from '../store/memory/memory-shared-state.js';
import type { SharedState } from '../store/shared-state.js';
import { oneLine } from '../util/text.js';
import { within } from '../util/within.js';
import { Deliveries, type TestedChannel, type Told } from './delivery/deliveries.js';
import type { NamedChannel } from './delivery/named-channel.js';
import { History, type AlertRecord } from './history.js';
import { Incidents, type CountOf, type IncidentSettings } from './incidents.js';
import { Poller } from '../util/poller.js';
import type { Mute, MutedScope, MuteOptions } from './mute.js';
import { Mutes } from './mutes.js';
import type { RateAlert } from '../model/rate-alert.js';

/** A look that one replica makes for all, a little less often than any of them would. */
const ONE_LOOKS_FOR_MS = 900;
/** For how long a start waits to learn what is muted. */
const FIRST_LOOK_MS = 500;
/** For how long a shutdown waits until it is kept what became of the last alerts. */
const LAST_WRITE_MS = 1_000;

/** What alerts need of the rest of the module. */
export interface AlertSettings {
  readonly channels: readonly NamedChannel[];
  readonly groupWaitMs: number;
  readonly shutdownFlushMs: number;
  /** Undefined: one alert per window. */
  readonly incidents: IncidentSettings | undefined;
  readonly state: SharedState;
  /** The store's clock. */
  readonly now: () => number;
  readonly countOf: CountOf;
}

/** Tells of breaches, through every channel at once; one that throws or hangs harms neither a request nor another channel. */
@Injectable()
export class AlertService {
  private readonly logger = new Logger('RateMonitor');
  private readonly raising = new Set<Promise<void>>();
  private deliveries = new Deliveries([], 0, (work) => work(), this.logger);
  private muting = new Mutes(new MemorySharedState(), Date.now, this.logger);
  private past = new History(new MemorySharedState(), Date.now);
  private settings: AlertSettings | undefined;
  private incidents: Incidents | undefined;
  private readonly poller = new Poller(() => this.look(), this.logger, 'Mutes and incidents');

  /**
   * Starts the channels; what one of them throws stops the boot.
   *
   * @internal
   */
  async start(settings: AlertSettings): Promise<void> {
    const { channels, groupWaitMs, state, now, countOf } = settings;
    for (const { channel } of channels) await channel.start?.();
    this.settings = settings;
    this.deliveries = new Deliveries(channels, groupWaitMs, await untraced(), this.logger);
    this.muting = new Mutes(state, now, this.logger);
    this.past = new History(state, now);
    this.incidents = settings.incidents && new Incidents(state, settings.incidents, now, countOf);
    this.poller.start();
  }

  /**
   * Learns what other replicas have muted, before anything is raised here. A store that is away holds no start for it: the next look comes
   * soon.
   *
   * @internal
   */
  async lookAtMutes(): Promise<void> {
    await within(this.muting.refresh(), FIRST_LOOK_MS, 'not seen').catch(() => undefined);
  }

  /** Sends an alert through every channel that wants it, and waits for none. */
  raise(alert: RateAlert): void {
    const mute = this.muting.over(alert);
    if (!this.incidents) return this.tell({ alert }, mute);
    const raising = this.incidents.breached(alert, mute !== undefined).then(
      (told) => told && this.tell(told, mute),
      // It cannot be known whether there is an incident: better told twice than not at all.
      () => this.tell({ alert }, mute),
    );
    this.raising.add(raising);
    void raising.finally(() => this.raising.delete(raising));
  }

  /** Sends a test alert, marked as one, through every channel at once, and gives back what each made of it. */
  sendTest(): Promise<TestedChannel[]> {
    return this.deliveries.test({
      category: 'test',
      tenant: { id: 'test', name: 'Test tenant' },
      count: 2,
      threshold: 1,
      level: { at: 1, severity: 'info' },
      windowStart: new Date(this.settings?.now() ?? Date.now()),
      windowMs: 60_000,
      countedBy: 'all',
      test: true,
    });
  }

  /**
   * Holds alerts back for a while, in all replicas: at once in this one, within a second in the others. Counting goes on. A mute of the
   * same tenant and category takes the place of the one before.
   *
   * @throws RangeError or TypeError where the options are wrong; whatever the store throws where that is away.
   */
  mute(options: MuteOptions): Promise<Mute> {
    return this.muting.mute(options);
  }

  /** Ends a mute before its time. Gives back whether there was one of just this tenant and category. */
  unmute(scope: MutedScope): Promise<boolean> {
    return this.muting.unmute(scope);
  }

  /** The mutes that hold now. */
  mutes(): Promise<Mute[]> {
    return this.muting.list();
  }

  /** The last alerts of all replicas, newest first, and what became of each in each channel. */
  history(): Promise<AlertRecord[]> {
    return this.past.list();
  }

  /**
   * Sends what is on its way, for as long as `shutdownFlushMs`.
   *
   * @internal
   */
  async stop(): Promise<void> {
    const { shutdownFlushMs = 0 } = this.settings ?? {};
    const end = performance.now() + shutdownFlushMs;
    // A look may have closed an incident, and then nobody else tells of it.
    const told = Promise.all([this.poller.stop(), ...this.raising]);
    await within(told, shutdownFlushMs, 'not told').catch(() => undefined);
    if (this.raising.size > 0)
      this.logger.warn(`Not sent, since the store has not answered in time: ${this.raising.size} alerts`);
    await this.deliveries.stop(Math.max(end - performance.now(), 0));
    const kept = Promise.all([this.past.flush(), this.muting.flush()]);
    await within(kept, LAST_WRITE_MS, 'not kept').catch(() => undefined);
  }

  private tell(told: Told, mute: Mute | undefined): void {
    const wanting = this.deliveries.wanting(told.alert);
    const became = this.past.record(told.alert, wanting);
    if (!mute) return this.deliveries.send(told, became);
    for (const channel of wanting)
      became(channel, { status: 'suppressed', attempts: 0, reason: `muted: ${oneLine(mute.reason)}` });
    this.muting.holdBack(mute);
  }

  private async look(): Promise<void> {
    await this.past.flush();
    await this.muting.refresh();
    if (!this.incidents) return;
    await this.tellAll(this.incidents.closedUnheard());
    if (!(await this.settings?.state.claim('sweep', randomUUID(), ONE_LOOKS_FOR_MS))) return;
    await this.tellAll(this.incidents.sweep());
  }

  private async tellAll(stories: AsyncIterable<Told>): Promise<void> {
    for await (const told of stories) this.tell(told, this.muting.over(told.alert));
  }
}
