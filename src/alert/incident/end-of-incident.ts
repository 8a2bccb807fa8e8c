import { lastOf, lengthOf, SETTLES_AFTER_MS, type Incident } from './incident.js';

const MAX_CALM_MS = 5 * 60_000;

/**
 * When an incident is over, if no further window has a breach. Channels may still have to be sent the end then.
 *
 * @param resolveAfterMs - Undefined: five windows of the category in five minutes at most, but two at least.
 */
export function overAt(incident: Incident, resolveAfterMs: number | undefined): number {
  const { end, seenAt } = lastOf(incident);
  const length = lengthOf(incident);
  const lasts = incident.story ? (resolveAfterMs ?? calmFor(length)) : 2 * length;
  // The last window's count is final a little after its end.
  return Math.max(end, incident.story ? 0 : seenAt) + Math.max(lasts, SETTLES_AFTER_MS);
}

/** Closes an incident that is over and all of whose windows are counted; another stays as it is. */
export function closedIfOver(incident: Incident, resolveAfterMs: number | undefined, now: number): Incident {
  if (incident.closedAt !== undefined || now < overAt(incident, resolveAfterMs)) return incident;
  const isSettled = !incident.story || incident.settledTo >= lastOf(incident).end;
  return isSettled ? { ...incident, closedAt: now } : incident;
}

/** A tenant that is over in one window out of five has one incident. Five long windows would be too long a wait, so there is a cap. */
function calmFor(windowMs: number): number {
  return Math.max(2 * windowMs, Math.min(5 * windowMs, MAX_CALM_MS));
}
