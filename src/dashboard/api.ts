import type { Severity } from '../model/level.js';

/*
 * The JSON behind the page. It can be used on its own: `<path>/api/...` returns the types below, and `openapi.json` describes them.
 * All times are milliseconds since the epoch by the store's clock; all lengths are in milliseconds. Absent fields are unknown or do not apply.
 * Names and ids come from users: treat them as plain text.
 * The schemas of `openapi.json` are generated from these types and comments: run `node scripts/api-schemas.mjs --write` after a change.
 */

/** How many tenants of a window are read: this many of the busiest, and as many of those nearest to their threshold. */
export const MAX_TOP = 200;
/** How many open incidents are listed. */
export const MAX_INCIDENTS = 500;

/** A tenant as the page shows it: the counted id and the last known name. */
export interface PageTenant {
  id: string;
  name?: string;
}

/** Counts at equal steps, oldest first. `counts[i]` covers the step that starts at `start + i * stepMs`; 0 means nothing was counted. */
export interface Series {
  start: number;
  stepMs: number;
  counts: number[];
}

/** A level of a category, and the count above which it is reached. */
export interface PageLevel {
  /** A multiple of the threshold. */
  at: number;
  severity: Severity;
  /** Reached by a count above this. */
  count: number;
}

/** State of an alert in one channel. */
export interface PageDelivery {
  /** Name of the channel. */
  channel: string;
  /**
   * - `sent`        the channel confirmed it
   * - `waiting`     not sent yet, or to be retried at `retryAt`
   * - `failed`      no more retries
   * - `suppressed`  a mute held it back
   */
  status: 'sent' | 'waiting' | 'failed' | 'suppressed';
  /** Earliest time of the next attempt, if it waits after a failure. */
  retryAt?: number;
  attempts?: number;
  /** Why it was not sent; never contains an address or a key. */
  reason?: string;
}

/** An active mute. Without a tenant it applies to every tenant, without a category to every category. */
export interface PageMute {
  category?: string;
  tenant?: PageTenant;
  until: number;
  reason: string;
  /** Who set it, if known: the name returned by `authorize`, or passed by code. */
  by?: string;
  /** Alerts held back so far. */
  heldBack: number;
}

/** One tenant in the current window of one category. */
export interface TenantRow {
  category: string;
  /** Name of the category's window; empty if the category has one window. */
  window: string;
  windowMs: number;
  windowStart: number;
  /** Absent for a sliding window. */
  windowEnd?: number;
  tenant: PageTenant;
  /** The count of all instances in the running window. */
  count: number;
  threshold: number;
  /** Ascending. */
  levels: PageLevel[];
  /** `count / threshold`. */
  ratio: number;
  /** Severity of the highest level reached; absent below the first. */
  severity?: Severity;
  /** Share of the category's total in this window, 0 to 1. */
  share: number;
  /** Start of the first consecutive window over the threshold; for one longer than a minute, when its alert was raised. Absent if it is not over. */
  since?: number;
  /**
   * The last hour of the category's shortest window, one count per minute, the current minute last. If that window is longer than a minute,
   * these are its running counts at each minute.
   */
  hour: Series;
  /** The threshold for the counts of `hour`; absent if this row is for another window, or has no threshold. */
  hourThreshold?: number;
  /** Known contributors to the count, largest first. */
  contributors?: { label: string; count: number }[];
  /** Channels that were sent the current breach or its open incident; empty if none. */
  told: PageDelivery[];
  /** The mute that applies to this tenant in this category. */
  mute?: PageMute;
}

/** A running process that counts requests. */
export interface PageInstance {
  id: string;
  service: string;
  environment: string;
  /** Version of this package in that process. */
  version: string;
  host: string;
  pid: number;
  startedAt: number;
  lastSeen: number;
  /** Requests counted per second since the last heartbeat. Heartbeats are ten seconds apart. */
  perSecond: number;
  /** Requests not counted since the process started. */
  uncounted: number;
  /** True for the instance that sent this response. */
  self: boolean;
}

/** A channel as seen by the responding instance. */
export interface PageChannel {
  name: string;
  /** False if the channel rejects messages; it is then probed until it accepts them. */
  on: boolean;
  /** Why the channel is off; never contains an address. */
  reason?: string;
  /** When it went off. */
  offSince?: number;
  /** When it will be retried. */
  retryAt?: number;
  /** Alerts waiting for it in this instance. */
  queued: number;
}

/** Summary of a category. */
export interface CategorySummary {
  name: string;
  /** One or more windows; charts show the first. */
  windows: {
    /** Empty if the category has one window. */
    name: string;
    windowMs: number;
    /** Absent if each tenant has its own. */
    threshold?: number;
    levels: { at: number; severity: Severity }[];
  }[];
  /** Total of the current minute. */
  total: number;
  /** Tenants seen in the last 24 hours, or in the time that history is kept if that is shorter. */
  tenants: number;
  /** Environment variable for the threshold of the first window: `RATE_MONITOR_THRESHOLD_LLM_CALL`; if there are several, the one that wins. */
  variable: string;
}

/** Consecutive breaches of one tenant in one category. */
export interface PageIncident {
  id: string;
  category: string;
  window: string;
  tenant: PageTenant;
  severity: Severity;
  startedAt: number;
  lastedMs: number;
  peak: { count: number; at: number };
  total: number;
  /** The store lost some of the counts, so peak and total are at least this high. */
  isPartial?: true;
  threshold: number;
  /** Absent while it is open. */
  resolvedAt?: number;
  told: PageDelivery[];
}

/** One alert and its state in each channel. */
export interface PageAlert {
  id: string;
  at: number;
  category: string;
  window: string;
  tenant: PageTenant;
  count: number;
  threshold: number;
  severity: Severity;
  /** The multiple of the threshold that was reached. */
  levelAt: number;
  /** `opened`, `escalated`, `reminded`, `resolved`; absent without incidents. */
  status?: 'opened' | 'escalated' | 'reminded' | 'resolved';
  lastedMs?: number;
  peak?: number;
  total?: number;
  /** The store lost some of the counts, so peak and total are at least this high. */
  isPartial?: true;
  /** `POST /projects/:id/evaluations`, if known. */
  route?: string;
  /** Known contributors to the count of that window, largest first. */
  contributors?: { label: string; count: number }[];
  told: PageDelivery[];
  test?: true;
}

/** A monitored handler. */
export interface PageHandler {
  /** `EvaluationsController.create` */
  handler: string;
  categories: string[];
  /** Whether this process has counted a request with a tenant here. */
  seen: boolean;
}

/** Storage used, as an estimate. */
export interface PageStorage {
  /** Bytes of history and live tops, sampled; absent if the store does not report them. */
  bytes?: number;
  /** Tenants with history. */
  tenants: number;
  retentionMs: number;
  hourlyRetentionMs: number;
}

/**
 * `GET api/overview`: everything on the start page. It has an `ETag`: with `If-None-Match`, the response is 304 while nothing has changed.
 */
export interface Overview {
  now: number;
  service: string;
  environment: string;
  /** Version of this package. */
  version: string;
  /** The user's name, as returned by `authorize`. */
  who?: string;
  /** `blind`: the store is away, and counts are those of this instance only. */
  state: 'calm' | 'over' | 'blind';
  /** Tenants over a threshold now; from 200 on, there may be more. */
  over: number;
  /** When the store went away. */
  blindSince?: number;
  store: { name: string; up: boolean };
  instances: PageInstance[];
  /** When the other instances were last read from the store; absent if they were read for this response. */
  instancesReadAt?: number;
  /** Uncounted requests of all live instances. */
  uncounted: number;
  channels: PageChannel[];
  categories: CategorySummary[];
  /** Tenants at half of a threshold or more, worst first, 20 at most. Includes muted tenants. */
  rows: TenantRow[];
  /** How many more such tenants are known; from 180 on, there may be more. */
  moreRows: number;
  /** Open incidents, worst first; the 500 latest if there are more. */
  incidents: PageIncident[];
  /** Alerts of the last 24 hours, newest first, 50 at most. */
  alerts: PageAlert[];
  mutes: PageMute[];
  /** Absent if `usage` is off. There are then no rows beyond the live top, no history and no advice. */
  storage?: PageStorage;
  /** Monitored handlers and whether they have seen a tenant, to show before there are any tenants. */
  handlers: PageHandler[];
  /** Whether thresholds can be set from the page. */
  canSetThreshold: boolean;
  /** What is left out because it cannot be read: `usage of llm_call`. The log says why. Absent if nothing is. */
  unread?: string[];
}

/** A threshold that was set at run time. */
export interface PageOverride {
  /** If absent, there are no alerts. */
  threshold?: number;
  /** If absent, it lasts until it is removed. */
  until?: number;
  by: string;
  reason: string;
  since: number;
}

/** One change of a threshold at run time. */
export interface PageThresholdChange {
  at: number;
  category: string;
  window: string;
  /** An id, or a prefix followed by `*`. If absent, every tenant. */
  tenant?: string;
  by: string;
  reason: string;
  /** The previous value; absent if none was set, null for no alerts. */
  from?: number | null;
  /** The new value; absent if it was removed, null for no alerts. */
  to?: number | null;
  until?: number;
}

/** `GET api/thresholds`: thresholds set at run time, and the latest 200 changes, newest first. */
export interface ThresholdsAnswer {
  now: number;
  thresholds: (PageOverride & Pick<PageThresholdChange, 'category' | 'window' | 'tenant'>)[];
  changes: PageThresholdChange[];
}

/** `GET api/tenants?category=&search=`: tenants by part of their id or name, worst first, 50 at most. Both are optional. */
export interface TenantsAnswer {
  now: number;
  rows: TenantRow[];
  /** How many more there are at least. */
  more: number;
  /** As in the overview. */
  unread?: string[];
}

/** `GET api/tenant?category=&tenant=`: one tenant in one category. An unknown tenant has zeros, not a 404. */
export interface TenantAnswer {
  now: number;
  /** One for each window of the category. */
  rows: TenantRow[];
  /** Last 24 hours, one count a minute. */
  day: Series;
  /** Highest count of each hour in which the tenant was among the top 100, up to 30 days back, oldest first. */
  hourlyPeaks: { at: number; count: number }[];
  incidents: PageIncident[];
  alerts: PageAlert[];
  /** Thresholds set for this tenant only. */
  override?: PageOverride;
  /** As in the overview. */
  unread?: string[];
}

/** `GET api/category?category=`: one category over the last 24 hours. */
export interface CategoryAnswer {
  now: number;
  category: CategorySummary;
  /** Totals of all tenants, one a minute, 24 hours. */
  totals: Series;
  /** Alerts to mark in the chart. */
  alerts: { at: number; tenant: PageTenant; severity: Severity }[];
  /** Tenants with the highest minute first, 200 at most. */
  tenants: { tenant: PageTenant; peak: number; total: number; threshold: number }[];
  /** Number of active tenants. `tenants` has the first of them. */
  active: number;
  advice: Advice;
  /** Thresholds set for every tenant of the category. */
  override?: PageOverride;
  /** As in the overview. */
  unread?: string[];
}

/** `GET api/advice?category=&over=&at=`: threshold advice from the history of `over` (default 24 h); `at` adds a candidate. */
export interface Advice {
  category: string;
  window: string;
  windowMs: number;
  from: number;
  to: number;
  /** Absent if each tenant has its own. */
  threshold?: number;
  /** Percentiles of the counts per tenant and window, without zeros. */
  percentiles: { p50: number; p95: number; p99: number; max: number };
  /** Windows with at least one request, over all tenants. */
  samples: number;
  /**
   * The whole curve: ascending thresholds from 1; the numbers of an entry apply up to the next entry. Empty if nothing was counted.
   * For any threshold, use the last entry whose `threshold` is not above it.
   */
  curve: AdviceStep[];
  /** The current threshold, the suggestion, the requested `at` and a few round numbers, with the tenants they would have alerted on. */
  candidates: AdviceCandidate[];
  suggestion?: { threshold: number; reason: string };
  /** Tenants that exceed the current threshold most of the time, and should have a threshold of their own. */
  alwaysOver: { tenant: PageTenant; windowsOver: number; windows: number; p95: number }[];
}

/** How often a threshold would have alerted: one alert per tenant and window over it. */
export interface AdviceStep {
  threshold: number;
  alerts: number;
  tenants: number;
}

/** A possible threshold, with the tenants it would have alerted on. */
export interface AdviceCandidate extends AdviceStep {
  /** The tenants with the most alerts, 10 at most. */
  whom: { tenant: PageTenant; alerts: number }[];
}

/** `POST api/mute`. Without a tenant, mutes every tenant of the category; without a category, every category. */
export interface MuteRequest {
  category?: string;
  tenant?: string;
  /** Up to 30 days. */
  forMs: number;
  /** 1 to 200 characters. */
  reason: string;
}

export interface MuteAnswer {
  mute: PageMute;
}

/** `POST api/unmute`: the same scope as the mute. */
export interface UnmuteRequest {
  category?: string;
  tenant?: string;
}

export interface UnmuteAnswer {
  /** Whether there was such a mute. */
  unmuted: boolean;
}

/** `POST api/test` with `{}`: sends a test alert through every channel and waits for the results. */
export interface TestAnswer {
  channels: { name: string; status: 'sent' | 'failed'; reason?: string }[];
}

/** `POST api/threshold`. `threshold: null` removes it. */
export interface ThresholdRequest {
  category: string;
  /** An id, or a prefix followed by `*`. If absent, the whole category. */
  tenant?: string;
  /** Name of the category's window. If absent, the shortest. */
  window?: string;
  /** A whole number. */
  threshold: number | null;
  /** If absent, it lasts until it is removed. */
  forMs?: number;
  reason?: string;
}

export interface ThresholdAnswer {
  category: string;
  tenant?: string;
  /** The threshold that applies now; absent if each tenant has its own, or if there are no alerts. */
  threshold?: number;
  until?: number;
}

/** Any other response: 400 bad request, 403 not allowed, 404 unknown category, 415 not JSON, 503 store away. */
export interface ErrorAnswer {
  error: string;
}
