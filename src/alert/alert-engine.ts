import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';

import type { Logger } from '@nestjs/common';

import type { AlertChannel, ChannelStatus, TestedChannel } from '../model/alert-channel.js';
import type { AlertHistory, AlertRecord } from '../model/alert-record.js';
import type { Breach } from '../model/breach.js';
import { DEFAULT_TIMING, type IncidentTiming } from '../model/incident-timing.js';
import type { RateAlert } from '../model/rate-alert.js';
import { MAX_IN_A_TURN, scopeOf, unlessNewer } from '../store/records.js';
import type { SharedState } from '../store/shared-state.js';
import { chunks } from '../util/chunks.js';
import { untraced } from '../util/optional-peers.js';
import { Poller } from '../util/poller.js';
import { WarnOnce } from '../util/warn-once.js';
import { oneLine, plural, reasonOf } from '../util/text.js';
import { Turns } from '../util/turns.js';
import { within } from '../util/within.js';
import { ChannelDelivery, type NamedChannel } from './sending/channel-delivery.js';
import type { AlertOrigin } from './sending/alert-of-incident.js';
import { V01Incidents } from './v0-1/v0-1-incidents.js';
import { alertRecord } from './history-entry.js';
import {
  CLOCK_FELL_BACK_MS,
  merged,
  recordId,
  sharedName,
  withBreach,
  type Incident,
  type Told,
} from './incident/incident.js';
import { spansToCount, withCounted, type PeriodEnd, type Span } from './incident/counts-of-windows.js';
import type { IncidentSettings } from './incident/situation.js';
import { onTold, withTold } from './incident/told.js';
import { endedId, IncidentRecords, type Change } from './incident/incident-records.js';
import { Writers } from './incident/writers.js';
import { PresentCounts, type CountSource } from './present-counts.js';
import { Claims } from './claims.js';
import { RaisedThresholds, type ThresholdSource } from './raised-thresholds.js';
import { Sight } from './sight.js';
import { Mutes, type Mute, type MutedScope, type MuteOptions } from './mutes.js';
import { ChannelRoster } from './sending/channel-roster.js';
import { Leases } from './sending/leases.js';

/** What alerts need from the rest of the module. */
export interface AlertSettings extends AlertOrigin, CountSource, ThresholdSource {
  readonly channels: readonly NamedChannel[];
  /** Names of the configured categories; only these can be muted. */
  readonly categories: readonly string[];
  readonly groupWaitMs: number;
  readonly shutdownFlushMs: number;
  /** Undefined if each window is an alert of its own. */
  readonly incidents: IncidentTiming | undefined;
  /** Incidents beyond this number are kept in this replica's memory. */
  readonly maxOpenIncidents: number;
  readonly state: SharedState;
}

/** A record overdue by this much was missed by the elected replica, so any replica handles it. */
const LEFT_UNDONE_MS = 2_000;
/** Half of what records allow: confirmations change records too, and must not fall behind. */
const BREACHES_IN_A_TURN = MAX_IN_A_TURN / 2;
/** How long startup waits for mutes. */
const FIRST_LOOK_MS = 500;
/** How long a shutdown waits for its last writes to the store. */
const LAST_WRITE_MS = 1_000;

/**
 * Keeps every channel in sync with the incidents: takes breaches, and looks once a second at what is due, was lost, or was left by others.
 * What follows from that is sent through {@link Claims}.
 */
export class AlertEngine {
  readonly mutes: Mutes;
  readonly thresholds: RaisedThresholds;
  private readonly records: IncidentRecords;
  private readonly sight: Sight;
  private readonly counts: PresentCounts;
  private readonly ownChannels = new Map<string, AlertChannel>();
  private readonly deliveries = new Map<string, ChannelDelivery>();
  private readonly pollers: readonly Poller[];
  private readonly v01: V01Incidents;
  private readonly roster: ChannelRoster;
  private readonly writers: Writers;
  private readonly settings: IncidentSettings;
  private readonly raising = new Set<Promise<void>>();
  /** Alerts are sent outside the request's async context, or Sentry would attach the request that crossed the level. */
  private readonly outside = AsyncLocalStorage.snapshot();
  private readonly leases: Leases;
  private readonly claims: Claims;
  private readonly once: WarnOnce;
  /** Spreads breaches over turns of the event loop. */
  private readonly breaches = new Turns(BREACHES_IN_A_TURN);
  private lost = 0;
  private lookedAt = 0;

  constructor(
    private readonly options: AlertSettings,
    private readonly logger: Logger,
  ) {
    const { state, now, categories, incidents, isStoreAway } = options;
    const scope = scopeOf(options);
    const me = randomBytes(9).toString('base64url');
    this.records = new IncidentRecords(state, scope, options.maxOpenIncidents);
    this.writers = new Writers(state, scope, me, now);
    this.sight = new Sight(this.records, this.writers, options);
    this.counts = new PresentCounts(this.records, this.sight, options);
    this.mutes = new Mutes(state, scope, categories, now, logger);
    const periodEnd: PeriodEnd = (incident, at) => {
      const window = options.windowOf(incident.category, sharedName(incident));
      return window?.timeZone === undefined ? undefined : window.spanAt(at).end;
    };
    this.settings = { ...(incidents ?? DEFAULT_TIMING), periodEnd };
    this.once = new WarnOnce(logger);
    this.v01 = new V01Incidents(state, scope, categories);
    this.roster = new ChannelRoster(state, scope, this.ownChannels);
    this.leases = new Leases(state, scope, me, () => this.records.isAway);
    this.claims = new Claims({
      me,
      records: this.records,
      sight: this.sight,
      counts: this.counts,
      mutes: this.mutes,
      v01: this.v01,
      roster: this.roster,
      leases: this.leases,
      deliveries: this.deliveries,
      raising: this.raising,
      settings: this.settings,
      origin: options,
      now,
    });
    const { records, counts, sight, claims, settings } = this;
    this.thresholds = new RaisedThresholds(records, counts, sight, claims, settings, options);
    this.pollers = [
      new Poller(() => this.mutes.refresh(), logger, 'Mutes', isStoreAway),
      // Beside the looks: after an outage, one may take longer than a lease.
      new Poller(() => this.claims.extend(), logger, 'Leases', isStoreAway),
      // Always: a replica may have been cut off alone.
      new Poller(() => this.writers.look(), logger, 'Writers', isStoreAway),
      new Poller(() => this.look(), logger, 'Incidents', isStoreAway),
      new Poller(() => this.adopt(), logger, 'Incidents of 0.1', isStoreAway),
    ];
  }

  /** Starts the channels. An error from any of them stops the boot. */
  async start(): Promise<void> {
    const { channels, groupWaitMs } = this.options;
    for (const { channel } of channels) await channel.start?.();
    const unseen = await untraced();
    const run = <T>(work: () => T): T => this.outside(() => unseen(work));
    for (const named of channels) {
      const { name, channel } = named;
      const keyFor = (known: string): string => `${known}#${channel.addressHash ?? ''}`;
      // Keyed by address, because the number in a name depends on the order of the channels, which a deployment may change.
      const key = this.deliveries.has(keyFor(channel.name)) ? keyFor(name) : keyFor(channel.name);
      this.ownChannels.set(key, channel);
      this.deliveries.set(key, new ChannelDelivery(key, named, groupWaitMs, this.claims, run, this.logger));
    }
    // Not awaited: a store that is away must not delay startup.
    void this.lookAtRoster().catch(() => undefined);
    for (const poller of this.pollers) poller.start();
  }

  /** Reads the mutes of other replicas before the first alert, without letting a store that is away delay startup. */
  async lookAtMutes(): Promise<void> {
    await within(this.mutes.refresh(), FIRST_LOOK_MS, 'not seen').catch(() => undefined);
  }

  /**
   * Records a breach. Resolves once its record is written (in memory if the store is away) and queued for the channels that take single
   * alerts. Never rejects.
   */
  breached(breach: Breach): Promise<void> {
    const raising = this.breaches
      .mine()
      .then(() => this.take(breach))
      .catch((error: unknown) => {
        this.logger.error(`A breach of ${oneLine(breach.category)} did not raise an alert (${reasonOf(error)})`);
      });
    this.raising.add(raising);
    return raising.finally(() => this.raising.delete(raising));
  }

  /** Sends a test alert through every channel at once. Success turns on a channel that was off. */
  sendTest(): Promise<TestedChannel[]> {
    const { service, environment } = this.options;
    const windowStart = new Date(this.options.now());
    const alert: RateAlert = {
      ...(service === undefined ? {} : { service }),
      ...(environment === undefined ? {} : { environment }),
      category: 'test',
      tenant: { id: 'test', name: 'Test tenant' },
      count: 2,
      threshold: 1,
      level: { at: 1, severity: 'info' },
      windowStart,
      windowMs: 60_000,
      windowEnd: new Date(windowStart.getTime() + 60_000),
      countedBy: 'all',
      test: true,
    };
    return Promise.all(
      [...this.deliveries.values()].map(async (delivery) => {
        const reason = await delivery.test(alert);
        const channel = delivery.name;
        return reason === undefined ? { channel, delivered: true } : { channel, delivered: false, reason };
      }),
    );
  }

  /** Sets a mute, which may end sooner than the one it replaces. */
  async mute(options: MuteOptions): Promise<Mute> {
    const mute = await this.mutes.mute(options);
    await this.releaseHeld();
    return mute;
  }

  /** Ends a mute early. Alerts it held back are sent if they are still true. */
  async unmute(scope: MutedScope): Promise<boolean> {
    const wasMuted = await this.mutes.unmute(scope);
    await this.releaseHeld();
    return wasMuted;
  }

  /** The latest alerts of all replicas; while the store is away, those this replica knows. */
  async history(): Promise<AlertHistory> {
    const names = this.channelNames();
    const now = this.options.now();
    const { incidents, ...rest } = await this.records.newest();
    return { alerts: incidents.map((incident) => alertRecord(incident, this.options, names, now)), ...rest };
  }

  /** The alerts of {@link history}. */
  async list(): Promise<AlertRecord[]> {
    return (await this.history()).alerts;
  }

  /** How many incidents of all replicas are open or have an unsent end, as last seen. */
  get openIncidents(): number {
    return this.records.size;
  }

  /** The status of each channel, in the order of the options. */
  channels(): ChannelStatus[] {
    const now = this.options.now();
    return [...this.deliveries.values()].map((delivery) => delivery.status(now));
  }

  /** Sends everything that waits now. Returns whether nothing is left. */
  async flush(withinMs: number): Promise<boolean> {
    const end = performance.now() + withinMs;
    await within(Promise.all(this.raising), withinMs, 'not raised').catch(() => undefined);
    const left = Math.max(end - performance.now(), 0);
    const sent = await Promise.all([...this.deliveries.values()].map((delivery) => delivery.flush(left)));
    return this.raising.size === 0 && sent.every(Boolean);
  }

  /** Sends everything that waits, for up to `shutdownFlushMs`. Other replicas can take over the rest at once. */
  async stop(): Promise<void> {
    const { shutdownFlushMs } = this.options;
    const end = performance.now() + shutdownFlushMs;
    const left = (): number => Math.max(end - performance.now(), 0);
    await within(Promise.all([...this.pollers.map((poller) => poller.stop()), ...this.raising]), left(), '').catch(
      () => undefined,
    );
    const written: Promise<unknown>[] = [];
    if (this.writers.isOne) {
      written.push(this.writers.end());
      // What waits for that is sent now, also what is new, which only this replica knows.
      const taken = this.handleDue(this.records.dueHere(this.options.now()));
      await within(taken, left() / 2, 'not taken').catch(() => undefined);
    }
    const unsent = await Promise.all(
      [...this.deliveries.values()].map(async (delivery) => [delivery.key, await delivery.stop(left())] as const),
    );
    const released = unsent.map(([key, ids]) => this.claims.release(key, ids));
    written.push(...released, this.leases.release(), this.mutes.flush(), ...this.raising);
    await within(Promise.allSettled(written), LAST_WRITE_MS, 'not written').catch(() => undefined);
    const late = this.raising.size;
    if (late > 0)
      this.logger.warn(
        `${plural(late, 'breach was', 'breaches were')} not recorded, and sent to no channel: the process ended first`,
      );
    this.reportLost();
  }

  private async take(noticed: Breach): Promise<void> {
    const { incidents, now, windowOf } = this.options;
    const story = incidents !== undefined;
    const { lengthName, parts = 1, windowMs } = windowOf(noticed.category, noticed.window) ?? {};
    const breach = { ...noticed, lengthName, lengthMs: parts > 1 ? windowMs : undefined };
    const id = recordId(breach, story);
    await Promise.all([...this.deliveries.values()].map((delivery) => this.leases.claim(delivery)));
    let over: Incident | undefined;
    const raise: Change = (before) => {
      over = before?.closedAt === undefined ? undefined : before;
      return withBreach(before, breach, story, now());
    };
    const isTaken = await this.claims.update(id, raise);
    if (!isTaken) this.lost++;
    const ended = over;
    if (ended) await this.claims.update(endedId(id, ended), (there) => there ?? ended);
    if (!this.records.isAlone(id)) return;
    const { maxOpenIncidents: max } = this.options;
    this.once.warn(
      `open ${breach.category}`,
      () =>
        `${max} incidents are open, the maximum: further ones of ${oneLine(breach.category)} are sent only by the replica that notices them. Raise maxOpenIncidents, or the thresholds`,
    );
  }

  /** After a mute was ended or shortened, sends what it held back unless another mute now applies. */
  private releaseHeld(): Promise<void> {
    return this.mutes.releaseHeld(async () => {
      // Windows that ended under the mute are not sent.
      const ended = this.options.now();
      const released = (told: Told): Told => ((told.held ?? 0) > ended ? { ...told, held: ended } : told);
      for await (const some of this.records.some())
        for (const [id, { told }] of some)
          for (const [key, one] of Object.entries(told))
            if (released(one) !== one)
              await this.claims.update(
                id,
                onTold(key, (present, incident) => withTold(incident, key, released(present))),
              );
    });
  }

  /** Takes over incidents that 0.1 left open. */
  private adopt(): Promise<void> {
    return this.v01.look(
      this.channelNames(),
      this.options.now(),
      ({ id, incident }) =>
        this.claims.update(id, (there) => (there?.closedAt === undefined ? merged(there, incident) : there)),
      ({ record, uid }) =>
        this.claims.update(record, (there) => (there?.uid === uid ? endedSilently(there, this.options.now()) : there)),
    );
  }

  /** Names of this replica's channels, by key. */
  private channelNames(): Map<string, string> {
    return new Map([...this.deliveries].map(([key, { name }]) => [key, name]));
  }

  /** Runs once a second: handles due incidents, and those that the store lost or never had. */
  private async look(): Promise<void> {
    const { now } = this.options;
    this.reportLost();
    const fellBack = now() < this.lookedAt - CLOCK_FELL_BACK_MS;
    let ids: readonly string[];
    try {
      const leads = await this.leases.leads();
      // From the first answer on: finding out what to write takes long, too.
      if (this.records.isAway) await this.writers.begin();
      await this.lookAtRoster();
      const isBusy =
        leads || [...this.deliveries.values()].some((channel) => channel.isGrouped && this.leases.holds(channel));
      ids = await this.records.due(isBusy ? now() : now() - LEFT_UNDONE_MS);
    } catch (error) {
      this.records.storeIsAway();
      this.writers.lost();
      this.sight.lost(this.lookedAt);
      await this.handleDue(this.records.dueHere(now()));
      throw error;
    }
    this.sight.regained();
    try {
      for (const some of chunks(this.records.unwritten(), MAX_IN_A_TURN)) await this.share(some);
    } finally {
      if (this.writers.isOne) await this.writers.end();
    }
    await this.handleDue([...ids, ...this.records.dueHere(now())]);
    await this.releaseHeld();
    // Due times written before the clock fell back are now far in the future, and a dead replica does not correct its own.
    if (fellBack)
      for await (const some of this.records.some())
        for (const [id] of some) await this.claims.update(id, (there) => there);
    this.lookedAt = now();
    this.records.forget();
    // Last, so that all else is done even while these fail.
    this.leases.throwIfRefused();
    await this.records.lookAtHistory();
    this.records.throwIfRefused();
  }

  /**
   * Writes what only this replica knows. An incident that others have ended meanwhile returns to the history once all messages show its
   * end.
   */
  private async share(taken: readonly (readonly [id: string, incident: Incident])[]): Promise<void> {
    const ended = await this.records.ended(taken.map(([, mine]) => mine)).catch(() => []);
    await Promise.all(
      taken.map(([id, before], i) =>
        this.claims
          .update(id, (there = ended[i]) => {
            // A channel may have confirmed it since.
            const mine = this.records.lastSeen(id) ?? before;
            return there && there.uid !== mine.uid && (there.closedAt ?? ended[i]) ? there : merged(there, mine);
          })
          .catch(unlessNewer),
      ),
    );
  }

  /** Sends open incidents to new channels, which the records do not name yet. */
  private async lookAtRoster(): Promise<void> {
    const introduced = await this.roster.look(this.options.now());
    if (introduced.length === 0) return;
    for await (const some of this.records.some())
      for (const [id, { told }] of some)
        if (introduced.some((key) => !told[key])) await this.claims.update(id, (there) => there);
  }

  /** Updates the counts of due incidents, closes those that are over, and sends each channel what it is due. */
  private async handleDue(ids: readonly string[]): Promise<void> {
    for (const some of chunks(ids, MAX_IN_A_TURN)) await this.handleSome(some);
  }

  private async handleSome(ids: readonly string[]): Promise<void> {
    const now = this.options.now();
    const incidents = await this.records.read(ids);
    const spans = incidents.map((incident) => (incident ? spansToCount(incident, now, this.settings.periodEnd) : []));
    const wanted = incidents.flatMap((incident, i) =>
      (spans[i] as Span[]).map((span) => [incident as Incident, span] as const),
    );
    const counts = await this.counts.of(wanted);
    let at = 0;
    await Promise.all(
      ids.map((id, i) => {
        const read = incidents[i];
        const counted = (spans[i] as Span[]).map((span) => [span, counts?.[at++]] as const);
        const change: Change = (incident) => {
          // An unreadable record is treated as missing and removed.
          if (!incident || incident.uid !== read?.uid) return incident;
          const after = counted.reduce(
            (next, [span, count]) => withCounted(next, span, count, now, this.sight),
            incident,
          );
          return this.thresholds.ended(after, now);
        };
        return this.claims.update(id, change, read).catch(() => undefined);
      }),
    );
  }

  private reportLost(): void {
    if (this.lost > 0)
      this.logger.warn(
        `${plural(this.lost, 'breach was', 'breaches were')} sent to no channel: too many incidents are open. Raise the thresholds`,
      );
    this.lost = 0;
  }
}

function endedSilently(incident: Incident, now: number): Incident {
  const told = Object.entries(incident.told).map(([key, one]) => [key, { ...one, resolved: true }] as const);
  return { ...incident, closedAt: now, told: Object.fromEntries(told) };
}
