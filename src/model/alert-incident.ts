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
  /** How long it has lasted, in milliseconds: to the end of the last window that was over a level. */
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
