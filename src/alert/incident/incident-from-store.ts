import { isSeverity } from '../../model/level.js';
import type { IncidentStatus } from '../../model/rate-alert.js';
import { isRecord } from '../../util/is-record.js';
import type { Delivery, Incident } from './incident.js';

type Test = (value: unknown) => boolean;

/** The latest time that a Date can hold. */
export const LAST_MS = 8.64e15;

export const isString: Test = (value) => typeof value === 'string';
export const isText: Test = (value) => typeof value === 'string' && value !== '';
export const isAmount: Test = (value) => Number.isFinite(value) && (value as number) >= 0;
export const isPositive: Test = (value) => Number.isFinite(value) && (value as number) > 0;
const isBoolean: Test = (value) => typeof value === 'boolean';
const isTime: Test = (value) => Number.isFinite(value) && Math.abs(value as number) <= LAST_MS;

export function isOptional(isRight: Test): Test {
  return (value) => value === undefined || isRight(value);
}

function listOf(isRight: Test): Test {
  return (value) => Array.isArray(value) && value.every(isRight);
}

function mapOf(isRight: Test): Test {
  return (value) => isRecord(value) && Object.values(value).every(isRight);
}

/** An object whose fields pass their tests; other fields are allowed. */
function shaped(fields: Readonly<Record<string, Test>>): Test {
  const entries = Object.entries(fields);
  return (value) => isRecord(value) && entries.every(([name, isRight]) => isRight(value[name]));
}

export const isCountedBy: Test = (by) => by === 'all' || by === 'instance';
export const isRoute = shaped({ method: isString, path: isString, handler: isString });
export const isShares = listOf(shaped({ label: isString, count: isAmount }));

const isLevel = shaped({ at: isPositive, severity: isSeverity });
const STATUSES: readonly Delivery['status'][] = ['queued', 'retried', 'delivered', 'suppressed', 'failed'];
const STEPS: readonly IncidentStatus[] = ['opened', 'escalated', 'reminded', 'resolved'];

const isWindow = shaped({
  ...{ start: isTime, end: isTime, seenAt: isTime, lengthMs: isOptional(isPositive) },
  ...{ count: isAmount, crossing: isAmount, threshold: isAmount, level: isLevel, countedBy: isCountedBy },
  ...{ route: isOptional(isRoute), contributors: isOptional(isShares) },
});

const isTold = shaped({
  ...{ levels: mapOf(isAmount), level: isOptional(isLevel), when: isOptional(isTime), count: isOptional(isAmount) },
  ...{ memory: isOptional(isString), also: isOptional(listOf(isString)), by: isOptional(isString) },
  ...{ held: isOptional(isTime), until: isOptional(isTime), next: isOptional(isTime), faults: isOptional(isAmount) },
  ...{ isAtFault: isOptional(isBoolean), isSuspect: isOptional(isBoolean), resolved: isOptional(isBoolean) },
  delivery: shaped({
    ...{ status: (status) => STATUSES.includes(status as Delivery['status']), attempts: isAmount },
    reason: isOptional(isString),
  }),
});

const hasShape = shaped({
  ...{ uid: isText, category: isString, window: isString, lengthName: isOptional(isString) },
  tenant: shaped({ id: isString, name: isOptional(isString), attributes: isOptional(isRecord) }),
  ...{ story: isBoolean, raisedAt: isTime, startedAt: isTime, settledTo: isTime },
  windows: (windows) => listOf(isWindow)(windows) && (windows as unknown[]).length > 0,
  ...{ hot: isAmount, streak: shaped({ windows: isAmount, since: isTime }), worst: isLevel },
  ...{ peak: shaped({ count: isAmount, start: isTime }), total: isAmount, calm: isAmount },
  ...{ closedAt: isOptional(isTime), raisedTo: isOptional(isAmount), lookAt: isOptional(isTime) },
  status: isOptional((status) => STEPS.includes(status as IncidentStatus)),
  ...{ told: mapOf(isTold), v01: isOptional(isString) },
});

/** Whether a stored record is an incident, in every field that is read. A malformed record must not break the others. */
export function isIncident(record: Partial<Incident>): boolean {
  return hasShape(record) && (record as Incident).windows.every(({ start, end }) => end > start);
}
