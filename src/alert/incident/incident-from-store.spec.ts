import type { Delivery } from '../../model/alert-record.js';
import { NOWHERE, oneLength } from '../../../test/support/alert-settings.js';
import { alertLine } from '../../channels/message/alert-line.js';
import { discordMessage } from '../../channels/discord/discord-message.js';
import { webhookBody } from '../../channels/webhook/webhook-body.js';
import type { Breach } from '../../model/breach.js';
import type { AlertLevel } from '../../model/level.js';
import type { Route } from '../../model/route.js';
import type { Tenant } from '../../model/tenant.js';
import { alertOf } from '../sending/alert-of-incident.js';
import { alertRecord } from '../history-entry.js';
import { plan } from '../sending/what-is-due.js';
import { lastOf, withBreach, type Incident, type Told, type WindowOver } from './incident.js';
import { spansToCount, withCounted } from './counts-of-windows.js';
import { withConfirmed } from './told.js';
import { LAST_MS } from '../../util/shapes.js';
import { isIncident } from './incident-from-store.js';

const MINUTE = 60_000;
const breach: Breach = {
  category: 'llm_call',
  window: 'minute',
  tenant: { id: 'proj_1', name: 'Acme', attributes: { plan: 'pro' } },
  count: 20,
  threshold: 15,
  level: { at: 1, severity: 'warning' },
  countedBy: 'all',
  windowStart: MINUTE,
  windowEnd: 2 * MINUTE,
  contributors: [{ label: 'key_1', count: 20 }],
  route: { method: 'POST', path: '/llm', handler: 'Llm.call' },
};
const SITUATION = {
  now: 10 * MINUTE,
  settings: { remindAfterMs: MINUTE, resolveAfterMs: undefined, periodEnd: oneLength },
  mute: undefined,
  seesSince: undefined,
};
const channels = new Map([['chat#', {}]]);

/** As the store has it, with every field. */
function whole(): Incident {
  const opened = withBreach(undefined, breach, true, MINUTE + 500);
  const second = withBreach(opened, { ...breach, windowStart: 2 * MINUTE, windowEnd: 3 * MINUTE }, true, 2 * MINUTE);
  const due = { status: 'opened' as const, window: lastOf(second), level: second.worst, count: 20 };
  const told = { levels: {}, by: 'me', until: 5, next: 5, faults: 1, held: 5, also: ['1'], memory: '2' };
  const queued = { ...second, told: { 'chat#': { ...told, delivery: { status: 'queued' as const, attempts: 0 } } } };
  const { told: confirmed, ...rest } = withConfirmed(queued, 'chat#', {
    ...due,
    memory: '3',
    previous: '2',
    at: MINUTE,
  });
  const more = { ...told, ...confirmed['chat#'], delivery: { status: 'failed', attempts: 1, reason: 'answered 400' } };
  const record = {
    ...rest,
    told: { 'chat#': more },
    lengthName: 'minute',
    closedAt: 4 * MINUTE,
    raisedTo: 30,
    lookAt: 5,
  };
  return JSON.parse(JSON.stringify({ ...record, v01: 'a' })) as Incident;
}

/** Every place in it. */
function placesIn(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  const below = Object.entries(Object(value) as object).flatMap(([name, part]) =>
    typeof value === 'string' ? [] : placesIn(part, [...path, name]),
  );
  return path.length === 0 ? below : [path, ...below];
}

/** A copy with another value in one place; `undefined` leaves it out, as JSON does. */
function changed(path: readonly string[], value: unknown): Partial<Incident> {
  const copy = JSON.parse(JSON.stringify(whole())) as Record<string, unknown>;
  const holder = path.slice(0, -1).reduce((object, name) => object[name] as Record<string, unknown>, copy);
  holder[path.at(-1) as string] = value;
  return JSON.parse(JSON.stringify(copy)) as Partial<Incident>;
}

/** All that is made of a record. */
function use(incident: Incident): void {
  for (const closedAt of [incident.closedAt, undefined]) {
    const open = { ...incident, closedAt } as Incident;
    const { ready } = plan(open, channels, SITUATION);
    for (const span of spansToCount(open, 10 * MINUTE, oneLength))
      withCounted(open, span, 5, 10 * MINUTE, { isBlind: false, hidden: undefined });
    withBreach(open, breach, true, 10 * MINUTE);
    alertRecord(open, NOWHERE, new Map(), MINUTE);
    const levels = [{ status: 'opened' as const, window: lastOf(open), level: open.worst }, ...ready.values()];
    for (const due of levels) {
      const alert = alertOf(open, due, { ...NOWHERE, publicUrl: 'https://a.example' }, { before: 0, now: MINUTE });
      for (const show of [alertLine, webhookBody, (one: typeof alert) => JSON.stringify(discordMessage(one, {}))])
        expect(show(alert)).not.toMatch(/NaN|Invalid Date|undefined|\[object/);
    }
  }
}

/** What a field may hold and what it may not; `undefined` is a field that is missing. */
interface Kind {
  readonly right: readonly unknown[];
  readonly wrong: readonly unknown[];
}

function optional({ right, wrong }: Kind): Kind {
  return { right: [...right, undefined], wrong: wrong.filter((value) => value !== undefined) };
}

const TEXT: Kind = { right: ['x'], wrong: ['', 1, true, {}, [], ['x'], null, undefined] };
const STRING: Kind = { right: ['', 'x'], wrong: [1, true, {}, [], ['x'], null, undefined] };
const TEXTS: Kind = { right: [[], ['x']], wrong: ['x', [1], ['x', 1], [1, 'x'], {}, null, undefined] };
const BOOLEAN: Kind = { right: [true, false], wrong: [0, 1, '', 'true', {}, [], null, undefined] };
const AMOUNT: Kind = { right: [0, 0.5], wrong: [-1, '1', true, {}, [], null, undefined] };
const POSITIVE: Kind = { right: [0.5], wrong: [0, -1, '1', true, {}, [], null, undefined] };
const NO_TIME = [LAST_MS + 1, -LAST_MS - 1, '1', true, {}, [], null, undefined];
const TIME: Kind = { right: [0, LAST_MS, -LAST_MS], wrong: NO_TIME };
const OBJECT: Kind = { right: [{}, { plan: 'pro' }], wrong: [[], 'x', 1, true, null, undefined] };
const ONE_OF = (...right: string[]): Kind => ({ right, wrong: ['', 'x', [right[0]], 1, true, {}, null, undefined] });
/** Never stored: the history adds it. */
const NOT_STORED: Kind = { right: [undefined], wrong: [] };
/** An object with fields that must be there; they have a table of their own. */
const PARTS: Kind = { right: [], wrong: [{}, [], 'x', 1, true, null, undefined] };

const SHARE = { label: 'key_1', count: 1 };
const SHARES: Kind = {
  right: [[], [SHARE]],
  wrong: [SHARE, 'x', [1], [{ label: 'key_1' }], [{ count: 1 }], [SHARE, { ...SHARE, count: '1' }], null, undefined],
};
const WINDOW = lastOf(whole());
const TOLD = whole().told['chat#'] as Told;

/** Every field of a record: a field that is new in a type does not compile until it is here. */
const LEVEL_FIELDS: Record<keyof AlertLevel, Kind> = { at: POSITIVE, severity: ONE_OF('info', 'warning', 'critical') };
const TENANT_FIELDS: Record<keyof Tenant, Kind> = { id: STRING, name: optional(STRING), attributes: optional(OBJECT) };
const ROUTE_FIELDS: Record<keyof Route, Kind> = { method: STRING, path: STRING, handler: STRING };
const WINDOW_FIELDS: Record<keyof WindowOver, Kind> = {
  start: { right: [-LAST_MS], wrong: NO_TIME },
  end: { right: [LAST_MS], wrong: NO_TIME },
  seenAt: TIME,
  lengthMs: optional(POSITIVE),
  count: AMOUNT,
  crossing: AMOUNT,
  threshold: AMOUNT,
  level: PARTS,
  countedBy: ONE_OF('all', 'instance'),
  route: optional(PARTS),
  contributors: optional(SHARES),
};
const DELIVERY_FIELDS: Record<keyof Delivery, Kind> = {
  status: ONE_OF('queued', 'retried', 'delivered', 'suppressed', 'failed'),
  attempts: AMOUNT,
  reason: optional(STRING),
  retryAt: NOT_STORED,
};
const TOLD_FIELDS: Record<keyof Told, Kind> = {
  levels: { right: [{}, { 5: 0.5 }], wrong: [[], { 5: '1' }, { 5: 1, 6: -1 }, { 5: null }, 'x', null, undefined] },
  level: optional(PARTS),
  when: optional(TIME),
  count: optional(AMOUNT),
  resolved: optional(BOOLEAN),
  memory: optional(STRING),
  also: optional(TEXTS),
  by: optional(STRING),
  held: optional(TIME),
  until: optional(TIME),
  next: optional(TIME),
  faults: optional(AMOUNT),
  isAtFault: optional(BOOLEAN),
  isSuspect: optional(BOOLEAN),
  delivery: PARTS,
};
const INCIDENT_FIELDS: Record<keyof Incident, Kind> = {
  uid: TEXT,
  category: STRING,
  window: STRING,
  lengthName: optional(STRING),
  tenant: PARTS,
  story: BOOLEAN,
  raisedAt: TIME,
  startedAt: TIME,
  hot: AMOUNT,
  streak: PARTS,
  worst: PARTS,
  peak: PARTS,
  total: AMOUNT,
  calm: AMOUNT,
  settledTo: TIME,
  closedAt: optional(TIME),
  raisedTo: optional(AMOUNT),
  status: optional(ONE_OF('opened', 'escalated', 'reminded', 'resolved')),
  lookAt: optional(TIME),
  v01: optional(STRING),
  isPartial: optional(BOOLEAN),
  windows: { right: [[WINDOW]], wrong: [[], [1], [WINDOW, {}], [{}, WINDOW], WINDOW, 'x', null, undefined] },
  told: {
    right: [{}, { 'chat#': TOLD, 'mail#': TOLD }],
    wrong: [[], { 'chat#': TOLD, 'mail#': {} }, { 'mail#': {}, 'chat#': TOLD }, 'x', 1, true, null, undefined],
  },
};
const FIELDS = [
  ['', INCIDENT_FIELDS],
  ['tenant', TENANT_FIELDS],
  ['streak', { windows: AMOUNT, since: TIME } satisfies Record<keyof Incident['streak'], Kind>],
  ['peak', { count: AMOUNT, start: TIME } satisfies Record<keyof Incident['peak'], Kind>],
  ['worst', LEVEL_FIELDS],
  ['windows.0', WINDOW_FIELDS],
  ['windows.1', WINDOW_FIELDS],
  ['windows.1.level', LEVEL_FIELDS],
  ['windows.1.route', ROUTE_FIELDS],
  ['windows.1.contributors.0', { label: STRING, count: AMOUNT } satisfies Record<keyof typeof SHARE, Kind>],
  ['told.chat#', TOLD_FIELDS],
  ['told.chat#.level', LEVEL_FIELDS],
  ['told.chat#.delivery', DELIVERY_FIELDS],
].flatMap(([holder, fields]) =>
  Object.entries(fields as Record<string, Kind>).map(([name, kind]) => ({
    path: holder ? `${holder as string}.${name}` : name,
    kind,
  })),
);

describe('a record of an incident', () => {
  it('is recognized in the form in which it is written', () => {
    expect(isIncident(whole())).toBe(true);
    use(whole());
  });

  it.each([null, 'x', -1, 1e300, 9e15, {}, [], [null], true, undefined, ''])(
    'with %p in any field is rejected or harmless',
    (value) => {
      const accepted = placesIn(whole()).flatMap((path) => {
        const record = changed(path, value);
        if (!isIncident(record)) return [];
        use(record as Incident);
        return [path.join('.')];
      });
      // What is not recognized is dropped: the check must not have become one that refuses everything.
      expect(accepted.length).toBeLessThan(placesIn(whole()).length);
    },
  );

  it.each(FIELDS)('is recognized by the kind of its $path', ({ path, kind: { right, wrong } }) => {
    const isRecognized = (value: unknown): boolean => isIncident(changed(path.split('.'), value));
    expect(right.filter((value) => !isRecognized(value))).toEqual([]);
    expect(wrong.filter(isRecognized)).toEqual([]);
  });

  it.each([0, 1])('is not recognized if window %p of two ends when it starts', (place) => {
    const { start } = whole().windows[place] as WindowOver;
    expect(isIncident(changed(['windows', `${place}`, 'end'], start + 1))).toBe(true);
    expect(isIncident(changed(['windows', `${place}`, 'end'], start))).toBe(false);
  });

  it.each([
    ['no windows', { windows: [] }],
    ['a window that ends before it starts', { windows: [{ ...lastOf(whole()), end: 0 }] }],
    ['no uid', { uid: undefined }],
    ['a tenant without an id', { tenant: { name: 'Acme' } }],
    ['a level of another severity', { worst: { at: 1, severity: 'fatal' } }],
    ['a list of what was told', { told: [] }],
    ['a channel that was told nothing', { told: { 'chat#': null } }],
    ['a channel without a delivery', { told: { 'chat#': { levels: {} } } }],
  ])('is not recognized with %s', (_, wrong) => expect(isIncident({ ...whole(), ...(wrong as object) })).toBe(false));
});
