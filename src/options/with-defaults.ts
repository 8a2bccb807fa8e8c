import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { defaultTenantResolver } from './tenant-resolvers.js';
import type {
  CategoryOptions,
  IncidentOptions,
  MetricsOptions,
  RateMonitorOptions,
  UsageOptions,
  WindowOptions,
} from './rate-monitor-options.js';
import type { Category, CategoryWindow } from '../model/category.js';
import { DEFAULT_TIMING, type IncidentTiming } from '../model/incident-timing.js';
import { calendarSpans, fixedSpans, PERIOD_MS, SLIDING_PARTS, slidingSpans } from '../model/window-spans.js';
import { DEFAULT_WINDOW_MS, windowName } from '../model/window-name.js';

/** The options with all defaults filled in. */
export interface CompleteOptions {
  readonly enabled: boolean;
  readonly categories: ReadonlyMap<string, Category>;
  /** Name of the app, in every alert; undefined if unknown. */
  readonly service: string | undefined;
  readonly environment: string | undefined;
  readonly publicUrl: string | undefined;
  readonly keyPrefix: string;
  readonly counting: 'auto' | 'await' | 'background';
  readonly waitAtMostMs: number;
  readonly flushIntervalMs: number;
  readonly maxTrackedTenants: number;
  readonly maxOpenIncidents: number;
  readonly thresholdTtlMs: number;
  readonly skipIf: RateMonitorOptions['skipIf'];
  readonly store: RateMonitorOptions['store'];
  readonly redis: RateMonitorOptions['redis'];
  readonly channels: RateMonitorOptions['channels'];
  /** Undefined if off. */
  readonly incidents: IncidentTiming | undefined;
  readonly groupWaitMs: number;
  readonly shutdownFlushMs: number;
  readonly blindAfterMs: number;
  /** Undefined if off. */
  readonly usage: Required<UsageOptions> | undefined;
  readonly metrics: Required<MetricsOptions>;
}

export const DEFAULT_FLUSH_INTERVAL_MS = 100;

/** More than this many requests a minute raise an alert. */
export const DEFAULT_CATEGORIES: Readonly<Record<string, CategoryOptions>> = {
  llm_call: { threshold: 15 },
  collections: { threshold: 3 },
  evaluations: { threshold: 3 },
};

/**
 * Fills in the defaults; `options` are valid.
 *
 * @param variables - The variable that sets a window's threshold, by the window's path.
 */
export function withDefaults(options: RateMonitorOptions, variables: ReadonlyMap<string, string>): CompleteOptions {
  const { categories = DEFAULT_CATEGORIES, tenant = defaultTenantResolver, contributor, exempt } = options;
  const complete = Object.entries(categories).map(([name, category]) =>
    completeCategory(name, category, { tenant, contributor, exempt }, variables),
  );
  const { incidents = false, usage = true } = options;
  return Object.freeze({
    enabled: options.enabled ?? true,
    categories: new Map(complete.map((category) => [category.name, category])),
    service: options.service ?? appName(),
    environment: options.environment ?? (process.env.NODE_ENV || undefined),
    publicUrl: options.publicUrl,
    keyPrefix: options.keyPrefix ?? 'rate_monitor',
    counting: options.counting ?? 'auto',
    waitAtMostMs: options.waitAtMostMs ?? 50,
    flushIntervalMs: options.flushIntervalMs ?? DEFAULT_FLUSH_INTERVAL_MS,
    maxTrackedTenants: options.maxTrackedTenants ?? 100_000,
    maxOpenIncidents: options.maxOpenIncidents ?? 10_000,
    thresholdTtlMs: options.thresholdTtlMs ?? 60_000,
    skipIf: options.skipIf,
    store: options.store,
    redis: options.redis,
    channels: options.channels,
    incidents: incidents ? completeIncidents(Object(incidents) as IncidentOptions) : undefined,
    groupWaitMs: options.groupWaitMs ?? 1_000,
    shutdownFlushMs: options.shutdownFlushMs ?? 5_000,
    blindAfterMs: options.blindAfterMs ?? 30_000,
    usage: usage ? completeUsage(Object(usage) as UsageOptions) : undefined,
    metrics: { tenants: options.metrics?.tenants ?? 50 },
  });
}

function completeUsage({
  retentionMs = 86_400_000,
  hourlyRetentionMs = 2_592_000_000,
}: UsageOptions): Required<UsageOptions> {
  return Object.freeze({ retentionMs, hourlyRetentionMs });
}

function completeIncidents({
  remindAfterMs = DEFAULT_TIMING.remindAfterMs,
  resolveAfterMs = DEFAULT_TIMING.resolveAfterMs,
}: IncidentOptions): IncidentTiming {
  return Object.freeze({ remindAfterMs, resolveAfterMs });
}

function completeCategory(
  name: string,
  options: CategoryOptions,
  ofModule: Pick<Category, 'tenant' | 'contributor' | 'exempt'>,
  variables: ReadonlyMap<string, string>,
): Category {
  const { threshold: only = Infinity, maxCost = 1e9 } = options;
  const { tenant = ofModule.tenant, contributor = ofModule.contributor, exempt = ofModule.exempt } = options;
  const several = options.windows ?? [{ ...options, threshold: only }];
  const windows = several.map((window, i) => {
    const variable = variables.get(`categories.${name}${options.windows ? `.windows[${i}]` : ''}`);
    return completeWindow(window, several.length > 1, variable);
  });
  return Object.freeze({ name, windows: Object.freeze(windows), maxCost, tenant, contributor, exempt });
}

function completeWindow(options: WindowOptions, isOneOfSeveral: boolean, variable = ''): CategoryWindow {
  const { threshold, period, windowMs = DEFAULT_WINDOW_MS, timeZone = 'UTC', sliding = false } = options;
  const { levels = [{ at: 1, severity: 'warning' }] } = options;
  const lengthName = windowName(options);
  const name = isOneOfSeveral ? lengthName : '';
  const common = { name, lengthName, variable, threshold, levels: [...levels].sort((a, b) => a.at - b.at) };
  if (period) {
    const spanAt = calendarSpans(period, timeZone);
    return Object.freeze({ ...common, windowMs: PERIOD_MS[period], spanAt, timeZone });
  }
  if (!sliding) return Object.freeze({ ...common, windowMs, spanAt: fixedSpans(windowMs) });
  return Object.freeze({ ...common, windowMs, spanAt: slidingSpans(windowMs), parts: SLIDING_PARTS });
}

/** The name in the app's package.json, read from the working directory; undefined if there is none. */
function appName(): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(join(process.cwd(), 'package.json'), 'utf8')) as { name?: unknown };
    return typeof name === 'string' && name !== '' ? name.slice(0, 100) : undefined;
  } catch {
    return undefined;
  }
}
