import type { Breach } from '../model/breach.js';
import { isSeverity, SEVERITIES } from '../model/level.js';
import type { RateAlert } from '../model/rate-alert.js';
import { optionProblems } from '../util/option-names.js';
import { numberOrKind, oneLine } from '../util/text.js';
import { isAmount, isOptional, isPositive, isRecord, isString, isText, LAST_MS } from '../util/shapes.js';
import { isCountedBy, isRoute, isShares } from './incident/incident-from-store.js';

/** All fields of an alert, so that one which the app received can be raised again. */
const FIELDS = Object.keys({
  id: true,
  service: true,
  environment: true,
  category: true,
  tenant: true,
  count: true,
  threshold: true,
  level: true,
  windowStart: true,
  windowMs: true,
  route: true,
  countedBy: true,
  window: true,
  windowEnd: true,
  timeZone: true,
  countAtCrossing: true,
  streak: true,
  contributors: true,
  link: true,
  incident: true,
  test: true,
} satisfies Record<keyof RateAlert, true>);

/**
 * Turns an alert that the app raises itself into a breach. Channels trust what they are given, so a mistake is rejected here, where the
 * caller sees it.
 *
 * @throws TypeError that names what is wrong and what to write instead.
 */
export function breachOf(alert: RateAlert): Breach {
  check(
    'the alert',
    alert,
    isRecord,
    'an object with category, tenant, count, threshold, level, windowStart and windowMs',
  );
  const [problem] = optionProblems(alert, FIELDS);
  if (problem !== undefined) throw new TypeError(`No alert was raised: ${problem}`);
  const { category, window = '', tenant, count, threshold, level, windowStart, windowMs, windowEnd } = alert;
  const { route, contributors, countedBy } = alert;
  check('category', category, isText, 'its name');
  check('window', window, isString, 'its name, or leave it out');
  check('tenant', tenant, isRecord, "an object such as { id: 'proj_1' }");
  check('tenant.id', tenant.id, isText, 'the id of the tenant');
  check('tenant.name', tenant.name, isOptional(isString), 'a name, or leave it out');
  check('count', count, isAmount, 'a number, 0 or more');
  check('threshold', threshold, isAmount, 'a number, 0 or more');
  check('level', level, isRecord, "an object such as { at: 1, severity: 'warning' }");
  check('level.at', level.at, isPositive, 'a number above 0');
  check('level.severity', level.severity, isSeverity, `one of ${SEVERITIES.join(', ')}`);
  check('windowStart', windowStart, isDate, 'the Date when the window began');
  const start = windowStart.getTime();
  check('windowMs', windowMs, isPositive, 'its length in milliseconds, above 0');
  check('windowEnd', windowEnd, isOptional(isDate), 'the Date when the window ends, or leave it out');
  const end = windowEnd?.getTime() ?? start + windowMs;
  check(
    'the end of the window',
    end,
    (at) => at > start && at <= LAST_MS,
    'a windowEnd or windowMs that ends it after its start',
  );
  check('route', route, isOptional(isRoute), 'an object with method, path and handler, or leave it out');
  check('contributors', contributors, isOptional(isShares), 'a list of { label, count }, or leave it out');
  check('countedBy', countedBy, isCountedBy, "'all' or 'instance'");
  return {
    category,
    window,
    tenant,
    count,
    threshold,
    level: { at: level.at, severity: level.severity },
    windowStart: start,
    windowEnd: end,
    countedBy,
    ...(route ? { route: { method: route.method, path: route.path, handler: route.handler } } : {}),
    ...(contributors ? { contributors: contributors.map(({ label, count: share }) => ({ label, count: share })) } : {}),
  };
}

/** Shows only the type of a wrong value, which may be a misplaced secret. */
function check<T>(name: string, value: T, isRight: (value: T) => boolean, remedy: string): void {
  if (isRight(value)) return;
  const found = value === '' ? 'empty' : numberOrKind(value);
  throw new TypeError(`No alert was raised: ${oneLine(name)} is ${found}, write ${remedy}`);
}

const isDate = (value: unknown): boolean => value instanceof Date && Number.isFinite(value.getTime());
