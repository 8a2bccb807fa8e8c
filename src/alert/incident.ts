import type { Route } from '../model/route.js';
import type { Tenant } from '../model/tenant.js';
import type { AlertLevel } from '../model/level.js';
import type { RateAlert } from '../model/rate-alert.js';
import { keptTenant } from '../model/tenant-attributes.js';
import type { AlertIncident, IncidentStatus } from '../model/alert-incident.js';

/** A window ends for whoever counts in it a little later than by the clock: the last totals are still on their way. */
const SETTLES_AFTER_MS = 1_000;
const MOST_AT_ONCE = 100;

/** Consecutive breaches of one tenant in one category, as replicas share them. Windows go by their numbers, times by the store's clock. */
export interface Incident {
  readonly id: string;
  readonly category: string;
  readonly tenant: Tenant;
  readonly windowMs: number;
  /** As of the last breach. */
  threshold: number;
  route?: Route | undefined;
  /** The highest level that was reached. */
  worst: AlertLevel;
  /** The highest level that was told, as a multiple of the threshold; 0 for none. */
  told: number;
  /** When it was last spoken of; 0 for never, or not since a breach was held back. */
  toldAt: number;
  readonly first: number;
  /** The last window with a breach. */
  last: number;
  peak: { count: number; window: number };
  /** Of the settled windows up to `last`. */
  total: number;
  /** Of the settled windows after it: part of the total once a later window has a breach. */
  calm: number;
  /** The first window whose final count is not known yet. */
  unsettled: number;
  /** What was seen in windows not yet settled: their final count is that or more. */
  seen: Record<number, number>;
  /** What channels keep of it, by their names. */
  notes: Record<string, string>;
}

/** Takes in a breach, the first where there is no incident yet. */
export function withBreach(incident: Incident | undefined, alert: RateAlert, newId: () => string): Incident {
  const window = windowOf(alert);
  const { category, tenant, windowMs, threshold, route, level, count } = alert;
  const old: Omit<Incident, 'category' | 'tenant' | 'windowMs' | 'threshold'> = incident ?? {
    id: newId(),
    worst: level,
    told: 0,
    toldAt: 0,
    first: window,
    last: window,
    peak: { count, window },
    total: 0,
    calm: 0,
    unsettled: window,
    seen: {},
    notes: {},
  };
  const isLater = window > old.last;
  const isOpen = window >= old.unsettled;
  return {
    ...old,
    ...{ category, tenant: keptTenant(tenant), windowMs, threshold, route: route ?? old.route },
    worst: level.at > old.worst.at ? level : old.worst,
    last: isLater ? window : old.last,
    peak: count > old.peak.count ? { count, window } : old.peak,
    total: isLater ? old.total + old.calm : old.total,
    calm: isLater ? 0 : old.calm,
    seen: isOpen ? { ...old.seen, [window]: Math.max(count, old.seen[window] ?? 0) } : old.seen,
  };
}

/** What there is to tell of a breach that was taken in; undefined where the last word still holds. */
export function worthTelling(
  { told, toldAt }: Incident,
  { level }: RateAlert,
  now: number,
  remindAfterMs: number,
): IncidentStatus | undefined {
  if (told === 0) return 'opened';
  if (level.at > told) return 'escalated';
  return now - toldAt >= remindAfterMs ? 'reminded' : undefined;
}

export function withTold(incident: Incident, { level }: RateAlert, now: number): Incident {
  return { ...incident, told: Math.max(incident.told, level.at), toldAt: now };
}

/** The next breach that is not held back is to be spoken of, however short ago the last was. */
export function withHeldBack(incident: Incident): Incident {
  return { ...incident, toldAt: 0 };
}

/** The windows that are over and not settled, the first of them where nobody has looked for long. */
export function overWindows({ unsettled, windowMs }: Incident, now: number): number[] {
  const running = Math.floor((now - SETTLES_AFTER_MS) / windowMs);
  return Array.from({ length: Math.min(Math.max(running - unsettled, 0), MOST_AT_ONCE) }, (_, i) => unsettled + i);
}

/** Takes in the final counts of windows that are over; those that another replica has settled meanwhile are left alone. */
export function withSettled(incident: Incident, counts: ReadonlyMap<number, number>): Incident {
  const next = { ...incident, seen: { ...incident.seen } };
  for (let count = counts.get(next.unsettled); count !== undefined; count = counts.get(next.unsettled)) {
    const window = next.unsettled++;
    const final = Math.max(count, next.seen[window] ?? 0);
    Reflect.deleteProperty(next.seen, window);
    if (window > next.last) next.calm += final;
    else next.total += final;
    if (window <= next.last && final > next.peak.count) next.peak = { count: final, window };
  }
  return next;
}

/** Without a breach for so long that it is over, and known to the end. */
export function isResolved({ last, unsettled, windowMs }: Incident, now: number, resolveAfterMs: number): boolean {
  return unsettled > last && now >= (last + 1) * windowMs + resolveAfterMs;
}

/** What an alert says of the incident. */
export function told(incident: Incident, status: IncidentStatus): AlertIncident {
  const { id, first, last, windowMs, peak, seen } = incident;
  return {
    id,
    status,
    startedAt: new Date(first * windowMs),
    lastedMs: (last + 1 - first) * windowMs,
    peak: { count: peak.count, windowStart: new Date(peak.window * windowMs) },
    total: Object.values(seen).reduce((sum, count) => sum + count, incident.total),
  };
}

/** The last alert of an incident. */
export function resolvedAlert(incident: Incident): RateAlert {
  const { category, tenant, windowMs, threshold, route, worst, peak } = incident;
  return {
    category,
    tenant,
    count: peak.count,
    threshold,
    level: worst,
    windowStart: new Date(peak.window * windowMs),
    windowMs,
    ...(route ? { route } : {}),
    countedBy: 'all',
    incident: told(incident, 'resolved'),
  };
}

function windowOf({ windowStart, windowMs }: RateAlert): number {
  return Math.round(windowStart.getTime() / windowMs);
}
