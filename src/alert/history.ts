import type { RateAlert } from '../model/rate-alert.js';
import { oneLine } from '../util/text.js';
import { alertOf, lastOf, type Delivery, type Identity, type Incident } from './incident.js';

/** An alert, and its delivery in each channel. */
export interface AlertRecord {
  id: string;
  raisedAt: Date;
  /** As things are now, or were when it was over. */
  alert: RateAlert;
  /** By channel. */
  channels: Record<string, Delivery>;
}

/** An incident as the history shows it. */
export function alertRecord(incident: Incident, identity: Identity): AlertRecord {
  const { uid, raisedAt, worst, story, closedAt, status = 'opened' } = incident;
  const shown = story && closedAt !== undefined ? 'resolved' : status;
  const alert = alertOf(incident, shown, lastOf(incident), story ? worst : lastOf(incident).level, identity);
  const channels: Record<string, Delivery> = {};
  // A channel's name, then what stands for its address: of two addresses that had the name, the one that heard last.
  const told = Object.entries(incident.told).sort(([, a], [, b]) => (a.when ?? 0) - (b.when ?? 0));
  for (const [key, { delivery }] of told) channels[key.slice(0, key.lastIndexOf('#'))] = delivery;
  return {
    id: uid,
    raisedAt: new Date(raisedAt),
    alert: { ...alert, tenant: { ...alert.tenant, id: oneLine(alert.tenant.id) } },
    channels,
  };
}
