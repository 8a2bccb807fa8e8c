import type { Route } from './route.js';
import type { Tenant } from './tenant.js';
import type { AlertLevel } from './level.js';
import type { AlertIncident } from './alert-incident.js';

/** What is told about a breach: who, where, how much, since when. */
export interface RateAlert {
  category: string;
  /** As the resolver gave it. */
  tenant: Tenant;
  /** Requests (or cost) seen in the window when the breach was noticed: above `threshold`, not always by one. */
  count: number;
  /** The count that may not be exceeded. */
  threshold: number;
  /** The level that was reached. */
  level: AlertLevel;
  windowStart: Date;
  /** Length of the window in milliseconds. */
  windowMs: number;
  /** Where the request went that crossed it, as far as this instance saw it; absent where it was counted outside a request. */
  route?: Route;
  /** `instance`: the store was away, and this instance counted alone; the true count is this or more. */
  countedBy: 'all' | 'instance';
  /** What the alert is to its incident; absent where the option `incidents` is off. */
  incident?: AlertIncident;
  /** `true`: nothing happened, {@link AlertService.sendTest} sent it. */
  test?: true;
}
