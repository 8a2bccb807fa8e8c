import { duration, oneLine } from '../../util/text.js';
import { COUNTED_ALONE, displayName, rounded, standing, TEST_MARK } from './alert-words.js';
import type { AlertIncident } from '../../model/alert-incident.js';
import type { RateAlert } from '../../model/rate-alert.js';

/** A tenant as people know it: `Acme (proj_1)`, or its id alone. */
export function tenantLabel(alert: RateAlert): string {
  const { id } = alert.tenant;
  const shortId = oneLine(id, 80);
  const name = displayName(alert);
  return name === id ? shortId : `${oneLine(name, 80)} (${shortId})`;
}

/** An alert on one line: who, where, how much, since when. */
export function alertMessage(alert: RateAlert): string {
  const { category, incident, test } = alert;
  const who = `${test ? TEST_MARK : ''}${tenantLabel(alert)} is ${standing(alert)} the ${oneLine(category, 80)} threshold`;
  return (incident?.status === 'resolved' ? resolved(who, alert, incident) : breached(who, alert)).join(' | ');
}

function breached(who: string, alert: RateAlert): string[] {
  const { count, threshold, windowStart, windowMs, route, countedBy, incident } = alert;
  const per = duration(windowMs);
  return [
    `${who}: ${count} in ${per}, threshold ${threshold}`,
    ...(incident ? [progress(incident, alert)] : []),
    ...(route ? [`${oneLine(route.method, 10)} ${oneLine(route.path)} (${oneLine(route.handler, 120)})`] : []),
    `${per} from ${windowStart.toISOString()}`,
    ...(countedBy === 'instance' ? [COUNTED_ALONE] : []),
  ];
}

function progress({ status, lastedMs, peak, total }: AlertIncident, { level }: RateAlert): string {
  if (status === 'opened') return 'incident opened';
  const soFar = `${duration(lastedMs)}, peak ${rounded(peak.count)}, ${rounded(total)} in all`;
  return status === 'escalated' ? `escalated to ${level.severity} after ${soFar}` : `for ${soFar}`;
}

function resolved(who: string, { threshold, windowMs }: RateAlert, { lastedMs, peak, total }: AlertIncident): string[] {
  return [
    `${who} after ${duration(lastedMs)}`,
    `peak ${rounded(peak.count)} in ${duration(windowMs)} from ${peak.windowStart.toISOString()}, threshold ${threshold}`,
    `${rounded(total)} in all`,
  ];
}
