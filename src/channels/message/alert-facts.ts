import { duration } from '../../util/text.js';
import { amount, COUNTED_ALONE, rounded } from './alert-words.js';
import type { AlertIncident } from '../../model/alert-incident.js';
import type { RateAlert } from '../../model/rate-alert.js';
import { attributesOf } from '../../model/tenant-attributes.js';

/** One thing a message says, below its title. */
export interface Fact {
  readonly label: string;
  readonly value: string;
}

/** How a service writes what does not come from here. */
export interface Dialect {
  /** Text from users, harmless and of at most `most` characters. */
  readonly text: (text: string, most: number) => string;
  readonly time: (at: Date) => string;
}

/** What a message says of an alert, most telling first: at most 22 facts, each with a label and a value that are not empty. */
export function factsOf(alert: RateAlert, environment: string | undefined, { text, time }: Dialect): Fact[] {
  const { count, tenant, route, windowStart, windowMs, countedBy, incident } = alert;
  const { shown, leftOut } = attributesOf(tenant);
  const over = incident?.status !== 'resolved';
  const windowEnd = new Date(windowStart.getTime() + windowMs);
  const facts: (Fact | false | undefined)[] = [
    over && { label: 'Count', value: amount(count, alert) },
    ...(incident ? progress(incident, alert, time) : []),
    route && {
      label: 'Route',
      value: `${text(route.method, 20)} ${text(route.path, 300)} (${text(route.handler, 200)})`,
    },
    over && { label: 'Window', value: `${time(windowStart)} to ${time(windowEnd)}` },
    { label: 'Tenant id', value: text(tenant.id, 200) },
    ...shown.map(([name, value]) => ({ label: text(name, 100), value: text(value, 250) })),
    leftOut > 0 && { label: 'Not shown', value: `${leftOut} more attributes` },
    environment !== undefined && { label: 'Environment', value: text(environment, 100) },
    countedBy === 'instance' && { label: 'Counted by', value: COUNTED_ALONE.replace('counted by ', '') },
  ];
  return facts.filter((fact) => typeof fact === 'object');
}

function progress(
  { status, startedAt, lastedMs, peak, total }: AlertIncident,
  alert: RateAlert,
  time: Dialect['time'],
): Fact[] {
  return [
    { label: 'Incident', value: status === 'escalated' ? `escalated to ${alert.level.severity}` : status },
    { label: 'Lasted', value: `${duration(lastedMs)} from ${time(startedAt)}` },
    { label: 'Peak', value: `${amount(peak.count, alert)}, at ${time(peak.windowStart)}` },
    { label: 'Total', value: `${rounded(total)} in all` },
  ];
}
