import { oneLength } from '../../../test/support/alert-settings.js';
import { aBreach } from '../../../test/support/a-breach.js';
import type { AlertLevel, Severity } from '../../model/level.js';
import type { Breach } from '../../model/breach.js';
import type { Situation } from '../incident/situation.js';
import { due, plan, presentWindow, wants } from './what-is-due.js';
import { withBreach, type Incident, type Told } from '../incident/incident.js';
import { withSettled, unsettled } from '../incident/counts-of-windows.js';

const MINUTE = 60_000;
const START = 1_700_000_040_000 - (1_700_000_040_000 % MINUTE);
const INFO: AlertLevel = { at: 0.8, severity: 'info' };
const OVER: AlertLevel = { at: 1, severity: 'warning' };
const FAR: AlertLevel = { at: 5, severity: 'critical' };
const settings = { remindAfterMs: 30 * MINUTE, resolveAfterMs: undefined, periodEnd: oneLength };
/** A time at which nothing is muted, and all counts were seen. */
const moment = (now: number, more: Partial<Situation> = {}): Situation => ({
  now,
  settings,
  mute: undefined,
  seesSince: undefined,
  ...more,
});
const muteUntil = (until: number) => ({ mute: { until: new Date(until), reason: 'a test' } });
const all = {};
const only = (minSeverity: Severity) => ({ minSeverity });

/** A breach so many windows after the first, at a moment of it. */
const breach = (window: number, level = OVER, count = 16): Breach => aBreach(START + window * MINUTE, { count, level });
const at = (window: number, ms = 1_000): number => START + window * MINUTE + ms;
const after = (story: boolean, ...breaches: Breach[]): Incident =>
  breaches.reduce<Incident | undefined>(
    (incident, one) => withBreach(incident, one, story, one.windowStart + 1_000),
    undefined,
  ) as Incident;
const told = (levels: Record<string, number>, more: Partial<Told> = {}): Told => ({
  levels,
  when: at(0),
  count: 16,
  delivery: { status: 'delivered', attempts: 1 },
  ...more,
});

describe('what a channel is due if each window is its own alert', () => {
  const hear = (incident: Incident, known: Told | undefined, now: number, channel = all) => {
    const next = due(incident, known, channel, moment(now));
    return next && [next.status, next.level.severity, (next.window.start - START) / MINUTE];
  };

  it('is the window at its highest level, once, and later a higher level of it', () => {
    const ramp = after(false, breach(0, INFO), breach(0, OVER), breach(0, FAR, 200));
    expect(hear(ramp, undefined, at(0))).toEqual(['opened', 'critical', 0]);
    expect(hear(ramp, told({ [START]: 1 }), at(0))).toEqual(['escalated', 'critical', 0]);
    expect(hear(ramp, told({ [START]: 5 }), at(0))).toBeUndefined();
  });

  it('is each window that was not sent, oldest first, but none that is long past', () => {
    const windows = after(false, breach(0, FAR), breach(1), breach(2));
    expect(hear(windows, undefined, at(2))).toEqual(['opened', 'critical', 0]);
    expect(hear(windows, told({ [START]: 5 }), at(2))).toEqual(['opened', 'warning', 1]);
    // Ten minutes after its end.
    expect(hear(windows, undefined, at(13, 0))).toEqual(['opened', 'warning', 2]);
    expect(hear(windows, undefined, at(13, 1))).toBeUndefined();
    const day = after(false, { ...breach(0), windowEnd: START + 1_440 * MINUTE });
    expect(hear(day, undefined, at(3 * 1_440, 0))).toEqual(['opened', 'warning', 0]);
    expect(hear(day, undefined, at(3 * 1_440, 1))).toBeUndefined();
  });

  it("is nothing that the channel's options exclude, or that ended under a mute", () => {
    expect(hear(after(false, breach(0)), undefined, at(0), only('critical'))).toBeUndefined();
    expect(due(after(false, breach(0)), undefined, { categories: ['x'] }, moment(at(0)))).toBeUndefined();
    const windows = after(false, breach(0), breach(1));
    expect(hear(windows, told({}, { held: at(1, 30_000) }), at(1, 30_000))).toEqual(['opened', 'warning', 1]);
    expect(hear(windows, told({}, { held: at(2, 0) }), at(2))).toBeUndefined();
    // What is about no category in particular.
    expect(wants({ categories: ['x'] }, undefined, OVER)).toBe(true);
  });

  it('includes a window whose breach is noticed after that of a later one, by a replica that could not publish', () => {
    const windows = after(false, breach(1), breach(0), breach(3), breach(2, FAR));
    expect(windows.windows.map(({ start }) => (start - START) / MINUTE)).toEqual([0, 1, 2, 3]);
    expect(windows.hot).toBe(4);
    const known = { [at(1, 0)]: 1, [at(3, 0)]: 1 };
    expect(hear(windows, told(known), at(3))).toEqual(['opened', 'warning', 0]);
    expect(hear(windows, told({ ...known, [START]: 1 }), at(3))).toEqual(['opened', 'critical', 2]);
    expect(hear(windows, told({ ...known, [START]: 1, [at(2, 0)]: 5 }), at(3))).toBeUndefined();
    // A story goes on from its last window.
    expect(after(true, breach(1), breach(0)).windows).toHaveLength(1);
  });

  it('is nothing new for a sliding window if an earlier breach arrives late, from another replica or after a clock fell back', () => {
    const early = { ...breach(0), windowStart: START - 10_000, windowEnd: at(1, -10_000) };
    const slid = after(false, breach(0), early);
    expect(hear(slid, told({ [START]: 1 }), at(0))).toBeUndefined();
    const hot = after(false, breach(0), { ...early, level: FAR, count: 200 });
    expect(hear(hot, told({ [START]: 1 }), at(0))).toEqual(['escalated', 'critical', 0]);
  });

  it('counts consecutive windows, and starts over after one without a breach', () => {
    const windows = after(false, ...[0, 1, 2, 3, 4, 5, 6].map((window) => breach(window)));
    expect(windows.streak).toEqual({ windows: 7, since: START });
    expect(withBreach(windows, breach(8), false, at(8)).streak).toEqual({ windows: 1, since: at(8, 0) });
    expect(windows.windows).toHaveLength(5);
  });
});

describe('what a channel is due about an incident', () => {
  const hear = (incident: Incident, known: Told | undefined, now: number, channel = all) => {
    const next = due(incident, known, channel, moment(now));
    return next && [next.status, next.level.severity];
  };
  const closed = (incident: Incident, closedAt: number): Incident => ({ ...incident, closedAt });

  it('is that it opened, once, and that it escalated', () => {
    expect(hear(after(true, breach(0)), undefined, at(0))).toEqual(['opened', 'warning']);
    expect(hear(after(true, breach(0), breach(1)), told({ '': 1 }), at(1))).toBeUndefined();
    expect(hear(after(true, breach(0), breach(1, FAR)), told({ '': 1 }), at(1))).toEqual(['escalated', 'critical']);
    expect(hear(after(true, breach(0), breach(1, FAR)), undefined, at(1), only('critical'))).toEqual([
      'opened',
      'critical',
    ]);
  });

  it('is nothing that a mute held back until its window had ended, but what is still over when the mute ends', () => {
    const story = after(true, breach(0));
    expect(hear(story, told({}, { held: at(1, 0) }), at(1))).toBeUndefined();
    expect(hear(story, told({}, { held: at(0, 59_999) }), at(0, 59_999))).toEqual(['opened', 'warning']);
  });

  it('is a reminder at the present level, even if a new window begins with the lower levels', () => {
    const hot = [FAR, INFO].map((level, i) => breach(30 + i, level, 90));
    const story = after(true, breach(0, FAR, 90), ...hot);
    expect(presentWindow(story)).toMatchObject({ start: at(30, 0), level: FAR, count: 90 });
    const known = told({ '': 5 });
    expect(hear(story, known, at(31), only('critical'))).toEqual(['reminded', 'critical']);
    // Uses that window's count; otherwise a critical message would read "near".
    expect(due(story, known, all, moment(at(31)))?.window.start).toBe(at(30, 0));
    expect(hear(story, told({ '': 5 }, { when: at(2) }), at(31))).toBeUndefined();
    const calmer = after(true, breach(0, FAR, 90), breach(30), breach(31));
    expect(hear(calmer, known, at(31), only('critical'))).toBeUndefined();
    expect(hear(calmer, known, at(31))).toEqual(['reminded', 'warning']);
    // To the millisecond.
    const window = { ...breach(30), windowStart: at(30, 0), windowEnd: at(31, 0) };
    const again = withBreach(after(true, breach(0)), window, true, at(30, 500));
    const hearAgain = (now: number) => hear(again, told({ '': 1 }, { when: at(0, 500) }), now);
    expect([hearAgain(at(30, 499)), hearAgain(at(30, 500))]).toEqual([undefined, ['reminded', 'warning']]);
    expect([hearAgain(at(31, -1)), hearAgain(at(31, 0))]).toEqual([['reminded', 'warning'], undefined]);
  });

  it('is a reminder inside a long window if the count has grown, and none if it has not', () => {
    const day = { windowStart: START, windowEnd: START + 1_440 * MINUTE };
    const story = withBreach(undefined, { ...breach(0), ...day }, true, at(0));
    const known = told({ '': 1 });
    expect(hear(story, known, at(31))).toBeUndefined();
    const grown = { ...story, windows: story.windows.map((window) => ({ ...window, count: 9_000 })) };
    expect(hear(grown, known, at(31))).toEqual(['reminded', 'warning']);
    const looks = (incident: Incident, heard = known, now = at(1)) =>
      plan({ ...incident, told: { x: heard } }, new Map([['x', all]]), moment(now)).lookAt;
    // A deployment may have raised its threshold.
    expect(looks(story)).toBe(at(6));
    expect(looks(story, known, at(28))).toBe(at(30));
    // The tenant has stopped, for now: that is not looked at every second for the rest of the day.
    expect(looks(story, known, at(30))).toBe(at(31));
    expect(looks(story, known, at(700))).toBe(at(701));
    // No reminder comes of these: the next look is when the window is settled or the incident is over, or never.
    const short = { ...story, windows: story.windows.map((one) => ({ ...one, end: at(30) })) };
    expect(looks(short, known, at(26))).toBeGreaterThan(at(30));
    expect(looks({ ...story, story: false }, told({ [START]: 1 }))).toBe(START + 3 * 1_440 * MINUTE);
    expect(looks(closed(story, at(1)), { ...known, resolved: true })).toBeUndefined();
  });

  it("follows the previous window's level only if that was worse and continued into this window", () => {
    const present = (...breaches: Breach[]) => presentWindow(after(true, ...breaches)).start;
    const starting = (start: number) => ({ ...breach(0, INFO), windowStart: start, windowEnd: start + MINUTE });
    expect(present(breach(0, FAR), breach(1, INFO))).toBe(at(0, 0));
    expect(present(breach(0, FAR), starting(at(1, 1_000)))).toBe(at(0, 0));
    expect(present(breach(0, FAR), starting(at(1, 1_001)))).toBe(at(1, 1_001));
    expect(present(breach(0), breach(1))).toBe(at(1, 0));
    expect(present(breach(0, INFO), breach(1, FAR))).toBe(at(1, 0));
    expect(present(breach(0))).toBe(at(0, 0));
  });

  it('is its end if it was sent or if every attempt failed, but not if it was muted throughout', () => {
    const over = closed(after(true, breach(0)), at(3));
    expect(hear(over, told({ '': 1 }), at(3))).toEqual(['resolved', 'warning']);
    expect(hear(over, told({ '': 1 }, { resolved: true }), at(3))).toBeUndefined();
    const failed: Told = { levels: {}, delivery: { status: 'retried', attempts: 3 } };
    expect(hear(over, failed, at(3))).toEqual(['resolved', 'warning']);
    expect(hear(over, { ...failed, held: at(5) }, at(3))).toBeUndefined();
    expect(hear(over, told({ '': 1 }, { held: at(5) }), at(3))).toEqual(['resolved', 'warning']);
    expect(hear(over, undefined, at(3))).toBeUndefined();
    // A channel that was paused for a quarter of an hour still gets it.
    expect(hear(over, told({ '': 1 }), at(33))).toEqual(['resolved', 'warning']);
    expect(hear(over, told({ '': 1 }), at(63))).toEqual(['resolved', 'warning']);
    expect(hear(over, told({ '': 1 }), at(63, 1_001))).toBeUndefined();
  });

  it('is repeated for a channel that forgets', () => {
    const channel = { repeatEveryMs: MINUTE };
    expect(due(after(true, breach(0)), told({ '': 1 }), channel, moment(at(1)))?.status).toBe('reminded');
    expect(due(after(true, breach(0)), told({ '': 1 }), channel, moment(at(0, 60_999)))).toBeUndefined();
    // Nothing to repeat: it was never sent, or it is over.
    expect(due(after(true, breach(0)), undefined, channel, moment(at(1), muteUntil(at(9))))).toBeUndefined();
    expect(due(after(true, breach(0)), told({}), channel, moment(at(1), muteUntil(at(9))))).toBeUndefined();
    const over = { ...after(true, breach(0)), closedAt: at(3) };
    expect(due(over, told({ '': 1 }, { resolved: true }), channel, moment(at(5)))).toBeUndefined();
    // A channel is not copied, so null, which is not given, arrives here.
    const never = { repeatEveryMs: null as never };
    expect(due(after(true, breach(0)), told({ '': 1 }), never, moment(at(1)))).toBeUndefined();
  });

  it('is repeated as it was sent, even while a mute holds back a higher level or the channel excludes the present one', () => {
    const channel = { repeatEveryMs: MINUTE };
    const repeated = (incident: Incident, known: Told, wanted: object, isMuted: boolean) => {
      const next = due(incident, known, wanted, moment(at(1, 5_000), isMuted ? muteUntil(at(9)) : {}));
      return next && [next.status, next.level.severity];
    };
    for (const story of [true, false]) {
      const higher = after(story, breach(0, OVER), breach(0, FAR, 90));
      const long = { ...higher, windows: higher.windows.map((window) => ({ ...window, end: at(9, 0) })) };
      const known = told({ [story ? '' : START]: 1 }, { level: OVER });
      expect(repeated(long, known, channel, true)).toEqual(['reminded', 'warning']);
      expect(repeated(long, known, channel, false)).toEqual(['escalated', 'critical']);
      const planned = plan(
        { ...long, told: { x: known } },
        new Map([['x', channel]]),
        moment(at(0, 5_000), muteUntil(at(9))),
      );
      expect([planned.held, planned.lookAt]).toEqual([['x'], at(1)]);
    }
    const lower = after(true, breach(0, FAR, 90), breach(1));
    const heard = told({ '': 5 }, { level: FAR });
    expect(repeated(lower, heard, { ...channel, minSeverity: 'critical' }, false)).toEqual(['reminded', 'critical']);
  });
});

describe('a repeat of a window that is its own alert', () => {
  const channel = { repeatEveryMs: 50_000 };
  const known = told({ [START]: 1 });

  it('is not sent once the window is over, even if nobody looked in time, and is not due again', () => {
    const window = after(false, breach(0));
    expect(due(window, known, channel, moment(at(0, 51_000)))?.status).toBe('reminded');
    expect(due(window, known, channel, moment(at(1, 0)))).toBeUndefined();
    const late = plan({ ...window, told: { x: known } }, new Map([['x', channel]]), moment(at(1, 0)));
    expect(late).toMatchObject({ ready: new Map(), lookAt: at(3, 0) });
  });
});

describe('the plan for an incident', () => {
  const channels = new Map([['log#', all]]);
  const planned = (incident: Incident, now: number, muted?: number) =>
    plan(incident, channels, moment(now, muted === undefined ? {} : muteUntil(muted)));
  const withTold = (incident: Incident, more: Partial<Told>): Incident => ({
    ...incident,
    told: { 'log#': { ...told({}), ...more } },
  });

  it('leaves a channel to the replica that is sending, and takes over when its lease has ended', () => {
    const leased = withTold(after(true, breach(0)), { by: 'other', until: at(0, 6_000) });
    expect([...planned(leased, at(0, 5_999)).ready.keys()]).toEqual([]);
    expect(planned(leased, at(0, 5_999)).lookAt).toBe(at(0, 6_000));
    expect([...planned(leased, at(0, 6_000)).ready.keys()]).toEqual(['log#']);
    expect(planned(after(true, breach(0)), at(0)).ready.get('log#')?.status).toBe('opened');
  });

  it('takes over from a lease that a clock that fell back made too long', () => {
    const leased = withTold(after(true, breach(0)), { by: 'other', until: at(1) });
    expect([...planned(leased, at(0)).ready.keys()]).toEqual([]);
    expect([...planned(leased, at(0) - 1).ready.keys()]).toEqual(['log#']);
  });

  it('holds back openings under a mute, but never the end of what was sent', () => {
    const open = after(true, breach(0));
    expect(planned(open, at(0), at(9))).toMatchObject({ held: ['log#'], ready: new Map() });
    const over = withTold({ ...open, closedAt: at(3) }, { levels: { '': 1 } });
    expect(planned(over, at(3), at(9)).ready.get('log#')?.status).toBe('resolved');
    expect(planned(over, at(3), at(9)).held).toEqual([]);
  });

  it('waits for a channel that only another replica has, for a while', () => {
    const over: Incident = {
      ...after(true, breach(0)),
      closedAt: at(3),
      told: { 'other#x': { ...told({}), next: at(4) } },
    };
    expect(planned(over, at(3)).lookAt).toBe(at(4));
    expect(planned(over, at(14, 999)).lookAt).toBe(at(14, 999));
    expect(planned(over, at(14)).lookAt).toBeUndefined();
  });

  it('spreads the looks for many incidents over part of the window, but not past the end of an incident', () => {
    const open = withTold(after(true, breach(0)), { levels: { '': 1 } });
    const looksAt = (uid: string, incident = open) => planned({ ...incident, uid }, at(0)).lookAt;
    // Two digits of 36 are half of the way.
    expect(['0000', 'i000', '----'].map((uid) => looksAt(uid))).toEqual([at(1, 1_000), at(1, 6_000), at(1, 1_000)]);
    const short = { ...open, windows: open.windows.map((window) => ({ ...window, end: window.start + 4_000 })) };
    expect(looksAt('i000', short)).toBe(at(0, 5_500));
    const settled = withSettled(open, { start: at(0, 0), end: at(1, 0) }, 20, false);
    const ends = (resolveAfterMs: number) =>
      plan({ ...settled, uid: 'i000' }, channels, moment(at(1), { settings: { ...settings, resolveAfterMs } })).lookAt;
    expect([0, 30_000, 62_000, 90_000].map(ends)).toEqual([at(1, 1_000), at(1, 30_000), at(2, 2_000), at(2, 6_000)]);
  });

  it('does not look for the end of a sliding window before its counts are final', () => {
    const sliding = (start: number) => ({ ...aBreach(at(0, start), { count: 16 }), lengthMs: MINUTE });
    const open = [sliding(0), sliding(30_000)].reduce<Incident | undefined>(
      (incident, one) => withBreach(incident, one, true, one.windowStart),
      undefined,
    ) as Incident;
    const settled = withSettled({ ...open, uid: '0000' }, { start: at(0, 0), end: at(1, 0) }, 20, false);
    expect(settled).toMatchObject({ windows: [{ end: at(1, 30_000) }], settledTo: at(1, 0) });
    const ended = plan(settled, new Map(), moment(at(1), { settings: { ...settings, resolveAfterMs: 0 } }));
    expect(ended.lookAt).toBe(at(2, 1_000));
  });

  it('looks when a window is settled', () => {
    const open = withTold(after(true, breach(0)), { levels: { '': 1 } });
    const { lookAt = 0 } = planned(open, at(0));
    expect(lookAt).toBeGreaterThanOrEqual(at(1, 1_000));
    expect(lookAt).toBeLessThan(at(1, 16_000));
    const settled = unsettled(open, at(3, 1_001), oneLength).reduce(
      (next, span) => withSettled(next, span, 20, false),
      open,
    );
    expect(settled).toMatchObject({ total: 20, calm: 40, settledTo: at(3, 0) });
  });
});
