import { duration } from '../../util/text.js';
import { displayName, rounded, standing, TEST_MARK, times } from './alert-words.js';
import type { RateAlert } from '../../model/rate-alert.js';

/** How a service writes the parts of a line: each gives at most `most` characters. */
export interface LineDialect {
  readonly name: (text: string, most: number) => string;
  readonly text: (text: string, most: number) => string;
  readonly category: (text: string, most: number) => string;
}

/** What many alerts come to: `23 over, 2 back under their thresholds`. */
export function batchTitle(alerts: readonly RateAlert[]): string {
  const howMany = new Map<string, number>();
  for (const alert of alerts) howMany.set(standing(alert), (howMany.get(standing(alert)) ?? 0) + 1);
  return `${[...howMany].map(([where, count]) => `${count} ${where}`).join(', ')} their thresholds`;
}

/** One of many alerts, in at most 234 characters, which let 25 of them be one message at Discord: `Acme (proj_1): llm_call 47 of 15 in 1 min, 3.1x`. */
export function batchLine(alert: RateAlert, { name, text, category }: LineDialect): string {
  const { tenant, threshold, windowMs, incident, test } = alert;
  const shownName = displayName(alert);
  const id = shownName === tenant.id ? '' : ` (${text(tenant.id, 40)})`;
  const resolved = incident?.status === 'resolved';
  const count = resolved ? incident.peak.count : alert.count;
  const much = `${rounded(count)} of ${rounded(threshold)} in ${duration(windowMs)}${times(count, threshold)}`;
  const end = resolved ? `, ${standing(alert)} after ${duration(incident.lastedMs)}` : '';
  const who = `${test ? TEST_MARK : ''}${name(shownName, 40)}${id}`;
  return `${who}: ${category(alert.category, 32)} ${resolved ? 'peak ' : ''}${much}${end}`;
}
