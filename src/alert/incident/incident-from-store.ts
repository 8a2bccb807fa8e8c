import type { Delivery } from '../../model/alert-record.js';
import { isSeverity } from '../../model/level.js';
import type { IncidentStatus } from '../../model/rate-alert.js';
import {
  isAmount,
  isBoolean,
  isOptional,
  isPositive,
  isRecord,
  isString,
  isText,
  isTime,
  listOf,
  mapOf,
  shaped,
  type Test,
} from '../../util/shapes.js';
import type { Incident } from './incident.js';

export const isCountedBy: Test = (by) => by === 'all' || by === 'instance';
export const isRoute = shaped({ method: isString, path: isString, handler: isString });
export const isShares = listOf(shaped({ label: isString, count: isAmount }));

const isLevel = shaped({ at: isPositive, severity: isSeverity });
const STATUSES: readonly Delivery['status'][] = ['queued', 'retried', 'delivered', 'suppressed', 'failed'];
const STEPS: readonly IncidentStatus[] = ['opened', 'escalated', 'reminded', 'resolved'];

const isWindow = shaped({
  start: isTime,
  end: isTime,
  seenAt: isTime,
  lengthMs: isOptional(isPositive),
  count: isAmount,
  crossing: isAmount,
  threshold: isAmount,
  level: isLevel,
  countedBy: isCountedBy,
  route: isOptional(isRoute),
  contributors: isOptional(isShares),
});

const isTold = shaped({
  levels: mapOf(isAmount),
  level: isOptional(isLevel),
  when: isOptional(isTime),
  count: isOptional(isAmount),
  memory: isOptional(isString),
  also: isOptional(listOf(isString)),
  by: isOptional(isString),
  held: isOptional(isTime),
  until: isOptional(isTime),
  next: isOptional(isTime),
  faults: isOptional(isAmount),
  isAtFault: isOptional(isBoolean),
  isSuspect: isOptional(isBoolean),
  resolved: isOptional(isBoolean),
  delivery: shaped({
    status: (status) => STATUSES.includes(status as Delivery['status']),
    attempts: isAmount,
    reason: isOptional(isString),
  }),
});

const hasShape = shaped({
  uid: isText,
  category: isString,
  window: isString,
  lengthName: isOptional(isString),
  tenant: shaped({ id: isString, name: isOptional(isString), attributes: isOptional(isRecord) }),
  story: isBoolean,
  raisedAt: isTime,
  startedAt: isTime,
  settledTo: isTime,
  windows: (windows) => listOf(isWindow)(windows) && (windows as unknown[]).length > 0,
  hot: isAmount,
  streak: shaped({ windows: isAmount, since: isTime }),
  worst: isLevel,
  peak: shaped({ count: isAmount, start: isTime }),
  total: isAmount,
  calm: isAmount,
  closedAt: isOptional(isTime),
  raisedTo: isOptional(isAmount),
  lookAt: isOptional(isTime),
  status: isOptional((status) => STEPS.includes(status as IncidentStatus)),
  told: mapOf(isTold),
  v01: isOptional(isString),
  isPartial: isOptional(isBoolean),
});

/** Whether a stored record is an incident, in every field that is read. A malformed record must not break the others. */
export function isIncident(record: Partial<Incident>): boolean {
  return hasShape(record) && (record as Incident).windows.every(({ start, end }) => end > start);
}
