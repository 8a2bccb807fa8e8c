import { oneLine } from '../../util/text.js';
import { plan } from './what-is-due.js';
import { closedIfOver } from '../incident/end-of-incident.js';
import type { Situation } from '../incident/situation.js';
import { lastOf, type Due, type Incident, type Told } from '../incident/incident.js';
import { without, withTold } from '../incident/told.js';
import type { Wanting } from './channel-roster.js';

/** After this time another replica takes over from a dead one. */
export const SEND_LEASE_MS = 5_000;

/** How much longer the lease is for each alert that waits: leases of thousands, extended every few seconds, cost more than sending. */
const LEASE_PER_WAITING_MS = 5;
/** Below {@link CLOCK_FELL_BACK_MS}: a lease that ends later than that is taken for a wrong one. */
const MAX_LEASE_MS = 45_000;

/** The lease on an alert in a channel for which so many others wait. */
export function leaseOf(waiting: number): number {
  return Math.min(SEND_LEASE_MS + waiting * LEASE_PER_WAITING_MS, MAX_LEASE_MS);
}

/** Extends the lease on what this replica is still sending. */
export function extended(told: Told, me: string, until: number): Told {
  return told.by === me ? { ...told, until } : told;
}

/** Releases what this replica did not send, so that another one may take it at once. */
export function released(incident: Incident | undefined, key: string, me: string, now: number): Incident | undefined {
  const told = incident?.told[key];
  if (!incident || told?.by !== me) return incident;
  return { ...withTold(incident, key, without(told, 'by', 'until')), lookAt: now };
}

/** The replica that changes a record, and what it may do. */
export interface Sender extends Situation {
  readonly me: string;
  /** Channels of all replicas, by key. */
  readonly channels: ReadonlyMap<string, Wanting>;
  /** A channel of this replica: how much longer it is paused, and how long a lease is, in milliseconds. */
  readonly own: (key: string) => { readonly pausedMs: number; readonly leaseMs: number } | undefined;
  /** Whether this replica is the one that sends through a channel now. */
  readonly isMine: (key: string) => boolean;
  /** Whether it may end the incident. */
  readonly mayClose: boolean;
  /** Whether it may send what another replica began to send and did not confirm in time. */
  readonly mayTakeOver: boolean;
  /** Whether it may send what nobody has claimed. Not while somebody has yet to write, or this replica to read, what was sent during an outage. */
  readonly mayTakeNew: boolean;
}

/** A record to write, and what follows from it. */
export interface ToSend {
  readonly incident: Incident | undefined;
  /** What this replica is to send, by channel. */
  readonly taken: ReadonlyMap<string, Due>;
  /** Channels for which a mute holds back something new. */
  readonly held: readonly string[];
  /** Channels of this replica that are paused. */
  readonly paused: readonly string[];
  /** Nothing will be due again. */
  readonly isDone: boolean;
}

/** When to try again to archive an incident. Without that it would count as open until it expires. */
const ARCHIVE_AGAIN_MS = 10_000;

const FRESH_TOLD: Told = { levels: {}, delivery: { status: 'queued', attempts: 0 } };

/** Pure. Closes an incident that is over, takes what the replica may send, and records what is waiting, muted or left to others. */
export function takeToSend(before: Incident | undefined, after: Incident | undefined, sender: Sender): ToSend {
  if (!after) return { incident: after, taken: new Map(), held: [], paused: [], isDone: false };
  const { me, now, channels, own, isMine, mute, mayClose, mayTakeOver, mayTakeNew } = sender;
  let incident = mayClose ? closedIfOver(after, sender) : after;
  const first = plan(incident, channels, sender);
  const held: string[] = [];
  for (const key of first.held) {
    const told = incident.told[key] ?? FRESH_TOLD;
    const until = mute?.until.getTime() as number;
    const isNews = told.held !== until || lastOf(incident).start !== lastOf(before ?? incident).start;
    if (isNews && told.delivery.status !== 'suppressed') held.push(key);
    const delivery = { status: 'suppressed' as const, attempts: 0, reason: `muted: ${oneLine(mute?.reason ?? '')}` };
    incident = withTold(incident, key, { ...told, held: until, delivery });
  }
  const taken = new Map<string, Due>();
  const paused: string[] = [];
  for (const [key, next] of first.ready) {
    const delivery = own(key);
    const told = incident.told[key] ?? FRESH_TOLD;
    const isNew = told.delivery.status === 'delivered' || told.delivery.status === 'suppressed';
    const queued: Told = isNew ? { ...told, delivery: FRESH_TOLD.delivery } : told;
    // Alerts wait out a short pause in the queue, where they are ranked together.
    if (delivery && delivery.pausedMs > SEND_LEASE_MS) {
      const status = queued.delivery.status === 'queued' ? 'failed' : queued.delivery.status;
      const reason = queued.delivery.reason ?? 'the channel accepts nothing at the moment';
      const waiting = { ...queued, next: now + delivery.pausedMs, delivery: { ...queued.delivery, status, reason } };
      incident = withTold(incident, key, waiting);
      paused.push(key);
    } else if (delivery && isMine(key) && (queued.by === me || (mayTakeNew && (mayTakeOver || !queued.by)))) {
      taken.set(key, next);
      incident = withTold({ ...incident, status: next.status }, key, {
        ...queued,
        by: me,
        until: now + delivery.leaseMs,
      });
    }
    // Left in the record for another replica: perhaps only others have the channel.
    else incident = withTold(incident, key, queued);
  }
  const { lookAt } = plan(incident, channels, sender);
  if (lookAt === undefined)
    return { incident: { ...incident, lookAt: now + ARCHIVE_AGAIN_MS }, taken, held, paused, isDone: true };
  // An overdue time is kept, or replicas that cannot send would keep rewriting it.
  const overdue = before?.lookAt ?? Infinity;
  incident = { ...incident, lookAt: lookAt <= now && overdue <= now ? overdue : lookAt };
  return { incident, taken, held, paused, isDone: false };
}
