import type { AlertRecord } from '../model/alert-record.js';
import type { Mute } from '../alert/mutes.js';
import type { ChannelStatus } from '../model/alert-channel.js';
import type { Instance } from '../instance/instance.js';
import type { Category } from '../model/category.js';
import type { ThresholdChange, ThresholdOverride } from '../model/threshold-override.js';
import { baseWindow } from '../usage/usage-units.js';
import type { CategoryAdvice, UsageSeries } from '../usage/usage-reader.js';
import type {
  Advice,
  PageAlert,
  PageChannel,
  PageDelivery,
  PageIncident,
  PageInstance,
  PageMute,
  PageOverride,
  PageTenant,
  PageThresholdChange,
  Series,
} from './api.js';

// JSON has no undefined: what is undefined here is absent from the answer.

export function toSeries({ start, stepMs, counts }: UsageSeries): Series {
  return { start: start.getTime(), stepMs, counts };
}

export function tenantOf({ tenant: { id, name } }: AlertRecord['alert']): PageTenant {
  return { id, name };
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
    retryAt: retryAt?.getTime(),
    reason,
  }));
}

/** @param self - Id of this instance. */
export function toPageInstance({ service = '', environment = '', ...one }: Instance, self: string): PageInstance {
  return {
    id: one.id,
    service,
    environment,
    version: one.version,
    host: one.host,
    pid: one.pid,
    startedAt: one.startedAt,
    lastSeen: one.lastSeen,
    perSecond: one.perSecond,
    uncounted: one.uncounted,
    self: one.id === self,
  };
}

export function toPageChannel({ name, on, reason, offSince, retryAt, queued }: ChannelStatus): PageChannel {
  return { name, on, reason, offSince, retryAt, queued };
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
    status: incident?.status,
    lastedMs: incident?.lastedMs,
    peak: incident?.peak.count,
    total: incident?.total,
    isPartial: incident?.isPartial,
    route: route && `${route.method} ${route.path}`,
    contributors: alert.contributors,
    told: deliveriesOf(record),
    test: alert.test,
  };
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
      total: incident.total,
      isPartial: incident.isPartial,
      threshold: alert.threshold,
      resolvedAt: incident.status === 'resolved' ? end : undefined,
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
    category,
    tenant: tenant === undefined ? undefined : { id: tenant },
    until: until.getTime(),
    reason,
    heldBack,
    by,
  };
}

/** Omits a threshold that cannot be exceeded, because JSON has no infinity. */
export function shown(threshold: number | undefined): number | undefined {
  return threshold === Infinity ? undefined : threshold;
}

export function toOverride({ threshold, until, by, reason, since }: ThresholdOverride): PageOverride {
  return { threshold: shown(threshold), until: until?.getTime(), by, reason, since: since.getTime() };
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
  return {
    at: at.getTime(),
    category,
    window,
    by,
    reason,
    tenant,
    from: value(from),
    to: value(to),
    until: until?.getTime(),
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
