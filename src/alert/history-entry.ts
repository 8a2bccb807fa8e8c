import type { AlertRecord, Delivery } from '../model/alert-record.js';
import { alertOf, type AlertOrigin } from './sending/alert-of-incident.js';
import { lastOf, type Incident } from './incident/incident.js';

/**
 * An incident as the history shows it.
 *
 * @param names - Names of this replica's channels, by key.
 */
export function alertRecord(
  incident: Incident,
  origin: AlertOrigin,
  names: ReadonlyMap<string, string>,
  now: number,
): AlertRecord {
  const { uid, raisedAt, worst, story, closedAt, status = 'opened' } = incident;
  const shown = story && closedAt !== undefined ? 'resolved' : status;
  const window = lastOf(incident);
  const alert = alertOf(incident, { status: shown, window, level: story ? worst : window.level }, origin, {
    now,
    before: 0,
  });
  const channels: Record<string, Delivery> = {};
  // The key is the channel's name and a hash of its address. If two addresses share a name, show the one that confirmed last.
  const heardAt: Record<string, number> = {};
  for (const [key, { delivery, when = 0, next }] of Object.entries(incident.told)) {
    const name = names.get(key) ?? key.slice(0, key.lastIndexOf('#'));
    if (when < (heardAt[name] ?? 0)) continue;
    heardAt[name] = when;
    channels[name] =
      delivery.status === 'retried' && next !== undefined ? { ...delivery, retryAt: new Date(next) } : delivery;
  }
  return {
    id: uid,
    raisedAt: new Date(raisedAt),
    alert,
    channels,
  };
}
