import type { ExecutionContext } from '@nestjs/common';
import type { Cluster, Redis } from 'ioredis';

import type { AlertChannel } from '../model/alert-channel.js';
import type { CounterStore } from '../store/counter-store.js';
import type { Tenant, TenantResolver } from '../model/tenant.js';
import type { ContributorResolver, Period, ThresholdResolver } from '../model/category.js';
import type { AlertLevel } from '../model/level.js';

/** One window of a category: a threshold, and the length of time it applies to. */
export interface WindowOptions {
  /**
   * The count per window that may not be exceeded: a whole number, 0 or more, `Infinity` for no alerts, or a function that returns one.
   * `RATE_MONITOR_THRESHOLD_<CATEGORY>_<WINDOW>` overrides it, such as `RATE_MONITOR_THRESHOLD_LLM_CALL_DAY`.
   */
  threshold: number | ThresholdResolver;
  /**
   * Length of the window in milliseconds, 1,000 to 2,678,400,000 (31 days). Not together with `period`.
   * @defaultValue 60_000
   */
  windowMs?: number | undefined;
  /**
   * A calendar `day`, `week` (from Monday) or `month` instead of `windowMs`, for budgets.
   * @defaultValue none: the window is `windowMs` long
   */
  period?: Period | undefined;
  /**
   * The time zone of `period`, such as `Asia/Kolkata`.
   * @defaultValue 'UTC'
   */
  timeZone?: string | undefined;
  /**
   * `true` counts the last `windowMs`, in steps of a sixth, instead of windows that start at whole multiples of `windowMs`. This also
   * detects a burst across two windows, and costs as much as six short windows. Not together with `period`.
   * @defaultValue false
   */
  sliding?: boolean | undefined;
  /**
   * When to alert, as multiples of the threshold. Each multiple may appear only once.
   * @defaultValue `[{ at: 1, severity: 'warning' }]`
   */
  levels?: AlertLevel[] | undefined;
}

/** One kind of cost and its limits: one window, described here, or several as `windows`. */
export interface CategoryOptions extends Omit<WindowOptions, 'threshold'> {
  /**
   * The count per window that may not be exceeded: a whole number, 0 or more, `Infinity` for no alerts, or a function that returns one.
   * `RATE_MONITOR_THRESHOLD_<CATEGORY>` overrides it, and so does `RATE_MONITOR_THRESHOLD_<CATEGORY>_<WINDOW>`, which wins.
   * @defaultValue required, unless there are `windows`
   */
  threshold?: number | ThresholdResolver | undefined;
  /**
   * Several windows, each with its own threshold and levels, such as a minute and a monthly budget. Not together with `threshold`,
   * `windowMs`, `period`, `timeZone`, `sliding` or `levels`.
   * @defaultValue the one window that the other options describe
   */
  windows?: WindowOptions[] | undefined;
  /**
   * Highest cost of one request, above 0 and 1,000,000,000,000,000 at most, so that a cost taken from a request cannot make a count useless.
   * A higher cost is reduced to this and logged.
   * @defaultValue 1_000_000_000
   */
  maxCost?: number | undefined;
  /**
   * Who requests of this category count against instead of the module's tenant, such as the API key.
   * @defaultValue the module's `tenant`
   */
  tenant?: TenantResolver | undefined;
  /**
   * Who within the tenant made the request, for this category.
   * @defaultValue the module's `contributor`
   */
  contributor?: ContributorResolver | undefined;
  /**
   * Tenants that are counted but never cause an alert in this category.
   * @defaultValue the module's `exempt`
   */
  exempt?: ((tenant: Tenant) => boolean) | undefined;
}

/** How consecutive breaches of a tenant become one incident. */
export interface IncidentOptions {
  /**
   * How long an incident stays silent, in milliseconds (1 or more), before another breach, or a higher count in a long
   * window, sends a reminder.
   * @defaultValue 1_800_000
   */
  remindAfterMs?: number | undefined;
  /**
   * How long after its last window with a breach an incident ends, in milliseconds (1 or more).
   * @defaultValue five windows of the category, at most five minutes, but at least two windows
   */
  resolveAfterMs?: number | undefined;
}

/** How long usage is kept. */
export interface UsageOptions {
  /**
   * How long each tenant's counts per minute are kept, in milliseconds: an hour to 7 days.
   * @defaultValue 86_400_000
   */
  retentionMs?: number | undefined;
  /**
   * How long the highest counts of each hour are kept, in milliseconds: a day to 90 days.
   * @defaultValue 2_592_000_000
   */
  hourlyRetentionMs?: number | undefined;
}

/** How many tenants metrics distinguish. */
export interface MetricsOptions {
  /**
   * How many tenants get their own label, 0 to 1,000: the first that breach, for the lifetime of the process. All others are `other`.
   * @defaultValue 50
   */
  tenants?: number | undefined;
}

/** Options of `RateMonitorModule.forRoot()`. All are optional. */
export interface RateMonitorOptions {
  /**
   * The categories, by snake_case name. They replace the three defaults.
   * @defaultValue `llm_call` above 15 a minute, `collections` and `evaluations` above 3
   */
  categories?: Record<string, CategoryOptions> | undefined;
  /**
   * Who a request counts against.
   * @defaultValue the `project`, `projectId`, `organization`, `organizationId`, `orgId` or `tenantId` of `request.auth`, else of `request.user`
   */
  tenant?: TenantResolver | undefined;
  /**
   * Who within the tenant made the request, to be named in alerts: the user, the model, or an API key through `maskKey`. It must return
   * synchronously. Its result is shown, so never return a whole key.
   * @defaultValue alerts name the tenant only
   */
  contributor?: ContributorResolver | undefined;
  /**
   * Tenants that are counted but never cause an alert, such as your own. A threshold set at run time for exactly that tenant overrides it.
   * @defaultValue no tenant is exempt
   */
  exempt?: ((tenant: Tenant) => boolean) | undefined;
  /**
   * Where to count: an ioredis client or Cluster, or the namespace of a nestjs-redis client. The module opens its own connection with the
   * same settings.
   * @defaultValue the default client of nestjs-redis if the app has it, else this process's memory
   */
  redis?: Redis | Cluster | { namespace: string } | undefined;
  /**
   * Your own store, or `new MemoryCounterStore()` to count in memory even if the app has a nestjs-redis client. The app does not start if
   * `redis` is set too.
   * @defaultValue Redis or memory, depending on `redis`
   */
  store?: CounterStore | undefined;
  /**
   * Name of the app in every alert, 100 characters at most; in a monorepo, set it for each app. `RATE_MONITOR_SERVICE`.
   * @defaultValue the `name` in the app's package.json
   */
  service?: string | undefined;
  /**
   * Where the app runs, such as `production` or `staging`, in every alert; 100 characters at most. `RATE_MONITOR_ENVIRONMENT`.
   * @defaultValue `process.env.NODE_ENV`
   */
  environment?: string | undefined;
  /**
   * Public address of the page of `RateMonitorDashboardModule`, for links in alerts: `https://api.example.com/rate-monitor`.
   * `RATE_MONITOR_PUBLIC_URL`.
   * @defaultValue alerts have no link
   */
  publicUrl?: string | undefined;
  /**
   * Prefix of every Redis key: letters, digits and `_ : . -`. `RATE_MONITOR_KEY_PREFIX`.
   * @defaultValue 'rate_monitor'
   */
  keyPrefix?: string | undefined;
  /**
   * `auto`: a request waits only if it may take its tenant over a level, so the alert precedes the response. `await`: each request waits
   * until it is counted, so a crash loses no counts. `background`: requests never wait. `RATE_MONITOR_COUNTING`.
   * @defaultValue 'auto'
   */
  counting?: 'auto' | 'await' | 'background' | undefined;
  /**
   * How long a request waits at most, in milliseconds, 1 or more. `RATE_MONITOR_WAIT_AT_MOST_MS`.
   * @defaultValue 50
   */
  waitAtMostMs?: number | undefined;
  /**
   * How often totals that no request waits for are published, in milliseconds, 1 to half of the shortest window.
   * `RATE_MONITOR_FLUSH_INTERVAL_MS`.
   * @defaultValue 100
   */
  flushIntervalMs?: number | undefined;
  /**
   * How many tenants an instance tracks at most in each window of a category, 1 or more. Requests of further tenants are not counted, which
   * is logged. `RATE_MONITOR_MAX_TRACKED_TENANTS`.
   * @defaultValue 100_000
   */
  maxTrackedTenants?: number | undefined;
  /**
   * How long the result of a `threshold` function is kept for its tenant, in milliseconds, 1 or more. While the function fails, its last
   * result applies.
   * @defaultValue 60_000
   */
  thresholdTtlMs?: number | undefined;
  /**
   * Where alerts go. `RATE_MONITOR_DISCORD_WEBHOOK_URL` and `RATE_MONITOR_SLACK_WEBHOOK_URL` each add a channel to these.
   * @defaultValue the log, and Sentry if the app has `@sentry/nestjs`
   */
  channels?: AlertChannel[] | undefined;
  /**
   * Consecutive breaches of a tenant in a category are one incident, with alerts when it opens, escalates, continues for long and ends.
   * `RATE_MONITOR_INCIDENTS` turns them on or off, and keeps the times set here.
   * @defaultValue false: one alert per window
   */
  incidents?: boolean | IncidentOptions | undefined;
  /**
   * How many incidents replicas share at most at a time, 1 to 1,000,000. Further ones are sent only by the replica that noticed them, which is
   * logged. `RATE_MONITOR_MAX_OPEN_INCIDENTS`.
   * @defaultValue 10_000
   */
  maxOpenIncidents?: number | undefined;
  /**
   * How long an alert waits for others, in milliseconds, if its channel combines several in one message; 0 to 60,000.
   * `RATE_MONITOR_GROUP_WAIT_MS`.
   * @defaultValue 1_000
   */
  groupWaitMs?: number | undefined;
  /**
   * How long a shutdown waits for alerts that are being sent, in milliseconds, 0 or more. `RATE_MONITOR_SHUTDOWN_FLUSH_MS`.
   * @defaultValue 5_000
   */
  shutdownFlushMs?: number | undefined;
  /**
   * If the store was away for this long, in milliseconds, 1 or more, one replica sends a notice once it is back, with the period and what
   * each instance counted meanwhile. `RATE_MONITOR_BLIND_AFTER_MS`.
   * @defaultValue 30_000
   */
  blindAfterMs?: number | undefined;
  /**
   * How long usage is kept, for the page, advice and `UsageService`. `false` keeps none.
   * @defaultValue a day of minutes and 30 days of hours
   */
  usage?: boolean | UsageOptions | undefined;
  /**
   * Metrics for OpenTelemetry and Sentry, if the app has them.
   * @defaultValue `{ tenants: 50 }`
   */
  metrics?: MetricsOptions | undefined;
  /**
   * Which requests not to count. If it throws, the request is counted, and the error is logged once.
   * @defaultValue every request is counted
   */
  skipIf?: ((context: ExecutionContext) => boolean | Promise<boolean>) | undefined;
  /**
   * `false` counts nothing and opens no connection. `RATE_MONITOR_ENABLED`.
   * @defaultValue true
   */
  enabled?: boolean | undefined;
}

/** What `forRootAsync({ useClass })` and `useExisting` expect. */
export interface RateMonitorOptionsFactory {
  /** Called once, when the app starts. An error stops the boot. */
  createRateMonitorOptions(): RateMonitorOptions | Promise<RateMonitorOptions>;
}
