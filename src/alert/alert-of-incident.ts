import type { AlertIncident, IncidentStatus, RateAlert } from '../model/rate-alert.js';
import type { CategoryWindow } from '../model/category.js';
import { hashOf, lastOf, lengthOf, sharedName, type Due, type Incident, type WindowOver } from './incident.js';

/** What an alert has from the app that sends it. */
export interface AlertOrigin {
  readonly service?: string | undefined;
  readonly environment?: string | undefined;
  /** The address of the page. */
  readonly publicUrl?: string | undefined;
  /** The window of a category that goes by this name, if it is configured here. */
  readonly windowOf?: (
    category: string,
    window: string,
  ) => Pick<CategoryWindow, 'name' | 'lengthName' | 'timeZone'> | undefined;
}

/**
 * The alert about one of its windows, with what is known now.
 *
 * @param before - When the channel was last sent something. A further reminder gets an id of its own; a retry keeps its id.
 */
export function alertOf(
  incident: Incident,
  { status, window: { start }, level }: Pick<Due, 'status' | 'level'> & { readonly window: Pick<WindowOver, 'start'> },
  { service, environment, publicUrl, windowOf }: AlertOrigin = {},
  before = 0,
): RateAlert {
  const { uid, category, tenant, story, streak, worst, peak } = incident;
  const isResolved = story && status === 'resolved';
  const told = incident.windows.find((one) => one.start === (isResolved ? peak.start : start)) ?? lastOf(incident);
  const windowStart = isResolved ? peak.start : told.start;
  const windowMs = told.end - told.start;
  const { count, crossing, threshold, route, contributors, countedBy } = told;
  const { name: window = incident.window, timeZone } = windowOf?.(category, sharedName(incident)) ?? {};
  const reminder = status === 'reminded' ? before : 0;
  return {
    // Environments share tenants and categories, and may share a receiver that takes each id once.
    id: hashOf([service, environment, uid, status, windowStart, level.at, reminder]),
    ...(service === undefined ? {} : { service }),
    ...(environment === undefined ? {} : { environment }),
    category,
    ...(window === '' ? {} : { window }),
    // Copies, because a custom channel may change what it is given.
    tenant: { ...tenant, ...(tenant.attributes ? { attributes: { ...tenant.attributes } } : {}) },
    count: isResolved ? peak.count : count,
    ...(isResolved || crossing === count ? {} : { countAtCrossing: crossing }),
    threshold,
    level: { ...(isResolved ? worst : level) },
    windowStart: new Date(windowStart),
    windowEnd: new Date(windowStart + windowMs),
    windowMs,
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(route ? { route: { ...route } } : {}),
    ...(contributors ? { contributors: contributors.map((one) => ({ ...one })) } : {}),
    countedBy,
    ...(publicUrl === undefined ? {} : { link: linkTo(publicUrl, category, tenant.id) }),
    ...(streak.windows > 1 ? { streak: { windows: streak.windows, since: new Date(streak.since) } } : {}),
    ...(story ? { incident: progressOf(incident, status) } : {}),
  };
}

/** The tenant's own place on the page. */
function linkTo(publicUrl: string, category: string, tenantId: string): string {
  // Half of a surrogate pair cannot be written in an address.
  const encoded = (part: string): string => encodeURIComponent(part.replace(/\p{Cs}/gu, '\ufffd'));
  return `${publicUrl.replace(/\/+$/, '')}/#/${encoded(category)}/${encoded(tenantId)}`;
}

function progressOf(incident: Incident, status: IncidentStatus): AlertIncident {
  const { uid, startedAt, peak, total, settledTo, windows, hot, raisedTo } = incident;
  const open = windows.filter(({ start }) => start >= settledTo);
  return {
    id: uid,
    status,
    startedAt: new Date(startedAt),
    lastedMs: lastOf(incident).end - startedAt,
    peak: { count: peak.count, windowStart: new Date(peak.start) },
    total: open.reduce((sum, { count }) => sum + count, total),
    windowsOver: hot,
    windows: Math.max(hot, Math.round((lastOf(incident).end - startedAt) / lengthOf(incident))),
    ...(raisedTo === undefined ? {} : { thresholdRaisedTo: raisedTo }),
  };
}
