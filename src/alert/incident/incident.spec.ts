import { aWindow, NOWHERE, oneLength } from '../../../test/support/alert-settings.js';
import { aBreach } from '../../../test/support/a-breach.js';
import fc from 'fast-check';

import type { IncidentStatus } from '../../model/rate-alert.js';
import type { Breach } from '../../model/breach.js';
import type { Tenant } from '../../model/tenant.js';
import { alertOf, type AlertOrigin } from '../sending/alert-of-incident.js';
import {
  lastOf,
  merged,
  recordId,
  withBreach,
  withKnown,
  type Incident,
  type Told,
  type WindowOver,
} from './incident.js';
import {
  spansToCount,
  unsettled,
  withContributors,
  withCount,
  withCounted,
  withSettled,
  type Span,
} from './counts-of-windows.js';
import { withConfirmed, withFailed, withTold } from './told.js';

const MINUTE = 60_000;
const START = 29_000_000 * MINUTE;
const THRESHOLD = 15;
/** All counts were seen. */
const SEEN = { isBlind: false, hidden: undefined };
const breach = (window: number, count: number, more: Partial<Breach> = {}): Breach =>
  aBreach(START + window * MINUTE, { tenant: { id: 'proj_1', name: 'Acme' }, count, threshold: THRESHOLD, ...more });
const at = (window: number, ms = 0): number => START + window * MINUTE + ms;
const stored = (incident: Incident): Incident => JSON.parse(JSON.stringify(incident)) as Incident;
const opened = (count = 20): Incident => withBreach(undefined, breach(0, count), true, at(0, 500));
const shown = (incident: Incident, status: IncidentStatus, more: Partial<AlertOrigin> = {}, before = 0) =>
  alertOf(
    incident,
    { status, window: lastOf(incident), level: incident.worst },
    { ...NOWHERE, ...more },
    { before, now: Infinity },
  );

describe('an incident', () => {
  it('counts a window as over a second after its end', () => {
    expect(unsettled(opened(), at(1, 999), oneLength)).toEqual([]);
    expect(unsettled(opened(), at(1, 1_000), oneLength)).toEqual([{ start: at(0), end: at(1) }]);
    expect(unsettled(opened(), at(1_000), oneLength)).toHaveLength(20);
    const two = withBreach(
      opened(),
      breach(0, 30, { windowStart: at(2, 30_000), windowEnd: at(5) }),
      true,
      at(2, 30_500),
    );
    // A window in which no level was crossed is as long as the last one, and ends where the next one begins.
    expect(unsettled(two, at(5, 1_000), oneLength)).toEqual([
      { start: at(0), end: at(1) },
      { start: at(1), end: at(2, 30_000) },
      { start: at(2, 30_000), end: at(5) },
    ]);
  });

  it('accepts no final count twice, out of order, or below a count that was seen', () => {
    const [span] = unsettled(opened(), at(2), oneLength) as [{ start: number; end: number }];
    const settled = withSettled(opened(), span, 0, false);
    expect(settled).toMatchObject({ total: 20, settledTo: at(1) });
    // Of a store that has lost a part.
    expect(withSettled(opened(), span, 19, false)).toEqual(settled);
    expect(withSettled(settled, span, 99, false)).toBe(settled);
    expect(withSettled(settled, { start: at(5), end: at(6) }, 99, false)).toBe(settled);
  });

  it('shows in how many of its windows it was over, if it comes and goes', () => {
    const windows = [0, 5, 10, 11].reduce<Incident | undefined>(
      (before, window) => withBreach(before, breach(window, 20), true, at(window)),
      undefined,
    ) as Incident;
    const { incident } = shown(windows, 'reminded');
    expect(incident).toMatchObject({ windowsOver: 4, windows: 12, lastedMs: 12 * MINUTE });
  });

  it('treats overlapping windows as one stretch of time', () => {
    const sliding = (start: number, count: number) =>
      breach(0, count, { windowStart: start, windowEnd: start + MINUTE });
    const once = withBreach(undefined, sliding(START, 16), false, START);
    const twice = withBreach(once, sliding(START + 10_000, 30), false, START);
    // An earlier one that comes late takes nothing of it back.
    for (const { windows, hot } of [twice, withBreach(twice, sliding(START + 5_000, 20), false, START)])
      expect([windows, hot]).toEqual([[expect.objectContaining({ start: START, end: at(1, 10_000), count: 30 })], 1]);
  });

  it('shows a fixed window at its length if a sliding one overlaps it, as during a deployment that changes `sliding`', () => {
    const fixed = breach(0, 16);
    const slides = {
      ...breach(0, 18, { windowStart: at(0, 10_000), windowEnd: at(1, 10_000) }),
      lengthMs: MINUTE,
    };
    for (const [one, other, end] of [
      [fixed, slides, at(1, 10_000)],
      [slides, breach(1, 18), at(2)],
      [slides, breach(1, 80, { level: { at: 5, severity: 'critical' } }), at(2)],
    ] as const) {
      const both = withBreach(withBreach(undefined, one, true, at(0, 500)), other, true, at(0, 700));
      expect(shown(both, 'reminded')).toMatchObject({ windowMs: MINUTE, windowStart: new Date(end - MINUTE) });
    }
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
    const spans = unsettled(third, at(3, 2_000), oneLength);
    expect(spans).toEqual([0, 1, 2].map((window) => ({ start: at(window), end: at(window + 1) })));
    const settled = spans.reduce(
      (before, span, i) => withSettled(before, span, [16, 30, 12][i] as number, false),
      third,
    );
    expect(shown(settled, 'resolved').incident).toMatchObject({
      total: 58,
      peak: { count: 30 },
      windowsOver: 1,
      windows: 1,
    });
    // No piece need hold as much as the highest window.
    const little = spans.reduce((before, span) => withSettled(before, span, 5, false), third);
    expect(shown(little, 'resolved').incident).toMatchObject({ total: 30, peak: { count: 30 } });
    // Nothing could be read: the highest that was seen stands for it.
    expect(withSettled(third, spans[0] as never, 0, false)).toMatchObject({ total: 30 });
  });

  it("is not hidden by future windows after the store's clock fell back", () => {
    const before = withBreach(undefined, breach(60, 40), false, at(60, 500));
    const { windows } = withBreach(before, breach(0, 20), false, at(0, 500));
    expect(windows).toEqual([expect.objectContaining({ start: at(0), count: 20 })]);
    // Clocks of replicas differ a little.
    expect(withBreach(before, breach(60, 50), false, at(59, 30_000)).windows[0]?.count).toBe(50);
    expect(withBreach(before, breach(60, 50), false, at(59, 30_000)).raisedAt).toBe(before.raisedAt);
    // A story goes on with the windows it has.
    const story = withBreach(undefined, breach(60, 40), true, at(60, 500));
    expect(withBreach(story, breach(0, 20), true, at(0, 500))).toEqual(story);
  });

  it('has lasted since a long window was crossed, until now, not from the start of the day to its end', () => {
    const day = withBreach(undefined, breach(0, 20, { windowEnd: at(1_440) }), true, at(60));
    const of = { status: 'reminded', window: lastOf(day), level: day.worst } as const;
    expect(alertOf(day, of, NOWHERE, { before: 0, now: at(61) }).incident).toMatchObject({
      startedAt: new Date(at(60)),
      lastedMs: MINUTE,
    });
    expect(alertOf(day, of, NOWHERE, { before: 0, now: at(1_500) }).incident?.lastedMs).toBe(1_380 * MINUTE);
    expect(alertOf(day, of, NOWHERE, { before: 0, now: at(60) }).incident?.lastedMs).toBe(1_000);
    // Noticed once it was over, or by a clock that is behind: what is known is its window.
    for (const noticed of [at(1_440), at(-1)]) {
      const late = withBreach(undefined, breach(0, 20, { windowEnd: at(1_440) }), true, noticed);
      expect(
        alertOf(late, { ...of, window: lastOf(late) }, NOWHERE, { before: 0, now: at(1_500) }).incident?.lastedMs,
      ).toBe(1_440 * MINUTE);
    }
  });

  it('of windows of a minute has lasted for whole windows', () => {
    const of = { status: 'reminded', window: lastOf(opened()), level: opened().worst } as const;
    const { incident } = alertOf(opened(), of, NOWHERE, { before: 0, now: at(9) });
    expect(incident).toMatchObject({ startedAt: new Date(at(0)), lastedMs: MINUTE });
  });

  it('keeps a tenant that fits into JSON, whatever its resolver returned', () => {
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

  it('has a different id for each tenant, even if two differ only in half a surrogate pair', () => {
    const ids = ['\ud800', '\ud801', 'a:b', 'a%3Ab', '', '\ufffd'].map((id) =>
      recordId(breach(0, 1, { tenant: { id } }), true),
    );
    expect(new Set(ids).size).toBe(ids.length);
    const uids = ['\ud800', '\ud801'].map((id) => withBreach(undefined, breach(0, 1, { tenant: { id } }), true, 0).uid);
    expect(new Set(uids).size).toBe(2);
  });

  it('shows the present count, the count at the crossing, the consecutive windows, and the sending app', () => {
    const hot = withBreach(opened(), breach(1, 80, { level: { at: 5, severity: 'critical' } }), true, at(1));
    const now = { ...hot, windows: hot.windows.map((one) => (one.start === at(1) ? { ...one, count: 5_000 } : one)) };
    const production = { service: 'api', environment: 'production' };
    const alert = shown(now, 'escalated', production);
    expect(alert).toMatchObject({
      service: 'api',
      environment: 'production',
      count: 5_000,
      countAtCrossing: 80,
      windowEnd: new Date(at(2)),
      streak: { windows: 2, since: new Date(START) },
      incident: { status: 'escalated', windowsOver: 2, total: 5_020, lastedMs: 2 * MINUTE },
    });
    const linked = shown({ ...now, tenant: { id: 'a/b \ud800' } }, 'opened', {
      publicUrl: 'https://a.example/rate-monitor/',
    });
    expect(linked.link).toBe('https://a.example/rate-monitor#/llm_call/a%2Fb%20%EF%BF%BD');
    const later = withCount(now, at(1), 6_000);
    expect(shown(later, 'escalated', production).id).toBe(alert.id);
    expect(shown(now, 'opened', production).id).not.toBe(alert.id);
    const staging = { service: 'api', environment: 'staging' };
    expect(shown(now, 'escalated', staging).id).not.toBe(alert.id);
  });

  it('is passed to each channel as a separate object, so that one cannot change it for others', () => {
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

  it('has a new id for each reminder of a long window, and the same id for a retry', () => {
    const reminder = (before: number) => shown(opened(), 'reminded', {}, before).id;
    expect(reminder(at(0))).toBe(reminder(at(0)));
    expect(reminder(at(30))).not.toBe(reminder(at(0)));
  });

  it('is merged if two replicas that could not reach each other both sent it, with the messages of both', () => {
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

  it('remembers both messages if two replicas sent one each, in any order, and sends the end to both', () => {
    const sending = withTold(opened(20), 'chat#', { levels: {}, delivery: { status: 'queued', attempts: 0 } });
    const sent = (status: 'opened' | 'resolved') => ({
      status,
      window: lastOf(sending),
      level: lastOf(sending).level,
      count: 20,
    });
    const confirmed = (incident: Incident, status: 'opened' | 'resolved', memory: string, previous?: string) =>
      withConfirmed(incident, 'chat#', { ...sent(status), memory, previous, at: at(0) });
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

  it('has ended only once both messages show the end, in any order', () => {
    const first = withTold(opened(20), 'chat#', { levels: {}, delivery: { status: 'queued', attempts: 0 } });
    const confirmed = (incident: Incident, status: 'opened' | 'resolved', memory: string, previous?: string) => {
      const sent = { status, window: lastOf(first), level: lastOf(first).level, count: 20 };
      return withConfirmed(incident, 'chat#', { ...sent, memory, previous, at: at(0) });
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

  it('collects no messages if each window is its own alert', () => {
    let incident = withBreach(undefined, breach(0, 20), false, at(0));
    incident = withTold(incident, 'chat#', { levels: {}, delivery: { status: 'queued', attempts: 0 } });
    for (const window of [0, 1, 2, 3]) {
      incident = withBreach(incident, breach(window, 20), false, at(window));
      const sent = { status: 'opened', window: lastOf(incident), level: lastOf(incident).level, count: 20 } as const;
      const stored = { memory: `message ${window}`, previous: undefined };
      incident = withConfirmed(incident, 'chat#', { ...sent, ...stored, at: at(window) });
    }
    expect(incident.told['chat#']).not.toHaveProperty('also');
  });

  describe('adds a breach', () => {
    const critical = { at: 5, severity: 'critical' } as const;
    const crossing = (window: number, count: number, now = at(window, 500), more: Partial<Breach> = {}) =>
      [breach(window, count, more), true, now] as const;
    const route = { method: 'POST', path: '/llm/call', handler: 'LlmController.call' };

    it('with all of its fields', () => {
      const contributors = [{ label: 'key_1', count: 12 }];
      const first = { ...breach(0, 20, { route, contributors }), lengthName: 'minute' };
      const level = { at: 1, severity: 'warning' };
      expect(withBreach(undefined, first, true, at(0, 500))).toEqual({
        uid: expect.stringMatching(/^[\w-]{22}$/),
        category: 'llm_call',
        window: '',
        lengthName: 'minute',
        tenant: { id: 'proj_1', name: 'Acme' },
        story: true,
        raisedAt: at(0, 500),
        startedAt: at(0),
        windows: [
          {
            start: at(0),
            end: at(1),
            seenAt: at(0, 500),
            count: 20,
            crossing: 20,
            threshold: 15,
            level,
            countedBy: 'all',
            route,
            contributors,
          },
        ],
        hot: 1,
        streak: { windows: 1, since: at(0) },
        worst: level,
        peak: { count: 20, start: at(0) },
        total: 0,
        calm: 0,
        settledTo: at(0),
        told: {},
      });
      expect(opened()).not.toHaveProperty('lengthName');
      expect(opened()).toHaveProperty('window', '');
    });

    it('as a new incident once it was closed', () => {
      const over = { ...withCount(opened(), at(0), 900), closedAt: at(9) };
      expect(withBreach(over, ...crossing(9, 20))).toEqual(withBreach(undefined, ...crossing(9, 20)));
    });

    it('as consecutive up to a second after the last window', () => {
      const next = (ms: number) =>
        withBreach(opened(), ...crossing(1, 20, at(2), { windowStart: at(1, ms), windowEnd: at(2, ms) })).streak;
      expect(next(1_000)).toEqual({ windows: 2, since: at(0) });
      expect(next(1_001)).toEqual({ windows: 1, since: at(1, 1_001) });
    });

    it('and adds the count of a window that it drops, unless that count was final', () => {
      const five = [1, 2, 3, 4].reduce((one, window) => withBreach(one, ...crossing(window, 20)), opened());
      expect(five).toMatchObject({ total: 0, settledTo: at(0) });
      expect(withBreach(five, ...crossing(4, 30))).toMatchObject({ total: 0, settledTo: at(0) });
      expect(withBreach(five, ...crossing(5, 30))).toMatchObject({ total: 20, settledTo: at(1), isPartial: true });
      const settled = withSettled(five, { start: at(0), end: at(1) }, 25, false);
      expect(withBreach(settled, ...crossing(5, 30))).toMatchObject({ total: 25, settledTo: at(1) });
      expect(withBreach(settled, ...crossing(5, 30))).not.toHaveProperty('isPartial');
    });

    it('and keeps the worst level and the first peak', () => {
      const hot = withBreach(undefined, ...crossing(0, 80, at(0), { level: critical }));
      expect(withBreach(hot, ...crossing(1, 20)).worst).toBe(hot.worst);
      const other = { at: 5, severity: 'warning' } as const;
      expect(withBreach(hot, ...crossing(1, 80, at(1), { level: other }))).toMatchObject({
        worst: critical,
        peak: hot.peak,
      });
    });

    it('of the same window as the higher of the two, without changing other windows', () => {
      const two = [0, 1].reduce<Incident | undefined>(
        (before, window) => withBreach(before, breach(window, 20), false, at(window)),
        undefined,
      );
      for (const window of [0, 1]) {
        const { windows, hot } = withBreach(two, breach(window, 90), false, at(1, 900));
        expect([windows.map(({ count }) => count), hot]).toEqual([window === 0 ? [90, 20] : [20, 90], 2]);
      }
      const known = withBreach(undefined, ...crossing(0, 20, at(0, 500), { route }));
      const [window] = known.windows;
      const other = { ...route, handler: 'LlmController.stream' };
      const again = (count: number, now: number, more: Partial<Breach> = {}) =>
        withBreach(known, ...crossing(0, count, now, more)).windows;
      expect(again(30, at(0, 400))).toEqual([{ ...window, count: 30 }]);
      expect(again(19, at(0, 600), { route: other })).toEqual([{ ...window, seenAt: at(0, 600), route: other }]);
      expect(again(80, at(0, 600), { level: critical })).toEqual([
        { ...window, seenAt: at(0, 600), count: 80, crossing: 80, level: critical },
      ]);
      expect(again(19, at(0, 600), { level: { at: 0.8, severity: 'info' } })).toEqual([
        { ...window, seenAt: at(0, 600) },
      ]);
      expect(withBreach(known, ...crossing(-1, 90)).windows).toEqual([window]);
    });
  });

  describe('is counted', () => {
    const two = withBreach(opened(20), breach(1, 20), true, at(1));
    const windows = { ...two, story: false };
    const [first, last] = two.windows as [Incident['windows'][0], Incident['windows'][0]];

    it('in its present window, at the highest count that was read', () => {
      expect(withCount(two, at(1), 30)).toEqual({
        ...two,
        windows: [first, { ...last, count: 30 }],
        peak: { count: 30, start: at(1) },
      });
      const peaked = { ...two, peak: { count: 30, start: at(0) } };
      for (const count of [21, 30]) expect(withCount(peaked, at(1), count).peak).toEqual(peaked.peak);
      for (const count of [19, 20]) expect(withCount(two, at(1), count)).toBe(two);
      expect(withCount(two, at(7), 99)).toBe(two);
    });

    it('permanently in past windows: those without a breach after the last one are calm', () => {
      const settled = withSettled(two, first, 50, false);
      expect(settled).toEqual({
        ...two,
        settledTo: at(1),
        total: 50,
        peak: { count: 50, start: at(0) },
        windows: [{ ...first, count: 50 }, last],
      });
      expect(withSettled(two, first, 20, false).peak).toBe(two.peak);
      const over = withSettled(settled, last, 50, false);
      expect(over).toMatchObject({ total: 100, peak: { count: 50, start: at(0) } });
      expect(withSettled(over, { start: at(2), end: at(3) }, 60, false)).toMatchObject({
        total: 100,
        calm: 60,
        peak: over.peak,
      });
    });

    it("by all replicas, once the store's count is at least that of the replica that counted alone", () => {
      const alone = withBreach(undefined, breach(0, 20, { countedBy: 'instance' }), true, at(0, 500));
      const by = (incident: Incident) => lastOf(incident).countedBy;
      const running = (count: number | undefined) => by(withCounted(alone, lastOf(alone), count, at(0, 900), SEEN));
      expect([undefined, 20, 21].map(running)).toEqual(['instance', 'instance', 'all']);
      const over = (count: number | undefined, isBlind = false) =>
        by(withCounted(alone, { start: at(0), end: at(1) }, count, at(1, 1_000), { ...SEEN, isBlind }));
      expect([over(undefined, true), over(19), over(20), over(21)]).toEqual(['instance', 'instance', 'all', 'all']);
      // What a channel was sent may still be of one alone.
      expect(by(withCount(alone, at(0), 21))).toBe('instance');
    });

    it('in past windows or the running one, but not once it is closed', () => {
      expect(spansToCount(two, at(1, 500), oneLength)).toEqual([last]);
      expect(spansToCount(two, at(1, 1_000), oneLength)).toEqual([{ start: at(0), end: at(1) }]);
      const settled = { ...two, settledTo: at(2) };
      expect(spansToCount(settled, at(2, 500), oneLength)).toEqual([]);
      expect(spansToCount({ ...two, settledTo: at(1) }, at(1, 1_000), oneLength)).toEqual([last]);
      expect(spansToCount({ ...windows, settledTo: at(2) }, at(9), oneLength)).toEqual([last]);
      expect(spansToCount({ ...two, closedAt: at(5) }, at(5), oneLength)).toEqual([]);
    });

    it('as final a second after the end, and without a count only if none can be read for a while', () => {
      const counted = (count: number | undefined, now: number, isBlind = false, incident = two) =>
        withCounted(incident, first, count, now, { ...SEEN, isBlind });
      expect(counted(30, at(1, 999))).toEqual(withCount(two, at(0), 30));
      expect(counted(undefined, at(1, 999))).toBe(two);
      expect(counted(30, at(1, 1_000))).toEqual(withSettled(two, first, 30, false));
      expect(counted(30, at(9), false, windows)).toEqual(withCount(windows, at(0), 30));
      expect(counted(undefined, at(1, 59_999))).toBe(two);
      expect(counted(undefined, at(2))).toEqual(withSettled(two, first, 0, false));
      for (const now of [at(1, 1_000), at(9)]) expect(counted(undefined, now, true)).toBe(two);
      expect(counted(30, at(2))).toEqual(withSettled(two, first, 30, false));
    });

    it('partially, if the store was away until it had dropped the counts of a window', () => {
      const counted = (hidden: Span, count?: number) =>
        withCounted(two, first, count, at(3), { isBlind: false, hidden }).isPartial ?? false;
      expect(counted({ start: at(0), end: at(2) }, 16)).toBe(true);
      expect(counted({ start: at(0), end: at(2) - 1 }, 16)).toBe(false);
      expect(counted({ start: at(1), end: at(9) }, 16)).toBe(false);
      // It has no counts, as one that the app raised.
      expect(counted({ start: at(0), end: at(2) })).toBe(false);
      const settled = withSettled({ ...two, isPartial: true }, first, 30, false);
      expect([settled.isPartial, withSettled(two, first, 30, false).isPartial]).toEqual([true, undefined]);
    });

    it('by contributor in its last window', () => {
      const contributors = [{ label: 'key_1', count: 12 }];
      expect(withContributors(two, contributors)).toEqual({ ...two, windows: [first, { ...last, contributors }] });
    });
  });

  describe('in two records', () => {
    const [low, high] = [{ at: 1, severity: 'warning' } as const, { at: 5, severity: 'critical' } as const];
    const delivery = { status: 'delivered', attempts: 1 } as const;
    const [a] = opened().windows as [Incident['windows'][0]];
    const windowsAt = (...starts: number[]) => starts.map((start) => ({ ...a, start: at(start), end: at(start + 1) }));
    const one: Incident = {
      ...opened(),
      windows: windowsAt(0, 5),
      hot: 2,
      raisedAt: at(0, 500),
      startedAt: at(0),
      streak: { windows: 1, since: at(5) },
      worst: high,
      peak: { count: 20, start: at(0) },
      total: 20,
      calm: 3,
      settledTo: at(2),
    };
    const other: Incident = {
      ...one,
      windows: windowsAt(1, 2, 3, 4),
      hot: 4,
      raisedAt: at(1, 500),
      startedAt: at(1),
      streak: { windows: 4, since: at(1) },
      worst: low,
      peak: { count: 90, start: at(3) },
      total: 60,
      calm: 0,
      settledTo: at(4),
      v01: 'old',
    };

    it('is the sum of both, whichever of them is in the store', () => {
      for (const both of [merged(one, other), merged(other, one)])
        expect(both).toEqual({
          ...one,
          windows: windowsAt(1, 2, 3, 4, 5),
          hot: 5,
          raisedAt: at(0, 500),
          startedAt: at(0),
          streak: other.streak,
          worst: high,
          peak: other.peak,
          total: 60,
          calm: 0,
          settledTo: at(4),
          v01: 'old',
        });
      expect(merged({ ...one, hot: 9 }, other).hot).toBe(9);
    });

    it('is partial if one is, or if a replica alone counted in a window that the other had settled', () => {
      expect(merged(one, { ...other, isPartial: true })).toMatchObject({ isPartial: true });
      expect(merged({ ...one, isPartial: true }, other)).toMatchObject({ isPartial: true });
      const alone = (start: number): Incident => ({
        ...other,
        // The latest is counted by all.
        windows: [{ ...windowsAt(start)[0], countedBy: 'instance' } as WindowOver, ...windowsAt(5)],
      });
      expect([1, 2].map((start) => merged(one, alone(start)).isPartial)).toEqual([true, undefined]);
    });

    it('is as in the store if both know the same', () => {
      const same = {
        ...one,
        streak: { ...one.streak, windows: 9 },
        worst: { ...high, severity: 'info' as const },
        peak: { ...one.peak, start: at(5) },
        total: 21,
      };
      expect(merged(one, same)).toEqual(one);
    });

    it('has an end to send if it continued elsewhere after one replica had sent its end', () => {
      const told = { x: { levels: { '': 1 }, when: 2, delivery } };
      const ended: Incident = { ...other, closedAt: at(5), told: { x: { ...told.x, when: 3, resolved: true } } };
      expect(merged({ ...one, told }, ended).told.x?.resolved).toBe(false);
      // Not if nothing came after, nor if it is over in the store, too.
      expect(merged({ ...one, windows: windowsAt(4), told }, ended).told.x?.resolved).toBe(true);
      expect(merged({ ...one, closedAt: at(6), told }, ended).told.x?.resolved).toBe(true);
    });

    it('has the later confirmation of a channel, up to the higher level of each window', () => {
      const told = (shared: Told | undefined, mine: Told) =>
        merged({ ...one, told: shared ? { x: shared } : {} }, { ...one, told: { x: mine } }).told.x;
      const early: Told = { levels: { '1': 5, '2': 1 }, when: 1, count: 20, delivery };
      const late: Told = { levels: { '2': 5, '3': 1 }, when: 2, count: 30, delivery };
      const levels = { '1': 5, '2': 5, '3': 1 };
      expect([told(early, late), told(late, early)]).toEqual(Array(2).fill({ ...late, levels }));
      expect(told(undefined, late)).toEqual(late);
      const never: Told = { levels: {}, delivery: { status: 'queued', attempts: 0 } };
      expect([told(never, late), told(late, never)]).toEqual([late, late]);
      expect(told(never, { ...never, delivery })).toEqual(never);
      expect(told(early, { ...early, count: 99 })).toEqual(early);
      expect(told({ ...early, memory: 'a' }, early)).toEqual({ ...early, memory: 'a' });
      expect(told(early, { ...early, memory: 'a' })).toEqual({ ...early, memory: 'a' });
      for (const both of [told({ ...early, resolved: true }, late), told(early, { ...late, resolved: true })])
        expect(both).toEqual({ ...late, levels, resolved: true });
    });
  });

  describe('read from a store that may have lost its last changes', () => {
    const there = opened();
    const delivery = { status: 'delivered', attempts: 1 } as const;
    const toldAt = (when: number): Incident['told'] => ({ x: { levels: { '': 1 }, when, count: 20, delivery } });
    const breached = (ms: number): Incident => withBreach(there, breach(0, 30), true, at(0, ms));
    const ended: Incident = { ...there, closedAt: at(5), raisedTo: 99 };

    it('is what was read, if this replica knows nothing else, or another one', () => {
      expect(withKnown(there, undefined)).toBe(there);
      expect(withKnown(there, there)).toBe(there);
      expect(withKnown(there, { ...ended, uid: 'another', told: toldAt(at(1)) })).toBe(there);
      expect(withKnown(undefined, there)).toBeUndefined();
    });

    it('has the confirmations that this replica knows, unless a later one was read', () => {
      const mine = { ...there, told: toldAt(at(1)) };
      expect(withKnown(there, mine)?.told).toEqual(mine.told);
      expect(withKnown({ ...there, told: toldAt(at(0, 900)) }, mine)?.told).toEqual(mine.told);
      const queued: Told = { levels: {}, delivery: { status: 'queued', attempts: 0 } };
      for (const when of [at(1), at(2)]) {
        const later = { ...there, told: toldAt(when) };
        expect(withKnown(later, mine)).toBe(later);
        expect(withKnown(later, { ...there, told: { x: queued } })).toBe(later);
      }
    });

    it('has none from before it began again', () => {
      const again = { ...there, raisedAt: at(1, 1) };
      expect(withKnown(again, { ...there, told: toldAt(at(1)) })).toBe(again);
      const queued: Incident = { ...again, told: { x: { levels: {}, delivery: { status: 'queued', attempts: 0 } } } };
      expect(withKnown(queued, { ...there, told: toldAt(at(1)) })).toBe(queued);
      expect(withKnown(queued, { ...there, told: toldAt(at(1, 1)) })?.told).toEqual(toldAt(at(1, 1)));
    });

    it('has the last breach that this replica knows', () => {
      expect(withKnown(there, breached(900))).toMatchObject({ windows: [{ count: 30 }] });
      const later = breached(901);
      expect(withKnown(later, breached(900))).toBe(later);
    });

    it('has ended as this replica knows, unless a breach came after that', () => {
      expect(withKnown(there, ended)).toMatchObject({ closedAt: at(5), raisedTo: 99 });
      expect(withKnown(there, { ...there, closedAt: at(5) })).not.toHaveProperty('raisedTo');
      expect(withKnown(there, { ...breached(900), closedAt: at(5) })).toMatchObject({ closedAt: at(5) });
      const [later, again, over] = [breached(900), { ...there, raisedAt: at(6) }, { ...there, closedAt: at(4) }];
      for (const read of [later, again, over]) expect(withKnown(read, ended)).toBe(read);
    });
  });

  describe('once a channel', () => {
    const level = { at: 1, severity: 'warning' } as const;
    const known: Told = {
      levels: { '': 5, [at(0)]: 5, [at(-9)]: 1 },
      memory: 'a',
      by: 'me',
      until: 1,
      next: 2,
      faults: 3,
      delivery: { status: 'retried', attempts: 3, reason: 'slow' },
    };
    const confirmed = (incident: Incident, told: Told, sent: object, memory?: string, previous?: string) =>
      withConfirmed(withTold(incident, 'x', told), 'x', {
        ...{ status: 'opened', window: lastOf(incident), level, count: 30, ...sent },
        ...{ memory, previous, at: at(0, 900) },
      });
    const { by, until, next, faults, ...rest } = known;
    const heard = { ...rest, level, when: at(0, 900), count: 30, delivery: { status: 'delivered', attempts: 4 } };

    it('confirms, keeps the confirmation, but no lease, fault or old window', () => {
      expect([by, until, next, faults]).toEqual(['me', 1, 2, 3]);
      const counted = withCount(opened(), at(0), 30);
      const levels = { '': 5, [at(0)]: 5 };
      expect(confirmed(opened(), known, {})).toEqual(withTold(counted, 'x', { ...heard, levels } as Told));
      const higher = confirmed(opened(), known, { level: { ...level, at: 9 } });
      expect(higher.told.x?.levels).toEqual({ ...levels, '': 9 });
      const windows = { ...opened(), story: false };
      const fresh: Told = { levels: {}, delivery: { status: 'queued', attempts: 0 } };
      expect(confirmed(windows, fresh, {}, 'b').told.x).toEqual({
        levels: { [at(0)]: 1 },
        level,
        when: at(0, 900),
        count: 30,
        memory: 'b',
        delivery: { status: 'delivered', attempts: 1 },
      });
    });

    it('confirms the end, keeps that, and does not treat its last count as news', () => {
      const over = confirmed(opened(), known, { status: 'resolved' });
      expect(over.told.x).toEqual({ ...heard, levels: { '': 5, [at(0)]: 5 }, resolved: true });
      expect([over.windows, over.peak]).toEqual([opened().windows, opened().peak]);
      expect(confirmed(opened(), known, { status: 'resolved' }, 'a', 'b').told.x).toMatchObject({ resolved: true });
      const { memory, ...lost } = known;
      expect(memory).toBe('a');
      expect(confirmed(opened(), lost, {}, 'b', 'a').told.x).not.toHaveProperty('also');
    });

    it('refuses, is free for another replica and counts its failures', () => {
      const failed = withFailed(
        withTold(opened(), 'x', known),
        'x',
        { refused: true, reason: 'gone', isSuspect: false, itsFault: false },
        at(3),
      );
      const delivery = { status: 'failed', attempts: 4, reason: 'gone' };
      expect(failed).toEqual(withTold(opened(), 'x', { ...rest, faults: 4, next: at(3), delivery } as Told));
      const { faults: none, ...first } = failed.told.x as Told;
      expect(none).toBe(4);
      const again = withFailed(
        withTold(opened(), 'x', first),
        'x',
        { refused: false, reason: 'slow', isSuspect: true, itsFault: true },
        1,
      );
      expect(again.told.x).toMatchObject({
        faults: 1,
        isAtFault: true,
        isSuspect: true,
        delivery: { status: 'retried' },
      });
      const told = confirmed(again, again.told.x as Told, {}).told.x;
      expect(told).not.toHaveProperty('isAtFault');
      expect(told).not.toHaveProperty('isSuspect');
    });
  });

  it('has a readable id of category, window and tenant, in which separators in names are escaped', () => {
    const named = { ...breach(0, 1, { category: 'a:b', tenant: { id: 'proj-1 \ud800/é' } }), lengthName: 'minute' };
    expect(recordId(named, true)).toBe('story:a%3Ab:minute:proj-1%20%ud800%2F%C3%A9');
    expect(recordId(breach(0, 1), false)).toBe('windows:llm_call::proj_1');
  });

  it('is shown with everything that is known about it', () => {
    const route = { method: 'POST', path: '/llm/call', handler: 'LlmController.call' };
    const contributors = [{ label: 'key_1', count: 12 }];
    const tenant = { id: 'proj_1', name: 'Acme', attributes: { plan: 'pro' } };
    const critical = { at: 5, severity: 'critical' } as const;
    const first = withBreach(undefined, breach(0, 90, { tenant, route, contributors, level: critical }), true, at(0));
    const two = withCount(withBreach(first, breach(1, 20, { tenant }), true, at(1)), at(1), 30);
    const windowOf = () => ({ ...aWindow('day', MINUTE, { name: 'day' }), timeZone: 'Europe/Berlin' });
    const alert = (status: IncidentStatus, incident: Incident = two, start = at(1)) =>
      alertOf(
        incident,
        { status, window: { start }, level: incident.worst },
        { ...NOWHERE, windowOf },
        { before: 0, now: Infinity },
      );
    const both = {
      category: 'llm_call',
      window: 'day',
      timeZone: 'Europe/Berlin',
      tenant,
      threshold: 15,
      level: critical,
    };
    const progress = {
      id: two.uid,
      startedAt: new Date(at(0)),
      lastedMs: 2 * MINUTE,
      total: 120,
      windowsOver: 2,
      windows: 2,
      peak: { count: 90, windowStart: new Date(at(0)) },
    };
    const streak = { windows: 2, since: new Date(at(0)) };
    expect(alert('reminded')).toStrictEqual({
      ...both,
      id: expect.stringMatching(/^[\w-]{22}$/),
      count: 30,
      countAtCrossing: 20,
      countedBy: 'all',
      streak,
      windowStart: new Date(at(1)),
      windowEnd: new Date(at(2)),
      windowMs: MINUTE,
      incident: { ...progress, status: 'reminded' },
    });
    // The end shows the worst of it; so does an alert about a window that is not the last one.
    const shownFirst = {
      ...both,
      id: expect.any(String),
      count: 90,
      countedBy: 'all',
      streak,
      route,
      contributors,
      windowStart: new Date(at(0)),
      windowEnd: new Date(at(1)),
      windowMs: MINUTE,
    };
    const end = { ...progress, status: 'resolved', thresholdRaisedTo: 100 };
    const higher = { ...withCount(two, at(0), 95), raisedTo: 100, isPartial: true };
    expect(alert('resolved', higher)).toStrictEqual({
      ...shownFirst,
      count: 95,
      incident: { ...end, total: 125, isPartial: true, peak: { ...progress.peak, count: 95 } },
    });
    expect(alert('opened', { ...two, story: false }, at(0))).toStrictEqual(shownFirst);
    const third = withBreach(withCount(two, at(1), 99), breach(2, 20, { tenant }), true, at(2));
    expect(alert('resolved', third)).toMatchObject({ count: 99, windowStart: new Date(at(1)), countedBy: 'all' });
    expect(alert('resolved', third)).not.toHaveProperty('route');
    expect(Object.keys(shown(opened(), 'opened')).sort()).toEqual([
      ...['category', 'count', 'countedBy', 'id', 'incident', 'level', 'tenant', 'threshold'],
      ...['windowEnd', 'windowMs', 'windowStart'],
    ]);
    expect(shown(opened(), 'opened')).not.toHaveProperty('streak');
    expect(shown(opened(), 'opened', {}, 7).id).toBe(shown(opened(), 'opened', {}, 8).id);
    expect(shown(opened(), 'opened', { publicUrl: 'https://a.example/monitor//' }).link).toBe(
      'https://a.example/monitor#/llm_call/proj_1',
    );
  });

  it('has the same total, peak and length as a plain sum, whenever windows are settled', () => {
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
          unsettled(incident, now, oneLength).reduce(
            (next, span) => withSettled(next, span, counts[(span.start - START) / MINUTE] ?? 0, false),
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
