import type { AlertRecord } from '../alert/history-entry.js';
import type { Mute } from '../alert/mutes.js';
import type { Category } from '../model/category.js';
import type { AlertIncident } from '../model/rate-alert.js';
import type { ThresholdChange, ThresholdOverride } from '../model/threshold-override.js';
import { baseWindow } from '../usage/usage-units.js';
import type { CategoryAdvice, UsageSeries } from '../usage/usage-reader.js';
import type {
  Advice,
  PageAlert,
  PageDelivery,
  PageIncident,
  PageMute,
  PageOverride,
  PageTenant,
  PageThresholdChange,
  Series,
} from './api.js';

export function toSeries({ start, stepMs, counts }: UsageSeries): Series {
  return { start: start.getTime(), stepMs, counts };
}

export function tenantOf({ tenant: { id, name } }: AlertRecord['alert']): PageTenant {
  return name === undefined ? { id } : { id, name };
}

const STATUS = {
  queued: 'waiting',
  retried: 'waiting',
  delivered: 'sent',
  failed: 'failed',
  suppressed: 'suppressed',
} as const;

export function deliveriesOf({ channels }: AlertRecord): PageDelivery[] {
  return Object.entries(channels).map(([channel, { status, attempts, reason, retryAt }]) => ({
    channel,
    status: STATUS[status],
    attempts,
    ...(retryAt ? { retryAt: retryAt.getTime() } : {}),
    ...(reason === undefined ? {} : { reason }),
  }));
}

export function toPageAlert(record: AlertRecord): PageAlert {
  const { alert } = record;
  const { incident, route } = alert;
  return {
    id: record.id,
    at: record.raisedAt.getTime(),
    category: alert.category,
    window: alert.window ?? '',
    tenant: tenantOf(alert),
    count: alert.count,
    threshold: alert.threshold,
    severity: alert.level.severity,
    levelAt: alert.level.at,
    ...(incident
      ? {
          status: incident.status,
          lastedMs: incident.lastedMs,
          peak: incident.peak.count,
          ...totalOf(incident),
        }
      : {}),
    ...(route ? { route: `${route.method} ${route.path}` } : {}),
    ...(alert.contributors ? { contributors: alert.contributors } : {}),
    told: deliveriesOf(record),
    ...(alert.test ? { test: true as const } : {}),
  };
}

function totalOf({ total, isPartial }: AlertIncident): Pick<PageIncident, 'total' | 'isPartial'> {
  return { total, ...(isPartial ? { isPartial } : {}) };
}

export function endOf({ windowStart, windowMs }: AlertRecord['alert']): number {
  return windowStart.getTime() + windowMs;
}

export function hasOpenIncident({ incident }: AlertRecord['alert']): boolean {
  return incident !== undefined && incident.status !== 'resolved';
}

/** The newest record of each incident, worst first. */
export function incidentsOf(alerts: readonly AlertRecord[]): PageIncident[] {
  const newest = new Map<string, PageIncident>();
  for (const record of alerts) {
    const { alert } = record;
    const { incident } = alert;
    if (!incident || newest.has(incident.id)) continue;
    const end = incident.startedAt.getTime() + incident.lastedMs;
    newest.set(incident.id, {
      id: incident.id,
      category: alert.category,
      window: alert.window ?? '',
      tenant: tenantOf(alert),
      severity: alert.level.severity,
      startedAt: incident.startedAt.getTime(),
      lastedMs: incident.lastedMs,
      peak: { count: incident.peak.count, at: incident.peak.windowStart.getTime() },
      ...totalOf(incident),
      threshold: alert.threshold,
      ...(incident.status === 'resolved' ? { resolvedAt: end } : {}),
      told: deliveriesOf(record),
    });
  }
  return [...newest.values()].sort(
    (a, b) => b.peak.count / Math.max(b.threshold, 1) - a.peak.count / Math.max(a.threshold, 1),
  );
}

/** A mute as the page shows it. */
export function toPageMute({ tenant, category, until, reason, by, heldBack }: Mute): PageMute {
  return {
    ...(category === undefined ? {} : { category }),
    ...(tenant === undefined ? {} : { tenant: { id: tenant } }),
    until: until.getTime(),
    reason,
    heldBack,
    ...(by === undefined ? {} : { by }),
  };
}

/** Omits a threshold that cannot be exceeded, because JSON has no infinity. */
export function shown(threshold: number | undefined): number | undefined {
  return threshold === Infinity ? undefined : threshold;
}

export function toOverride({ threshold, until, by, reason, since }: ThresholdOverride): PageOverride {
  const value = shown(threshold);
  return {
    ...(value === undefined ? {} : { threshold: value }),
    ...(until ? { until: until.getTime() } : {}),
    by,
    reason,
    since: since.getTime(),
  };
}

export function toPageChange({
  category,
  window = '',
  tenant,
  at,
  by,
  reason,
  from,
  to,
  until,
}: ThresholdChange): PageThresholdChange {
  const value = (threshold: number | undefined): number | null | undefined =>
    threshold === Infinity ? null : threshold;
  const [was, is] = [value(from), value(to)];
  return {
    at: at.getTime(),
    category,
    window,
    by,
    reason,
    ...(tenant === undefined ? {} : { tenant }),
    ...(was === undefined ? {} : { from: was }),
    ...(is === undefined ? {} : { to: is }),
    ...(until ? { until: until.getTime() } : {}),
  };
}

export function toAdvice({ from, to, ...advice }: CategoryAdvice): Advice {
  return { ...advice, from: from.getTime(), to: to.getTime() };
}

export function noAdvice(category: Category, now: number): Advice {
  const window = baseWindow(category);
  return {
    category: category.name,
    window: window.name,
    windowMs: window.windowMs,
    from: now,
    to: now,
    percentiles: { p50: 0, p95: 0, p99: 0, max: 0 },
    samples: 0,
    curve: [],
    candidates: [],
    alwaysOver: [],
  };
}
