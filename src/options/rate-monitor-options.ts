import type { ExecutionContext } from '@nestjs/common';
import type { Cluster, Redis } from 'ioredis';

import type { AlertChannel } from '../model/alert-channel.js';
import type { CounterStore } from '../store/counter-store.js';
import type { Tenant, TenantResolver } from '../model/tenant.js';
import type { ContributorResolver, Period, ThresholdResolver } from '../model/category.js';
import type { AlertLevel } from '../model/level.js';

/** One window of a category: how much is too much, and in which time. */
export interface WindowOptions {
  /**
   * The count per window that may not be exceeded: a whole number, 0 or more, `Infinity` for no alerts, or a function that gives one.
   * `RATE_MONITOR_THRESHOLD_<CATEGORY>_<WINDOW>` wins over it, such as `RATE_MONITOR_THRESHOLD_LLM_CALL_DAY`.
   */
  threshold: number | ThresholdResolver;
  /**
   * Length of the window in milliseconds, 1,000 to 2,678,400,000 (31 days). Not beside `period`.
   * @defaultValue 60_000
   */
  windowMs?: number;
  /**
   * A calendar `day`, `week` (from Monday) or `month` in place of `windowMs`: a budget.
   * @defaultValue none: the window is `windowMs` long
   */
  period?: Period;
  /**
   * The time zone of `period`: `Asia/Kolkata`.
   * @defaultValue 'UTC'
   */
  timeZone?: string;
  /**
   * `true`: the last `windowMs` count, in steps of a sixth, instead of windows that begin at whole multiples of `windowMs`. It also
   * notices a burst across the border of two windows, and costs six short windows. Not beside `period`.
   * @defaultValue false
   */
  sliding?: boolean;
  /**
   * The steps at which to alert, as multiples of the threshold, each multiple once.
   * @defaultValue `[{ at: 1, severity: 'warning' }]`
   */
  levels?: AlertLevel[];
}

/** One kind of cost, and what is too much of it: one window, written here, or several as `windows`. */
export interface CategoryOptions extends Partial<WindowOptions> {
  /**
   * The count per window that may not be exceeded: a whole number, 0 or more, `Infinity` for no alerts, or a function that gives one.
   * `RATE_MONITOR_THRESHOLD_<CATEGORY>` wins over it.
   * @defaultValue required, unless there are `windows`
   */
  threshold?: number | ThresholdResolver;
  /**
   * Several windows, each with a threshold and levels of its own, such as a minute and a monthly budget. Not beside `threshold`, `windowMs`,
   * `period`, `timeZone`, `sliding` or `levels`.
   * @defaultValue the one window that the other options describe
   */
  windows?: WindowOptions[];
  /**
   * The most that one request counts, above 0, so that a cost taken from a request cannot make a count useless. A higher cost counts as
   * this much, and the log reports it.
   * @defaultValue 1_000_000_000
   */
  maxCost?: number;
  /**
   * Whom this category counts against, if that is not the tenant of the others, such as the API key.
   * @defaultValue the module's `tenant`
   */
  tenant?: TenantResolver;
  /**
   * Who within the tenant makes up its count in this category.
   * @defaultValue the module's `contributor`
   */
  contributor?: ContributorResolver;
  /**
   * Tenants that are counted and never alerted on in this category.
   * @defaultValue the module's `exempt`
   */
  exempt?: (tenant: Tenant) => boolean;
}

/** How consecutive breaches of a tenant become one incident. */
export interface IncidentOptions {
  /**
   * How long an incident is silent, in milliseconds (1 or more), before a further breach sends a reminder.
   * @defaultValue 1_800_000
   */
  remindAfterMs?: number;
  /**
   * How long after the last window with a breach an incident is over, in milliseconds (1 or more).
   * @defaultValue two windows of the category
   */
  resolveAfterMs?: number;
}

/** How long usage is kept. */
export interface UsageOptions {
  /**
   * How long each tenant's count of each minute is kept, in milliseconds, an hour to 7 days.
   * @defaultValue 86_400_000
   */
  retentionMs?: number;
  /**
   * How long the highest counts of each hour are kept, in milliseconds, a day to 90 days.
   * @defaultValue 2_592_000_000
   */
  hourlyRetentionMs?: number;
}

/** How many tenants metrics distinguish. */
export interface MetricsOptions {
  /**
   * How many tenants get a label of their own: the first that breach, for the life of the process. All others are `other`. 0 to 1,000.
   * @defaultValue 50
   */
  tenants?: number;
}

/** Options of `RateMonitorModule.forRoot()`; all of them have a default. */
export interface RateMonitorOptions {
  /**
   * The categories, by their snake_case names. Given, they replace the three defaults.
   * @defaultValue `llm_call` above 15 a minute, `collections` and `evaluations` above 3
   */
  categories?: Record<string, CategoryOptions>;
  /**
   * Whom a request counts against.
   * @defaultValue the `project`, else the `organization`, of `request.auth`, else of `request.user`
   */
  tenant?: TenantResolver;
  /**
   * Who within the tenant makes up its count, for alerts to name: the user, the model, or an API key through `maskKey`. It answers at once;
   * what it gives is shown, so never a whole key.
   * @defaultValue alerts name the tenant only
   */
  contributor?: ContributorResolver;
  /**
   * Tenants that are counted and never alerted on, such as your own. A threshold that is set for exactly that tenant while the app runs wins.
   * @defaultValue no tenant is exempt
   */
  exempt?: (tenant: Tenant) => boolean;
  /**
   * Where to count: an ioredis client or Cluster, or the namespace of one that nestjs-redis keeps. The module opens a connection of
   * its own with the same settings.
   * @defaultValue the default client of nestjs-redis if the app has it, else this process's memory
   */
  redis?: Redis | Cluster | { namespace: string };
  /**
   * Your own store, in place of Redis and memory. With `redis` beside it the app does not start.
   * @defaultValue Redis or memory, depending on `redis`
   */
  store?: CounterStore;
  /**
   * Name of the app, in every alert, so that a reader knows which of several it is about; 100 characters at most. `RATE_MONITOR_SERVICE`.
   * @defaultValue the `name` in the app's package.json
   */
  service?: string;
  /**
   * Where the app runs, `production` or `staging`, in every alert; 100 characters at most. `RATE_MONITOR_ENVIRONMENT`.
   * @defaultValue `process.env.NODE_ENV`
   */
  environment?: string;
  /**
   * Address under which people reach the page of `RateMonitorDashboardModule`, for links in alerts: `https://api.example.com/rate-monitor`.
   * `RATE_MONITOR_PUBLIC_URL`.
   * @defaultValue alerts have no link
   */
  publicUrl?: string;
  /**
   * What every Redis key begins with: letters, digits and `_ : . -`. `RATE_MONITOR_KEY_PREFIX`.
   * @defaultValue 'rate_monitor'
   */
  keyPrefix?: string;
  /**
   * `auto`: a request waits only if it may take its tenant over a level, so its alert is out before its response. `await`: each request waits
   * until it is counted, which also survives a crash. `background`: none ever waits. `RATE_MONITOR_COUNTING`.
   * @defaultValue 'auto'
   */
  counting?: 'auto' | 'await' | 'background';
  /**
   * The longest that a request is held, in milliseconds, 1 or more. `RATE_MONITOR_WAIT_AT_MOST_MS`.
   * @defaultValue 50
   */
  waitAtMostMs?: number;
  /**
   * How often totals are published for which nobody waits, in milliseconds, 1 or more. `RATE_MONITOR_FLUSH_INTERVAL_MS`.
   * @defaultValue 100
   */
  flushIntervalMs?: number;
  /**
   * The most tenants this instance tracks in each window of a category, 1 or more. Beyond it requests pass uncounted, and the log reports it.
   * `RATE_MONITOR_MAX_TRACKED_TENANTS`.
   * @defaultValue 100_000
   */
  maxTrackedTenants?: number;
  /**
   * How long the answer of a `threshold` function holds for its tenant, in milliseconds, 1 or more. While the function fails, its last
   * good answer holds.
   * @defaultValue 60_000
   */
  thresholdTtlMs?: number;
  /**
   * Where alerts go. `RATE_MONITOR_DISCORD_WEBHOOK_URL` and `RATE_MONITOR_SLACK_WEBHOOK_URL` each add a channel to these.
   * @defaultValue the log, and Sentry if the app has `@sentry/nestjs`
   */
  channels?: AlertChannel[];
  /**
   * Consecutive breaches of a tenant in a category are one incident. Channels hear when it opens, escalates, continues for long, and ends.
   * `RATE_MONITOR_INCIDENTS`.
   * @defaultValue false: one alert per window
   */
  incidents?: boolean | IncidentOptions;
  /**
   * How long an alert waits for others, in milliseconds, if its channel sends several as one message; 0 for not at all, 60,000 at most.
   * `RATE_MONITOR_GROUP_WAIT_MS`.
   * @defaultValue 1_000
   */
  groupWaitMs?: number;
  /**
   * How long a shutdown waits for alerts that are on their way, in milliseconds, 0 or more. `RATE_MONITOR_SHUTDOWN_FLUSH_MS`.
   * @defaultValue 5_000
   */
  shutdownFlushMs?: number;
  /**
   * How long usage is kept, for the page, advice and `UsageService`. `false`: no usage is kept.
   * @defaultValue a day of minutes and 30 days of hours
   */
  usage?: boolean | UsageOptions;
  /**
   * Metrics for OpenTelemetry and Sentry, if the app has them.
   * @defaultValue `{ tenants: 50 }`
   */
  metrics?: MetricsOptions;
  /**
   * Requests that are not counted. If it throws, the request is counted and the log reports it once.
   * @defaultValue every request is counted
   */
  skipIf?: (context: ExecutionContext) => boolean | Promise<boolean>;
  /**
   * `false`: nothing is counted, nothing is connected to. `RATE_MONITOR_ENABLED`.
   * @defaultValue true
   */
  enabled?: boolean;
}

/** What `forRootAsync({ useClass })` and `useExisting` expect. */
export interface RateMonitorOptionsFactory {
  createRateMonitorOptions(): RateMonitorOptions | Promise<RateMonitorOptions>;
}
