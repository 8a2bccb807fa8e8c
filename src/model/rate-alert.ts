import type { Route } from './route.js';
import type { Tenant } from './tenant.js';
import type { AlertLevel } from './level.js';

/** An alert about a breach: who, where, how much, since when. */
export interface RateAlert {
  /** Identifies the alert: the same over retries and replicas, another one for each next alert of an incident. */
  id?: string;
  /** The app that sends it, named in its options or its package.json. */
  service?: string;
  /** Where it runs: `production`. */
  environment?: string;
  /** Name of the category. */
  category: string;
  /** As the resolver gave it. */
  tenant: Tenant;
  /** Requests (or cost) seen in the window when the breach was noticed: above `threshold`, not always by one. */
  count: number;
  /** The count that may not be exceeded. */
  threshold: number;
  /** The level that was reached. */
  level: AlertLevel;
  /** When the window began. */
  windowStart: Date;
  /** Length of the window in milliseconds. */
  windowMs: number;
  /** Route of the request that crossed the level, as far as this instance knows; absent if it was counted outside a request. */
  route?: Route;
  /** `instance`: the store was away, and this instance counted alone; the true count is this or more. */
  countedBy: 'all' | 'instance';
  /** Name of the category's window, if the category has several: `day`. */
  window?: string;
  /** When the window ends and counting begins again. A sliding window never does. */
  windowEnd?: Date;
  /** The time zone by whose days the window goes: `Asia/Kolkata`. Only of a window with a `period`. */
  timeZone?: string;
  /** The count when the level was crossed, if `count` is by now another one. */
  countAtCrossing?: number;
  /** Consecutive windows over a level, with this one, and when the first of them began. */
  streak?: { windows: number; since: Date };
  /** Who made up the count when the alert is sent, the largest share first; `other` for the rest. Labels come from users. */
  contributors?: { label: string; count: number }[];
  /** Where to read on. */
  link?: string;
  /** The incident that the alert belongs to; absent if the option `incidents` is off. */
  incident?: AlertIncident;
  /** `true`: nothing happened, {@link AlertService.sendTest} sent it. */
  test?: true;
}

/** The part of an incident that an alert reports. */
export type IncidentStatus = 'opened' | 'escalated' | 'reminded' | 'resolved';

/** Consecutive breaches of one tenant in one category, as an alert reports them. */
export interface AlertIncident {
  /** The same in every alert of the incident. */
  id: string;
  /** What this alert is about: the start, a higher level, a reminder or the end. */
  status: IncidentStatus;
  /** Start of the first window that was over a level. */
  startedAt: Date;
  /** How long it has lasted, in milliseconds: to the end of the last window that was over a level, or until now while that runs. */
  lastedMs: number;
  /** The window with the highest count so far. Final only once the incident is resolved. */
  peak: { count: number; windowStart: Date };
  /** What was counted from the first to the last window that was over a level. Final only once the incident is resolved. */
  total: number;
  /** In how many windows a level was crossed so far. */
  windowsOver?: number;
  /** How many windows it has lasted, calm ones included: more than `windowsOver` if the tenant goes over and back again. */
  windows?: number;
  /** The incident ended since the tenant's threshold was raised to this, so that the count is under it; absent if the tenant calmed down. */
  thresholdRaisedTo?: number;
}
