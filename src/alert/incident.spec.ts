import fc from 'fast-check';

import type { IncidentStatus } from '../model/rate-alert.js';
import type { Breach } from '../model/breach.js';
import type { Tenant } from '../model/tenant.js';
import { alertOf, type AlertOrigin } from './alert-of-incident.js';
import {
  isIncident,
  lastOf,
  merged,
  recordId,
  unsettled,
  withBreach,
  withConfirmed,
  withCount,
  withSettled,
  withTold,
  type Incident,
} from './incident.js';

const MINUTE = 60_000;
const START = 29_000_000 * MINUTE;
const THRESHOLD = 15;
const breach = (window: number, count: number, more: Partial<Breach> = {}): Breach => ({
  category: 'llm_call',
  window: '',
  tenant: { id: 'proj_1', name: 'Acme' },
  ...{ count, threshold: THRESHOLD, level: { at: 1, severity: 'warning' }, countedBy: 'all' },
  windowStart: START + window * MINUTE,
  windowEnd: START + (window + 1) * MINUTE,
  ...more,
});
const at = (window: number, ms = 0): number => START + window * MINUTE + ms;
const stored = (incident: Incident): Incident => JSON.parse(JSON.stringify(incident)) as Incident;
const opened = (count = 20): Incident => withBreach(undefined, breach(0, count), true, at(0, 500));
const shown = (incident: Incident, status: IncidentStatus, origin: AlertOrigin = {}, before?: number) =>
  alertOf(incident, { status, window: lastOf(incident), level: incident.worst }, origin, before);

describe('an incident', () => {
  it('counts a window as over a second after its end', () => {
    expect(unsettled(opened(), at(1, 999))).toEqual([]);
    expect(unsettled(opened(), at(1, 1_000))).toEqual([{ start: at(0), end: at(1) }]);
    expect(unsettled(opened(), at(1_000))).toHaveLength(20);
  });

  it('takes no final count twice, none out of order, and none below what was seen', () => {
    const [span] = unsettled(opened(), at(2)) as [{ start: number; end: number }];
    const settled = withSettled(opened(), span, 0);
    expect(settled).toMatchObject({ total: 20, settledTo: at(1) });
    expect(withSettled(settled, span, 99)).toBe(settled);
    expect(withSettled(settled, { start: at(5), end: at(6) }, 99)).toBe(settled);
  });

  it('shows in how many of its windows it was over, if it comes and goes', () => {
    const windows = [0, 5, 10, 11].reduce<Incident | undefined>(
      (before, window) => withBreach(before, breach(window, 20), true, at(window)),
      undefined,
    ) as Incident;
    const { incident } = shown(windows, 'reminded');
    expect(incident).toMatchObject({ windowsOver: 4, windows: 12, lastedMs: 12 * MINUTE });
  });

  it('takes overlapping windows for one stretch of time', () => {
    const sliding = (start: number, count: number) =>
      breach(0, count, { windowStart: start, windowEnd: start + MINUTE });
    const once = withBreach(undefined, sliding(START, 16), false, START);
    const { windows, hot } = withBreach(once, sliding(START + 10_000, 30), false, START);
    expect([windows, hot]).toEqual([[expect.objectContaining({ start: START, end: at(1, 10_000), count: 30 })], 1]);
  });

  it('shows a sliding window at its own length, and counts a long stretch of them piece by piece', () => {
    const sliding = (from: number, count: number) => ({
      ...breach(0, count, { windowStart: from, windowEnd: from + MINUTE }),
      lengthMs: MINUTE,
    });
    const first = withBreach(undefined, sliding(START, 16), true, at(0, 59_000));
    const twice = withBreach(first, sliding(at(0, 50_000), 30), true, at(1, 49_000));
    const third = withBreach(twice, sliding(at(1, 40_000), 20), true, at(2, 39_000));
    const alert = shown(third, 'reminded', { windowOf: () => undefined });
    expect(alert).toMatchObject({ count: 30, windowMs: MINUTE, windowStart: new Date(at(1, 40_000)) });
    expect(alert).not.toHaveProperty('windowEnd');
    expect(shown(twice, 'reminded').id).toBe(alert.id);
    const spans = unsettled(third, at(3, 2_000));
    expect(spans).toEqual([0, 1, 2].map((window) => ({ start: at(window), end: at(window + 1) })));
    const settled = spans.reduce((before, span, i) => withSettled(before, span, [16, 30, 12][i] as number), third);
    expect(shown(settled, 'resolved').incident).toMatchObject({
      total: 58,
      peak: { count: 30 },
      windowsOver: 1,
      windows: 1,
    });
    // Nothing could be read: the highest that was seen stands for it.
    expect(withSettled(third, spans[0] as never, 0)).toMatchObject({ total: 30 });
  });

  it('has lasted until now, not until the end of a day that goes on', () => {
    const day = withBreach(undefined, breach(0, 20, { windowEnd: at(1_440) }), true, at(60));
    const of = { status: 'reminded', window: lastOf(day), level: day.worst } as const;
    expect(alertOf(day, of, {}, 0, at(61)).incident?.lastedMs).toBe(61 * MINUTE);
    expect(alertOf(day, of, {}, 0, at(1_500)).incident?.lastedMs).toBe(1_440 * MINUTE);
  });

  it('keeps a tenant that JSON can hold, no matter what its resolver returned', () => {
    const attributes = { plan: 'pro', seats: 3n, self: {} } as unknown as NonNullable<Tenant['attributes']>;
    attributes.self = attributes as unknown as string;
    Object.defineProperty(attributes, 'region', {
      enumerable: true,
      get: () => {
        throw new Error('relation is not loaded');
      },
    });
    const tenant = { id: '__proto__', name: 'x'.repeat(10_240), attributes };
    const kept = stored(withBreach(undefined, breach(0, 20, { tenant }), true, at(0))).tenant;
    expect(kept).toEqual({ id: '__proto__', name: expect.any(String), attributes: { plan: 'pro', seats: '3' } });
    expect(kept.name?.length).toBeLessThanOrEqual(200);
  });

  it('has an id of its own for each tenant, also for two that differ in half a character only', () => {
    const ids = ['\ud800', '\ud801', 'a:b', 'a%3Ab', '', '\ufffd'].map((id) =>
      recordId(breach(0, 1, { tenant: { id } }), true),
    );
    expect(new Set(ids).size).toBe(ids.length);
    const uids = ['\ud800', '\ud801'].map((id) => withBreach(undefined, breach(0, 1, { tenant: { id } }), true, 0).uid);
    expect(new Set(uids).size).toBe(2);
  });

  it('tells how it stands: the present count, that at the crossing, the row of windows, and who tells', () => {
    const hot = withBreach(opened(), breach(1, 80, { level: { at: 5, severity: 'critical' } }), true, at(1));
    const now = { ...hot, windows: hot.windows.map((one) => (one.start === at(1) ? { ...one, count: 5_000 } : one)) };
    const production = { service: 'api', environment: 'production' };
    const alert = shown(now, 'escalated', production);
    expect(alert).toMatchObject({
      ...{ service: 'api', environment: 'production', count: 5_000, countAtCrossing: 80, windowEnd: new Date(at(2)) },
      streak: { windows: 2, since: new Date(START) },
      incident: { status: 'escalated', windowsOver: 2, total: 5_020, lastedMs: 2 * MINUTE },
    });
    const linked = shown({ ...now, tenant: { id: 'a/b \ud800' } }, 'opened', {
      publicUrl: 'https://a.example/rate-monitor/',
    });
    expect(linked.link).toBe('https://a.example/rate-monitor/#/llm_call/a%2Fb%20%EF%BF%BD');
    const later = withCount(now, at(1), 6_000);
    expect(shown(later, 'escalated', production).id).toBe(alert.id);
    expect(shown(now, 'opened', production).id).not.toBe(alert.id);
    const staging = { service: 'api', environment: 'staging' };
    expect(shown(now, 'escalated', staging).id).not.toBe(alert.id);
  });

  it('is shown to each channel as an object of its own: what one changes, no other sees', () => {
    const tenant = { id: 'proj_1', name: 'Acme', attributes: { plan: 'pro' } };
    const route = { method: 'POST', path: '/llm/call', handler: 'LlmController.call' };
    const incident = withBreach(undefined, breach(0, 20, { tenant, route }), true, at(0));
    const before = JSON.stringify(shown(incident, 'opened'));
    const changed = shown(incident, 'opened');
    const texts = [changed.tenant, changed.tenant.attributes, changed.route, changed.level, changed.incident?.peak];
    for (const part of texts)
      for (const key of Object.keys(part as object)) Object.assign(part as object, { [key]: 'x' });
    for (const date of [changed.windowStart, changed.windowEnd, changed.incident?.startedAt]) date?.setTime(0);
    expect(JSON.stringify(shown(incident, 'opened'))).toBe(before);
  });

  it('has an id of its own for each reminder of a long window, and the same for a retry', () => {
    const reminder = (before: number) => shown(opened(), 'reminded', {}, before).id;
    expect(reminder(at(0))).toBe(reminder(at(0)));
    expect(reminder(at(30))).not.toBe(reminder(at(0)));
  });

  it('is one again when two replicas that could not talk have told it, with the messages of both', () => {
    const telling = (incident: Incident, memory: string): Incident => ({
      ...incident,
      told: { 'chat#': { levels: { '': 1 }, memory, delivery: { status: 'delivered', attempts: 1 } } },
    });
    const one = telling(opened(20), 'message 1');
    const other = telling(withBreach(opened(30), breach(1, 40), true, at(1)), 'message 2');
    const both = merged(stored(one), stored(other));
    expect(both.told['chat#']).toMatchObject({ memory: 'message 1', also: ['message 2'] });
    expect(both).toMatchObject({ peak: { count: 40 }, hot: 2, windows: [{ count: 30 }, { count: 40 }] });
    expect(merged(both, stored(other))).toEqual(both);
    expect(merged(undefined, other)).toBe(other);
  });

  it('remembers both messages if two replicas sent one, whichever confirms last, and sends both the end', () => {
    const sending = withTold(opened(20), 'chat#', { levels: {}, delivery: { status: 'queued', attempts: 0 } });
    const sent = (status: 'opened' | 'resolved') => ({
      status,
      window: lastOf(sending),
      level: lastOf(sending).level,
      count: 20,
    });
    const confirmed = (incident: Incident, status: 'opened' | 'resolved', memory: string, previous?: string) =>
      withConfirmed(incident, 'chat#', sent(status), memory, previous, at(0));
    const other = confirmed(sending, 'opened', 'message 2');
    expect(other.told['chat#']).not.toHaveProperty('also');
    expect(confirmed(other, 'opened', 'message 3', 'message 2').told['chat#']).not.toHaveProperty('also');
    expect(confirmed(other, 'opened', 'message 1').told['chat#']).toMatchObject({
      memory: 'message 1',
      also: ['message 2'],
    });
    const over = confirmed(other, 'resolved', 'message 2', 'message 2');
    expect(over.told['chat#']).toMatchObject({ resolved: true });
    expect(confirmed(over, 'opened', 'message 1').told['chat#']).not.toHaveProperty('resolved');
  });

  it('is over in both messages only once both were sent the end, whichever is confirmed last', () => {
    const first = withTold(opened(20), 'chat#', { levels: {}, delivery: { status: 'queued', attempts: 0 } });
    const confirmed = (incident: Incident, status: 'opened' | 'resolved', memory: string, previous?: string) => {
      const sent = { status, window: lastOf(first), level: lastOf(first).level, count: 20 };
      return withConfirmed(incident, 'chat#', sent, memory, previous, at(0));
    };
    for (const status of ['opened', 'resolved'] as const) {
      const other = confirmed(first, status, 'message 2');
      const ended = confirmed(other, 'resolved', 'message 1', 'message 1');
      expect(ended.told['chat#']).toMatchObject({ memory: 'message 1', also: ['message 2'] });
      expect(ended.told['chat#']).not.toHaveProperty('resolved');
      const again = confirmed(ended, 'resolved', 'message 1', 'message 1');
      expect(again.told['chat#']).toMatchObject({ also: ['message 2'], resolved: true });
    }
    const back = confirmed(confirmed(confirmed(first, 'opened', 'a'), 'opened', 'b'), 'opened', 'a');
    expect(back.told['chat#']).toMatchObject({ memory: 'a', also: ['b'] });
  });

  it('collects no messages where each window is an alert by itself', () => {
    let incident = withBreach(undefined, breach(0, 20), false, at(0));
    incident = withTold(incident, 'chat#', { levels: {}, delivery: { status: 'queued', attempts: 0 } });
    for (const window of [0, 1, 2, 3]) {
      incident = withBreach(incident, breach(window, 20), false, at(window));
      const sent = { status: 'opened', window: lastOf(incident), level: lastOf(incident).level, count: 20 } as const;
      incident = withConfirmed(incident, 'chat#', sent, `message ${window}`, undefined, at(window));
    }
    expect(incident.told['chat#']).not.toHaveProperty('also');
  });

  it.each([
    ['a window whose level is null', { windows: [{ start: 1, end: 2, level: null }] }],
    ['a window whose level has no number', { windows: [{ start: 1, end: 2, level: {} }] }],
    ['a worst level that is empty', { worst: {} }],
    ['a list of what was told', { told: [] }],
    ['a channel that was told nothing', { told: { 'chat#': null } }],
    ['a channel without levels', { told: { 'chat#': { delivery: { status: 'queued', attempts: 0 } } } }],
    ['a channel without a delivery', { told: { 'chat#': { levels: {} } } }],
  ])('is not recognized in a record with %s', (_what, wrong) => {
    const told = { 'chat#': { levels: {}, delivery: { status: 'queued', attempts: 0 } } } as const;
    const whole = stored({ ...opened(), told });
    expect(isIncident(whole)).toBe(true);
    expect(isIncident({ ...whole, ...(wrong as object) })).toBe(false);
  });

  it('has the total, peak and length of a plain sum, whenever anybody settles', () => {
    const window = fc.record({
      count: fc.nat(4 * THRESHOLD),
      /** How much of it the breaches saw, in percent. */
      seen: fc.array(fc.nat(100), { minLength: 1, maxLength: 3 }),
      settledAfterMs: fc.option(fc.nat(MINUTE - 1)),
      settledTwice: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(window, { minLength: 1, maxLength: 12 }), (windows) => {
        const counts = [THRESHOLD + 1, ...windows.map(({ count }) => count)];
        const settled = (incident: Incident, now: number): Incident =>
          unsettled(incident, now).reduce(
            (next, span) => withSettled(next, span, counts[(span.start - START) / MINUTE] ?? 0),
            incident,
          );
        let incident = opened(THRESHOLD + 1);
        windows.forEach(({ count, seen, settledAfterMs, settledTwice }, i) => {
          const now = at(i + 1, settledAfterMs ?? 0);
          if (settledAfterMs !== null) incident = settled(incident, now);
          if (settledTwice) incident = settled(stored(incident), now);
          for (const percent of seen) {
            const soFar = Math.floor((count * percent) / 100);
            if (soFar > THRESHOLD) incident = stored(withBreach(incident, breach(i + 1, soFar), true, now));
          }
          if (count > THRESHOLD) incident = stored(withBreach(incident, breach(i + 1, count), true, now));
        });
        incident = settled(incident, at(99));
        const last = counts.findLastIndex((count) => count > THRESHOLD);
        const upTo = counts.slice(0, last + 1);
        expect(shown(incident, 'resolved').incident).toMatchObject({
          total: upTo.reduce((sum, count) => sum + count, 0),
          lastedMs: (last + 1) * MINUTE,
          peak: { count: Math.max(...upTo) },
        });
      }),
    );
  });
});
