import type { AlertIncident, IncidentStatus, RateAlert } from '../../model/rate-alert.js';
import type { CategoryWindow } from '../../model/category.js';
import { WHOLE_WINDOWS_MS } from '../../model/window.js';
import {
  hashOf,
  lastOf,
  lengthOf,
  sharedName,
  type Due,
  type Incident,
  type WindowOver,
} from '../incident/incident.js';

/** What the sending app contributes to an alert. */
export interface AlertOrigin {
  readonly service: string | undefined;
  readonly environment: string | undefined;
  /** The address of the page. */
  readonly publicUrl: string | undefined;
  /** The category's window with this name, if it is configured here. */
  readonly windowOf: (
    category: string,
    window: string,
  ) =>
    | Pick<CategoryWindow, 'name' | 'lengthName' | 'timeZone' | 'windowMs' | 'parts' | 'spanAt' | 'threshold'>
    | undefined;
}

/** When an alert is sent. */
interface SentAt {
  /** An open incident has lasted until then, not until the end of a day-long window that has just begun. */
  readonly now: number;
  /** When the channel was last sent something; 0 for never. A further reminder gets an id of its own; a retry keeps its id. */
  readonly before: number;
}

/** The alert about one of the incident's windows, with what is known now. */
export function alertOf(
  incident: Incident,
  { status, window: { start }, level }: Pick<Due, 'status' | 'level'> & { readonly window: Pick<WindowOver, 'start'> },
  { service, environment, publicUrl, windowOf }: AlertOrigin,
  { now, before }: SentAt,
): RateAlert {
  const { uid, category, tenant, story, streak, worst, peak } = incident;
  const isResolved = story && status === 'resolved';
  const isTold = (one: WindowOver): boolean =>
    isResolved ? one.start <= peak.start && peak.start < one.end : one.start === start;
  const told = incident.windows.find(isTold) ?? lastOf(incident);
  const isSliding = told.lengthMs !== undefined;
  const windowMs = told.lengthMs ?? told.end - told.start;
  const windowStart = isResolved ? peak.start : told.end - windowMs;
  const { count, crossing, threshold, route, contributors, countedBy } = told;
  const { name: window = incident.window, timeZone } = windowOf(category, sharedName(incident)) ?? {};
  const reminder = status === 'reminded' ? before : 0;
  return {
    // Environments share tenants and categories, and may share a receiver that takes each id once.
    id: hashOf([service, environment, uid, status, isResolved ? peak.start : told.start, level.at, reminder]),
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
    // A sliding window never begins again.
    ...(isSliding ? {} : { windowEnd: new Date(windowStart + windowMs) }),
    windowMs,
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(route ? { route: { ...route } } : {}),
    ...(contributors ? { contributors: contributors.map((one) => ({ ...one })) } : {}),
    countedBy,
    ...(publicUrl === undefined ? {} : { link: linkTo(publicUrl, category, tenant.id) }),
    ...(streak.windows > 1 ? { streak: { windows: streak.windows, since: new Date(streak.since) } } : {}),
    ...(story ? { incident: progressOf(incident, status, now) } : {}),
  };
}

/** The tenant's address on the page. */
function linkTo(publicUrl: string, category: string, tenantId: string): string {
  // An address cannot contain a lone surrogate.
  const encoded = (part: string): string => encodeURIComponent(part.replace(/\p{Cs}/gu, '\ufffd'));
  // No slash before the fragment: Fastify responds 404 to a path with a trailing slash.
  return new URL(`#/${encoded(category)}/${encoded(tenantId)}`, publicUrl.replace(/\/+$/, '')).href;
}

function progressOf(incident: Incident, status: IncidentStatus, now: number): AlertIncident {
  const { uid, startedAt, raisedAt, peak, total, settledTo, windows, hot, raisedTo, isPartial } = incident;
  const open = windows.filter(({ start }) => start >= settledTo);
  const { end, lengthMs } = lastOf(incident);
  // Sliding windows overlap, so they cannot be counted.
  const lasted = lengthMs === undefined ? Math.round((end - startedAt) / lengthOf(incident)) : 0;
  // A budget that is used up in the evening was not over all day.
  const isLong = lengthOf(incident) > WHOLE_WINDOWS_MS && raisedAt > startedAt && raisedAt < end;
  const since = isLong ? raisedAt : startedAt;
  return {
    id: uid,
    status,
    startedAt: new Date(since),
    // Whole seconds so far, at least one.
    lastedMs: Math.min(Math.max(Math.ceil((now - since) / 1_000), 1) * 1_000, end - since),
    peak: { count: peak.count, windowStart: new Date(peak.start) },
    total: Math.max(
      open.reduce((sum, { count }) => sum + count, total),
      peak.count,
    ),
    ...(isPartial ? { isPartial } : {}),
    windowsOver: hot,
    windows: Math.max(hot, lasted),
    ...(raisedTo === undefined ? {} : { thresholdRaisedTo: raisedTo }),
  };
}
