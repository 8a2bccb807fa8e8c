import { alertLine } from '../../channels/message/alert-line.js';
import { discordMessage } from '../../channels/discord/discord-message.js';
import { webhookBody } from '../../channels/webhook/webhook-body.js';
import type { Breach } from '../../model/breach.js';
import { alertOf } from '../sending/alert-of-incident.js';
import { alertRecord } from '../history-entry.js';
import { plan } from '../sending/what-is-due.js';
import { lastOf, withBreach, type Incident } from './incident.js';
import { spansToCount, withCounted } from './counts-of-windows.js';
import { withConfirmed } from './told.js';
import { isIncident } from './incident-from-store.js';

const MINUTE = 60_000;
const breach: Breach = {
  ...{ category: 'llm_call', window: 'minute', tenant: { id: 'proj_1', name: 'Acme', attributes: { plan: 'pro' } } },
  ...{ count: 20, threshold: 15, level: { at: 1, severity: 'warning' }, countedBy: 'all' },
  ...{ windowStart: MINUTE, windowEnd: 2 * MINUTE, contributors: [{ label: 'key_1', count: 20 }] },
  route: { method: 'POST', path: '/llm', handler: 'Llm.call' },
};
const SETTINGS = { remindAfterMs: MINUTE, resolveAfterMs: undefined };
const channels = new Map([['chat#', {}]]);

/** As the store has it, with every field. */
function whole(): Incident {
  const opened = withBreach(undefined, breach, true, MINUTE + 500);
  const second = withBreach(opened, { ...breach, windowStart: 2 * MINUTE, windowEnd: 3 * MINUTE }, true, 2 * MINUTE);
  const due = { status: 'opened' as const, window: lastOf(second), level: second.worst, count: 20 };
  const told = { levels: {}, by: 'me', until: 5, next: 5, faults: 1, held: 5, also: ['1'], memory: '2' };
  const queued = { ...second, told: { 'chat#': { ...told, delivery: { status: 'queued' as const, attempts: 0 } } } };
  const { told: confirmed, ...rest } = withConfirmed(queued, 'chat#', due, '3', '2', MINUTE);
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
  const isAway = false;
  for (const closedAt of [incident.closedAt, undefined]) {
    const open = { ...incident, closedAt } as Incident;
    const { ready } = plan(open, channels, SETTINGS, undefined, 10 * MINUTE);
    for (const span of spansToCount(open, 10 * MINUTE)) withCounted(open, span, 5, 10 * MINUTE, isAway);
    withBreach(open, breach, true, 10 * MINUTE);
    alertRecord(open, {}, new Map(), MINUTE);
    const levels = [{ status: 'opened' as const, window: lastOf(open), level: open.worst }, ...ready.values()];
    for (const due of levels) {
      const alert = alertOf(open, due, { publicUrl: 'https://a.example' }, 0, MINUTE);
      for (const show of [alertLine, webhookBody, (one: typeof alert) => JSON.stringify(discordMessage(one, {}))])
        expect(show(alert)).not.toMatch(/NaN|Invalid Date|undefined|\[object/);
    }
  }
}

describe('a record of an incident', () => {
  it('is recognized as it is written', () => {
    expect(isIncident(whole())).toBe(true);
    use(whole());
  });

  it.each([null, 'x', -1, 1e300, 9e15, {}, [], [null], true, undefined, ''])(
    'with %p in any place is not recognized, or harmless',
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
