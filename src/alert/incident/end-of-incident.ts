import type { IncidentTiming } from '../../model/incident-timing.js';
import { lastOf, lengthOf, SETTLES_AFTER_MS, type Incident } from './incident.js';
import type { Situation } from './situation.js';

const MAX_CALM_MS = 5 * 60_000;

/** When an incident is over if no further window has a breach. Channels may not have been sent the end by then. */
export function overAt(incident: Incident, { settings, seesSince }: Pick<Situation, 'settings' | 'seesSince'>): number {
  const { end, seenAt } = lastOf(incident);
  const length = lengthOf(incident);
  const lasts = incident.story ? (settings.resolveAfterMs ?? calmFor(length)) : 2 * length;
  // The last window's count becomes final a little after its end.
  const calmAt = Math.max(end, incident.story ? 0 : seenAt) + Math.max(lasts, SETTLES_AFTER_MS);
  return incident.story ? Math.max(calmAt, (seesSince ?? -Infinity) + length + SETTLES_AFTER_MS) : calmAt;
}

/** How long a story must be calm before a raised threshold ends it: during a deployment, older replicas still alert by the old one. */
export function calmAfterRaise(incident: Incident, { resolveAfterMs }: IncidentTiming): number {
  return Math.min(resolveAfterMs ?? calmFor(lengthOf(incident)), MAX_CALM_MS);
}

/** Closes an incident that is over and has all its windows counted; returns any other unchanged. */
export function closedIfOver(incident: Incident, situation: Situation): Incident {
  if (incident.closedAt !== undefined || situation.now < overAt(incident, situation)) return incident;
  const isSettled = !incident.story || incident.settledTo >= lastOf(incident).end;
  return isSettled ? { ...incident, closedAt: situation.now } : incident;
}

/** A tenant that is over in one window of five has one incident. The cap limits the wait for long windows. */
function calmFor(windowMs: number): number {
  return Math.max(2 * windowMs, Math.min(5 * windowMs, MAX_CALM_MS));
}
