import type { AlertIncident, RateAlert } from '../../model/rate-alert.js';
import { amountOf, duration, oneLine } from '../../util/text.js';
import {
  resetsAt,
  contributors,
  COUNTED_ALONE,
  crossing,
  headline,
  howOften,
  inAll,
  inARow,
  raised,
} from './alert-words.js';
import { PLAIN, placeOf, type Dialect } from './names.js';

const LOG: Dialect = { ...PLAIN, time: (at) => at.toISOString() };
const ROOM = { name: 80, id: 80, category: 80 };

/**
 * An alert as one line of at most 1,500 characters: who, where, how much, since when. For custom channels. Names are quoted and cleaned, so
 * they cannot be mistaken for our words, but they may still contain what a service formats, such as Markdown.
 */
export function alertLine(alert: RateAlert): string {
  const { incident } = alert;
  const who = headline(alert, LOG, ROOM);
  const parts = incident?.status === 'resolved' ? resolved(who, alert, incident) : breached(who, alert);
  return [...parts, placeOf(alert, undefined, LOG)].filter(Boolean).join(' | ');
}

function breached(who: string, alert: RateAlert): (string | undefined)[] {
  const { count, threshold, windowStart, windowMs, route, countedBy, incident } = alert;
  const per = duration(windowMs);
  const crossed = crossing(alert);
  const most = contributors(alert, LOG);
  const again = resetsAt(alert);
  return [
    `${who}: ${amountOf(count)} in ${per}${crossed ? ` (${crossed})` : ''}, threshold ${amountOf(threshold)}`,
    inARow(alert, LOG),
    incident && progress(incident, alert),
    howOften(alert),
    most && `mostly ${most}`,
    route && `${oneLine(route.method, 10)} ${oneLine(route.path)} (${oneLine(route.handler, 120)})`,
    `${per} from ${windowStart.toISOString()}${again ? `, ${again}` : ''}`,
    countedBy === 'instance' ? COUNTED_ALONE : undefined,
  ];
}

function progress(incident: AlertIncident, { level }: RateAlert): string {
  const { status, startedAt, lastedMs, peak } = incident;
  if (status === 'opened') return 'incident opened';
  const lasted = duration(lastedMs);
  // Not "after", because it begins with its first window.
  const time =
    status === 'escalated'
      ? `escalated to ${level.severity}, ${lasted} from ${startedAt.toISOString()}`
      : `for ${lasted}`;
  return `${time}, peak ${amountOf(peak.count)}, ${inAll(incident)}`;
}

function resolved(who: string, alert: RateAlert, incident: AlertIncident): (string | undefined)[] {
  const { threshold, windowMs } = alert;
  const { lastedMs, peak } = incident;
  const highest = `peak ${amountOf(peak.count)} in ${duration(windowMs)} from ${peak.windowStart.toISOString()}`;
  return [
    [`${who} after ${duration(lastedMs)}`, raised(alert)].filter(Boolean).join(': '),
    `${highest}, threshold ${amountOf(threshold)}`,
    inAll(incident),
    howOften(alert),
  ];
}
