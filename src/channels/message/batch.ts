import { SEVERITIES } from '../../model/level.js';
import type { RateAlert } from '../../model/rate-alert.js';
import { amountOf, duration } from '../../util/text.js';
import { isOpen, raised, standing, symbolOf, TEST_MARK, times, windowEndOf } from './alert-words.js';
import { categoryLabel, placeOf, tenantLabel, type Dialect } from './names.js';

/** Several alerts as one message. */
export interface Batch {
  /** Summary: `3 critical, 20 warning over their thresholds, 2 back under`. */
  readonly title: string;
  /** Where and, if all windows are of one length, when: `api, production, 12:00:00 to 12:01:00`. */
  readonly context: string;
  /** One line per alert, most urgent first, resolved ones last; a final line may count those not listed. */
  readonly lines: readonly string[];
  /** The most urgent alert. */
  readonly worst: RateAlert;
}

const MAX_LINES = 25;
const ROOM = { name: 36, id: 36, category: 30 };

/**
 * @param most - Maximum number of characters in all lines together.
 * @param more - Number of further alerts to count without listing them.
 */
export function batchOf(
  alerts: readonly RateAlert[],
  environment: string | undefined,
  dialect: Dialect,
  most: number,
  more: number,
): Batch {
  const sorted = [...alerts].sort((a, b) => weight(b) - weight(a) || ratio(b) - ratio(a));
  const worst = sorted[0] as RateAlert;
  const context = [placeOf(worst, environment, dialect), spanOf(alerts, dialect)].filter(Boolean).join(', ');
  return { title: titleOf(alerts), context, lines: linesOf(sorted, dialect, most, more), worst };
}

/** Ranks by severity, then by ratio; resolved alerts last. */
function weight(alert: RateAlert): number {
  return isOpen(alert) ? SEVERITIES.indexOf(alert.level.severity) + 1 : 0;
}

function ratio({ count, threshold }: RateAlert): number {
  return count / threshold;
}

function titleOf(alerts: readonly RateAlert[]): string {
  const open = alerts.filter(isOpen);
  const over = alerts.length - open.length;
  const ended = endsOf(alerts);
  if (open.length === 0) return `${ended} ${their(over)}`;
  const near = open.filter(({ count, threshold }) => count <= threshold).length;
  const where = near === 0 ? 'over' : near === open.length ? 'near' : 'over or near';
  return `${bySeverity(open)} ${where} ${their(open.length)}${over > 0 ? `, ${ended}` : ''}`;
}

/** `2 back under`, or `2 no longer near` if none of them was over. */
function endsOf(alerts: readonly RateAlert[]): string {
  const ended = alerts.filter((alert) => !isOpen(alert));
  const wasOver = ended.some((alert) => standing(alert) === 'back under');
  return `${ended.length} ${wasOver ? 'back under' : 'no longer near'}`;
}

function their(many: number): string {
  return many === 1 ? 'its threshold' : 'their thresholds';
}

/** `3 critical, 20 warning`. */
function bySeverity(alerts: readonly RateAlert[]): string {
  return [...SEVERITIES]
    .reverse()
    .map((severity) => [alerts.filter(({ level }) => level.severity === severity).length, severity] as const)
    .filter(([count]) => count > 0)
    .map(([count, severity]) => `${count} ${severity}`)
    .join(', ');
}

function linesOf(alerts: readonly RateAlert[], dialect: Dialect, most: number, more: number): string[] {
  const lines: string[] = [];
  let room = most;
  for (const alert of alerts.slice(0, MAX_LINES)) {
    const line = lineOf(alert, dialect);
    if (line.length + 1 > room) break;
    room -= line.length + 1;
    lines.push(line);
  }
  const rest = alerts.slice(lines.length);
  if (more > 0) return [...lines, `and ${rest.length + more} more`];
  if (rest.length === 0) return lines;
  const open = rest.filter(isOpen);
  const what = [open.length > 0 && bySeverity(open), rest.length > open.length && endsOf(rest)];
  return [...lines, `and ${rest.length} more: ${what.filter(Boolean).join(', ')}`];
}

/** The line of one alert: `🟠 "Acme" (proj_1): llm_call 47 of 15 in 1 min, 3.1x`. */
function lineOf(alert: RateAlert, dialect: Dialect): string {
  const { tenant, threshold, windowMs, incident, test } = alert;
  const over = incident?.status === 'resolved';
  const count = over ? incident.peak.count : alert.count;
  const much = `${amountOf(count)} of ${amountOf(threshold)} in ${duration(windowMs)}${times(count, threshold)}`;
  const why = raised(alert);
  const end = over ? `, ${standing(alert)} after ${duration(incident.lastedMs)}${why ? `, ${why}` : ''}` : '';
  const who = `${symbolOf(alert)} ${test ? TEST_MARK : ''}${tenantLabel(tenant, dialect, ROOM)}`;
  return `${who}: ${categoryLabel(alert, dialect, ROOM.category)} ${over ? 'peak ' : ''}${much}${end}`;
}

/** Left out if windows differ in length: the start and end of a month say nothing about a minute. */
function spanOf(alerts: readonly RateAlert[], { time }: Dialect): string | undefined {
  if (alerts.some(({ windowMs }) => windowMs !== alerts[0]?.windowMs)) return undefined;
  const from = Math.min(...alerts.map(({ windowStart }) => windowStart.getTime()));
  const to = Math.max(...alerts.map((alert) => windowEndOf(alert).getTime()));
  return `${time(new Date(from), to - from)} to ${time(new Date(to), to - from)}`;
}
