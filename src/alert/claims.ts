import { MAX_IN_A_TURN } from '../store/records.js';
import { chunks } from '../util/chunks.js';
import { Turns } from '../util/turns.js';
import type { Due, Incident, Told } from './incident/incident.js';
import type { Change, IncidentRecords } from './incident/incident-records.js';
import type { IncidentSettings, Situation } from './incident/situation.js';
import { onTold, withConfirmed, withFailed, without, withTold } from './incident/told.js';
import type { Mutes } from './mutes.js';
import type { PresentCounts } from './present-counts.js';
import { alertOf, type AlertOrigin } from './sending/alert-of-incident.js';
import type { ChannelDelivery, Incidents, Outcome, Present } from './sending/channel-delivery.js';
import { waitFor } from './sending/channel-health.js';
import type { ChannelRoster } from './sending/channel-roster.js';
import type { Leases } from './sending/leases.js';
import { due } from './sending/what-is-due.js';
import { extended, leaseOf, released, SEND_LEASE_MS, takeToSend, type ToSend } from './sending/which-replica-sends.js';
import type { Sight } from './sight.js';
import type { V01Incidents } from './v0-1/v0-1-incidents.js';

/** What decides what a replica may send, and where that goes. */
interface Parts {
  /** This replica's name in the records. */
  readonly me: string;
  readonly records: IncidentRecords;
  readonly sight: Sight;
  readonly counts: PresentCounts;
  readonly mutes: Mutes;
  readonly v01: V01Incidents;
  readonly roster: ChannelRoster;
  readonly leases: Leases;
  /** The channels of this replica, by key. */
  readonly deliveries: ReadonlyMap<string, ChannelDelivery>;
  /** Breaches that are not recorded yet. */
  readonly raising: ReadonlySet<unknown>;
  readonly settings: IncidentSettings;
  readonly origin: AlertOrigin;
  readonly now: () => number;
}

/** What this replica has claimed of an incident that exists. */
type Claimed = ToSend & { readonly incident: Incident };

/** How many waiting alerts have their leases checked in one turn of the event loop. */
const WALKED_IN_A_TURN = 1_000;

/**
 * Changes incidents: each change claims what is due and this replica may send, and hands it to the deliveries of the channels, which ask
 * here what to send and report what was confirmed.
 */
export class Claims implements Incidents {
  /** Spreads the alerts of a group over turns of the event loop. */
  private readonly groups = new Turns(MAX_IN_A_TURN);

  constructor(private readonly parts: Parts) {}

  /**
   * Changes an incident, claims what this replica may send of it, and hands that to the channels.
   *
   * @param read - The incident, if it was read earlier.
   * @returns Whether the incident exists.
   */
  async update(id: string, change: Change, read?: Incident): Promise<boolean> {
    const claimed = await this.claim(id, change, read);
    await this.handOn(id, claimed);
    return claimed !== undefined;
  }

  /** Extends the leases on what this replica is sending, all those of a record in one write. */
  async extend(): Promise<void> {
    const { deliveries, leases, records, now } = this.parts;
    const ending = new Map<string, ChannelDelivery[]>();
    const walks = new Turns(WALKED_IN_A_TURN);
    for (const delivery of deliveries.values()) {
      await leases.claim(delivery);
      const soon = now() + SEND_LEASE_MS / 2;
      for (const some of chunks(delivery.ids(), WALKED_IN_A_TURN)) {
        await walks.mine(some.length);
        for (const id of some)
          if ((records.lastSeen(id)?.told[delivery.key]?.until ?? 0) < soon)
            ending.set(id, [...(ending.get(id) ?? []), delivery]);
      }
    }
    for (const some of chunks([...ending], MAX_IN_A_TURN)) {
      const read = await records.read(some.map(([id]) => id));
      await Promise.all(
        some.map(([id, sending], i) =>
          this.update(id, (there) => this.withLeases(there, sending), read[i]).catch(() => undefined),
        ),
      );
    }
  }

  /** Leaves to other replicas what a channel did not send. They may take it at once. */
  async release(key: string, ids: readonly string[]): Promise<void> {
    const { me, records } = this.parts;
    const now = this.parts.now();
    await Promise.allSettled(ids.map((id) => records.change(id, (incident) => released(incident, key, me, now))));
  }

  // Called by deliveries.

  present(key: string, ids: readonly string[]): (Present | undefined)[] | Promise<(Present | undefined)[]> {
    const { counts, records, sight } = this.parts;
    // A single alert at once: it is handed over before its request is answered.
    return ids.length === 1 && counts.isFresh(ids) && !sight.caughtUp
      ? ids.map((id) => this.presentOf(key, records.lastSeen(id)))
      : this.presentTogether(key, ids);
  }

  async report(
    key: string,
    id: string,
    { due, alert, memory }: Present,
    outcome: Outcome,
    noted: () => void,
  ): Promise<number> {
    const { me } = this.parts;
    let waitMs = 0;
    const note = onTold(key, (told, incident) => {
      const now = this.parts.now();
      const sent = { ...due, count: alert.count, previous: memory };
      if (outcome.delivered) return withConfirmed(incident, key, { ...sent, memory: outcome.memory, at: now });
      // Its claim ran out during the attempt, and another replica is sending it.
      if ((told.by ?? me) !== me) return incident;
      waitMs = Math.max(outcome.waitMs, waitFor(outcome.refused, told.faults ?? 0));
      return withFailed(incident, key, outcome, now + waitMs);
    });
    try {
      const claimed = await this.claim(id, note);
      // Before anything is handed on, or the delivery would take what is due next for what it has just sent.
      noted();
      await this.handOn(id, claimed);
    } catch {
      // The record's lease ends, and a replica tries again.
    }
    return waitMs;
  }

  /** Retries a failed alert now, even if the store's clock says it is too early. Another replica may have sent it already. */
  async again(key: string, id: string): Promise<void> {
    const free = onTold(key, (told, incident) =>
      withTold(incident, key, told.by === this.parts.me ? without(told, 'next', 'by', 'until') : without(told, 'next')),
    );
    await this.update(id, free).catch(() => undefined);
  }

  /** Changes an incident, and claims what this replica may send of it. Undefined if the incident does not exist. */
  private async claim(id: string, change: Change, read?: Incident): Promise<Claimed | undefined> {
    let claimed: ToSend | undefined;
    const incident = await this.parts.records.change(
      id,
      (there) => (claimed = this.toSend(there, change(there))).incident,
      read,
    );
    return incident && claimed && { ...claimed, incident };
  }

  /** Hands what was claimed to the channels, and archives an incident that is done. */
  private async handOn(id: string, claimed: Claimed | undefined): Promise<void> {
    if (!claimed) return;
    const { mutes, deliveries, v01, records } = this.parts;
    const { incident, taken, held, paused, isDone } = claimed;
    const mute = held.length > 0 ? mutes.of(incident.category, incident.tenant.id) : undefined;
    if (mute) mutes.holdBack(mute);
    for (const key of held) deliveries.get(key)?.suppressed();
    for (const [key, next] of taken) this.own(key).push(id, next, (incident.told[key] as Told).isSuspect ?? false);
    for (const key of paused) this.own(key).awaitPause(id);
    if (incident.closedAt !== undefined) await v01.ended(incident).catch(() => undefined);
    if (isDone) {
      for (const delivery of deliveries.values()) delivery.forget(id);
      await records.archive(id, incident);
    }
  }

  private toSend(before: Incident | undefined, after: Incident | undefined): ToSend {
    const { me, roster, deliveries, leases, sight, v01 } = this.parts;
    return takeToSend(before, after, {
      ...this.situationOf(after),
      me,
      channels: roster.channels,
      own: (key) => {
        const delivery = deliveries.get(key);
        return delivery && { pausedMs: delivery.pausedMs, leaseMs: this.leaseMs(delivery) };
      },
      isMine: (key) => leases.holds(this.own(key)),
      mayClose: sight.mayClose && (after?.v01 === undefined || v01.isGone),
      mayTakeOver: sight.mayTakeOver,
      mayTakeNew: sight.mayTakeNew,
    });
  }

  private situationOf(incident: Incident | undefined): Situation {
    const { now, settings, mutes, sight } = this.parts;
    return {
      now: now(),
      settings,
      mute: incident && mutes.of(incident.category, incident.tenant.id),
      seesSince: incident && sight.since(incident),
    };
  }

  private async presentTogether(key: string, ids: readonly string[]): Promise<(Present | undefined)[]> {
    // What waited through an outage may have been sent by others: their records are read first.
    await this.parts.sight.caughtUp;
    const found: (Present | undefined)[] = [];
    for (const some of chunks(ids, MAX_IN_A_TURN)) {
      const incidents = await this.parts.counts.refreshed(some);
      await this.groups.mine(some.length);
      found.push(...incidents.map((incident) => this.presentOf(key, incident)));
    }
    // While the last ones were read, the first may have ended, or been muted or taken over.
    const still: (Present | undefined)[] = [];
    for (const some of chunks(ids, MAX_IN_A_TURN)) {
      await this.groups.mine(some.length);
      for (const id of some) {
        const present = found[still.length];
        const next = this.nextOf(key, this.parts.records.lastSeen(id));
        still.push(next?.status === present?.due.status ? present : undefined);
      }
    }
    return still;
  }

  private presentOf(key: string, incident: Incident | undefined): Present | undefined {
    const next = this.nextOf(key, incident);
    const told = incident?.told[key];
    if (!next || !incident || !told) return undefined;
    const { origin, now } = this.parts;
    const alert = alertOf(incident, next, origin, { now: now(), before: told.when ?? 0 });
    const { memory, also = [], isAtFault = false, isSuspect = false } = told;
    return { due: next, alert, memory: incident.story ? memory : undefined, also, isAtFault, isSuspect };
  }

  /** What this replica is to send of an incident now. */
  private nextOf(key: string, incident: Incident | undefined): Due | undefined {
    const { me, now } = this.parts;
    const told = incident?.told[key];
    // Once its claim has run out, another replica may have it.
    if (!incident || told?.by !== me || (told.until ?? 0) <= now()) return undefined;
    return due(incident, told, this.own(key).channel, this.situationOf(incident));
  }

  private withLeases(incident: Incident | undefined, deliveries: readonly ChannelDelivery[]): Incident | undefined {
    const { me } = this.parts;
    const now = this.parts.now();
    return deliveries.reduce(
      (next, delivery) =>
        onTold(delivery.key, (told, there) =>
          withTold(there, delivery.key, extended(told, me, now + this.leaseMs(delivery))),
        )(next),
      incident,
    );
  }

  /** How long this replica may take to send what it claims now, which comes after what waits already. */
  private leaseMs({ waiting }: ChannelDelivery): number {
    return leaseOf(waiting + this.parts.raising.size);
  }

  /** The delivery of a channel that this replica has. */
  private own(key: string): ChannelDelivery {
    return this.parts.deliveries.get(key) as ChannelDelivery;
  }
}
