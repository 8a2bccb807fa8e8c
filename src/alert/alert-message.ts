import { duration, oneLine } from '../util/text.js';
import type { RateAlert } from './rate-alert.js';

/** A tenant as people know it: `Acme (proj_1)`, or its id alone. */
export function tenantLabel({ tenant: { id, name } }: RateAlert): string {
  const shortId = oneLine(id, 80);
  return name ? `${oneLine(name, 80)} (${shortId})` : shortId;
}

/** An alert on one line: who, where, how much, since when. */
export function alertMessage(alert: RateAlert): string {
  const { category, count, threshold, windowStart, windowMs, route, countedBy } = alert;
  const per = duration(windowMs);
  const parts = [
    `${tenantLabel(alert)} is over the ${category} threshold: ${count} in ${per}, threshold ${threshold}`,
    ...(route ? [`${oneLine(route.method, 10)} ${oneLine(route.path)} (${oneLine(route.handler, 120)})`] : []),
    `${per} from ${windowStart.toISOString()}`,
    ...(countedBy === 'instance' ? ['counted by one instance alone, as the store is away: at least this many'] : []),
  ];
  return parts.join(' | ');
}
