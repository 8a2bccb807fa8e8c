import { createHash } from 'node:crypto';

import { keyOfShown, type Tenant } from '../../model/tenant.js';
import type { Notice } from '../../model/notice.js';
import { oneLine } from '../../util/text.js';
import { alertLine } from '../message/alert-line.js';
import { MAX_NOTICE_LINE } from '../message/notice-text.js';
import { linkOf, safeLink } from '../message/safe-link.js';
import type { RateAlert } from '../../model/rate-alert.js';
import { attributesOf } from '../../model/tenant-attributes.js';

const MAX_CONTRIBUTORS = 10;
/** 132 bits, so that different alerts never have the same id. */
const ID_LENGTH = 22;
/** An id that is valid in a header. */
const GIVEN_ID = /^[\w.:~-]{1,100}$/;

/** The body of a webhook request, described by `docs/webhook.schema.json`. */
export function webhookBody(alert: RateAlert): string {
  const { category, count, threshold, level, windowStart, windowMs, route, countedBy, incident, test } = alert;
  const { service, environment, window, windowEnd, timeZone, countAtCrossing, streak, contributors } = alert;
  return JSON.stringify({
    version: 1,
    type: 'rate_alert',
    id: alertId(alert),
    test: test ?? false,
    message: alertLine(alert),
    service: service && oneLine(service),
    environment: environment && oneLine(environment),
    category: oneLine(category),
    tenant: tenantOf(alert.tenant),
    count,
    threshold,
    level: { at: level.at, severity: level.severity },
    windowStart,
    windowMs,
    window: window ? oneLine(window) : undefined,
    windowEnd,
    timeZone: timeZone && oneLine(timeZone),
    countAtCrossing,
    streak: streak && { windows: streak.windows, since: streak.since },
    contributors: contributors
      ?.slice(0, MAX_CONTRIBUTORS)
      .map((one) => ({ label: oneLine(one.label), count: one.count })),
    route: route && { method: oneLine(route.method), path: oneLine(route.path), handler: oneLine(route.handler) },
    countedBy,
    link: linkOf(alert),
    incident: incident && {
      id: incident.id,
      status: incident.status,
      startedAt: incident.startedAt,
      lastedMs: incident.lastedMs,
      peak: { count: incident.peak.count, windowStart: incident.peak.windowStart },
      total: incident.total,
      isPartial: incident.isPartial,
      windowsOver: incident.windowsOver,
      windows: incident.windows,
      thresholdRaisedTo: incident.thresholdRaisedTo,
    },
  });
}

/** The body of a webhook request for a notice, described by `docs/webhook-notice.schema.json`. */
export function webhookNoticeBody(notice: Notice): string {
  const { kind, severity, at, title, lines, service, environment, category, link } = notice;
  return JSON.stringify({
    version: 1,
    type: 'notice',
    id: noticeId(notice),
    kind,
    severity,
    at,
    title: oneLine(title),
    lines: lines.map((line) => oneLine(line, MAX_NOTICE_LINE)),
    service: service && oneLine(service),
    environment: environment && oneLine(environment),
    category: category && oneLine(category),
    link: safeLink(link),
  });
}

/** The notice's own id, or a hash of it if it is not valid in a header, as of a category with a very long name. */
export function noticeId({ id }: Notice): string {
  return GIVEN_ID.test(id) ? id : hashOf(id);
}

/** Keeps the id exact, because programs use it. Text for people is cleaned and limited in length. */
function tenantOf(tenant: Tenant): Tenant {
  const { shown } = attributesOf(tenant);
  return {
    id: keyOfShown(tenant.id),
    ...(tenant.name === undefined ? {} : { name: oneLine(tenant.name) }),
    ...(shown.length > 0 ? { attributes: Object.fromEntries(shown) } : {}),
  };
}

/**
 * Identifies an alert: its own id, or a hash of what it is about, which is the same across retries, replicas and restarts. The hash omits
 * the count, because two instances that notice the same breach may have seen different counts.
 */
export function alertId(alert: RateAlert): string {
  const { id, category, tenant, windowStart, windowMs, level, incident, test } = alert;
  if (id !== undefined && GIVEN_ID.test(id)) return id;
  const { id: incidentId, status } = incident ?? {};
  const about = [category, tenant.id, windowStart.getTime(), windowMs, level.at, incidentId, status, test];
  return hashOf(JSON.stringify(id === undefined ? about : [...about, id]));
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, ID_LENGTH);
}
