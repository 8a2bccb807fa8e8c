import type { AlertIncident, RateAlert } from '../../model/rate-alert.js';
import { idLabel } from '../../util/shown-names.js';
import { attributesOf } from '../../model/tenant-attributes.js';
import { duration, plural } from '../../util/text.js';
import {
  amount,
  resetsAt,
  contributors,
  COUNTED_ALONE,
  crossing,
  howOften,
  inAll,
  inARow,
  isOpen,
  raised,
  windowEndOf,
} from './alert-words.js';
import { placeOf, type Dialect } from './names.js';

/** One fact below the title of a message. */
interface Fact {
  readonly label: string;
  readonly value: string;
}

/** The facts of an alert, most important first: at most 24, each with a non-empty label and value. */
export function factsOf(alert: RateAlert, environment: string | undefined, dialect: Dialect): Fact[] {
  const { count, tenant, route, level, countedBy, incident } = alert;
  const { text } = dialect;
  const { shown, leftOut } = attributesOf(tenant);
  const open = isOpen(alert);
  const crossed = crossing(alert);
  const facts: [label: string, value: string | false | undefined][] = [
    ['Severity', open ? level.severity : `${level.severity} at worst`],
    ['Count', open && `${amount(count, alert)}${crossed ? ` (${crossed})` : ''}`],
    ...(incident ? progress(incident, alert, dialect) : []),
    ['Ended', raised(alert)],
    ['In a row', inARow(alert, dialect)],
    ['Mostly', contributors(alert, dialect)],
    ['Route', route && `${text(route.method, 20)} ${text(route.path, 300)} (${text(route.handler, 200)})`],
    ['Window', open && windowFact(alert, dialect)],
    ['Tenant id', idLabel(tenant.id, 200, text)],
    // The prefix keeps an attribute called "Count" from being mistaken for ours.
    ...shown.map(([name, value]): [string, string] => [`tenant.${text(name, 80)}`, text(value, 230)]),
    ['Not shown', leftOut > 0 && plural(leftOut, 'more attribute')],
    ['Service', placeOf(alert, environment, dialect)],
    ['Counted by', countedBy === 'instance' && COUNTED_ALONE.replace('counted by ', '')],
  ];
  return facts.flatMap(([label, value]) => (value ? [{ label, value }] : []));
}

function windowFact(alert: RateAlert, { time }: Dialect): string {
  const { windowStart, windowMs } = alert;
  const range = `${time(windowStart, windowMs)} to ${time(windowEndOf(alert), windowMs)}`;
  return [range, resetsAt(alert)].filter(Boolean).join(', ');
}

function progress(incident: AlertIncident, alert: RateAlert, { time }: Dialect): [string, string][] {
  const { status, startedAt, lastedMs, peak } = incident;
  const times = [`${duration(lastedMs)} from ${time(startedAt, lastedMs)}`, howOften(alert)];
  const lasted: [string, string] = ['Lasted', times.filter(Boolean).join(', ')];
  return [
    ['Incident', status === 'escalated' ? `escalated to ${alert.level.severity}` : status],
    ...(status === 'opened' ? [] : [lasted]),
    ['Peak', `${amount(peak.count, alert)}, at ${time(peak.windowStart, Math.max(lastedMs, alert.windowMs))}`],
    ['Total', inAll(incident)],
  ];
}
