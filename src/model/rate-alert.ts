import type { Route } from './route.js';
import type { Tenant } from './tenant.js';
import type { AlertLevel } from './level.js';

/** An alert about a breach: who, where, how much, since when. */
export interface RateAlert {
  /** Identifies the alert: the same for retries and replicas, different for each alert of an incident. */
  id?: string;
  /** Name of the app that sends it: the option `service`, or the name in its package.json. */
  service?: string;
  /** Where the app runs: `production`. */
  environment?: string;
  /** Name of the category. */
  category: string;
  /** The tenant, as the resolver returned it. */
  tenant: Tenant;
  /** Requests, or their cost, in the window so far. Above `threshold` times `level.at`, not always by one. */
  count: number;
  /** The count that may not be exceeded. */
  threshold: number;
  /** The level that was crossed. */
  level: AlertLevel;
  /** When the window began. */
  windowStart: Date;
  /** Length of the window in milliseconds. */
  windowMs: number;
  /** Route of the request that crossed the level, if this instance knows it; absent if it was counted outside a request. */
  route?: Route;
  /** `all`: the count of all instances. `instance`: the store was away and this instance counted alone, so the true count is this or more. */
  countedBy: 'all' | 'instance';
  /** Name of the category's window, if the category has several: `day`. */
  window?: string;
  /** When the window ends and counting restarts; absent for a sliding window. */
  windowEnd?: Date;
  /** Time zone of a window with a `period`: `Asia/Kolkata`. */
  timeZone?: string;
  /** The count when the level was crossed, if `count` is different by now. */
  countAtCrossing?: number;
  /** Consecutive windows over a level, including this one, and when the first of them began. */
  streak?: { windows: number; since: Date };
  /** Who made up the count when the alert is sent, largest first; `other` is the rest. Labels come from users. */
  contributors?: { label: string; count: number }[];
  /** Address of a page about it. */
  link?: string;
  /** The incident that the alert belongs to; absent if the option `incidents` is off. */
  incident?: AlertIncident;
  /** `true`: a test alert from {@link AlertService.sendTest}; nothing happened. */
  test?: true;
}

/** What an alert reports about its incident. */
export type IncidentStatus = 'opened' | 'escalated' | 'reminded' | 'resolved';

/** Consecutive breaches of one tenant in one category, as an alert reports them. */
export interface AlertIncident {
  /** The same in every alert of the incident. */
  id: string;
  /** Whether this alert reports the start, a higher level, a reminder or the end. */
  status: IncidentStatus;
  /** Start of the first window that was over a level; in windows longer than a minute, when the level was crossed. */
  startedAt: Date;
  /** How long it has lasted, in milliseconds: to the end of the last window over a level, or until now if that window is running. */
  lastedMs: number;
  /** The window with the highest count so far. Final only once the incident is resolved. */
  peak: { count: number; windowStart: Date };
  /** The sum of all counts from the first to the last window over a level. Final only once the incident is resolved. */
  total: number;
  /** `true`: the store lost the counts of a window before they were read, so that `peak` and `total` are at least this high. */
  isPartial?: true;
  /** In how many windows a level was crossed so far. */
  windowsOver?: number;
  /** How many windows it has lasted, including those that were not over: more than `windowsOver` if the tenant comes and goes. */
  windows?: number;
  /** The new threshold, if the incident ended because the threshold was raised above the count; absent if the tenant calmed down, or has no limit any more. */
  thresholdRaisedTo?: number;
}
