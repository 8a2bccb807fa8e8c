import { oneLength } from '../../../test/support/alert-settings.js';
import { aBreach } from '../../../test/support/a-breach.js';
import type { Breach } from '../../model/breach.js';
import { unsettled, withSettled } from './counts-of-windows.js';
import { calmAfterRaise, closedIfOver, overAt } from './end-of-incident.js';
import { withBreach, type Incident } from './incident.js';
import type { Situation } from './situation.js';

const MINUTE = 60_000;
const START = 29_000_000 * MINUTE;
const at = (window: number, ms = 0): number => START + window * MINUTE + ms;
const opened = (story = true, more: Partial<Breach> = {}): Incident =>
  withBreach(undefined, aBreach(START, more), story, at(0, 1_000));
/** A moment, and what the options say of the end. */
const moment = (now: number, seesSince?: number, resolveAfterMs?: number): Situation => ({
  now,
  settings: { remindAfterMs: 30 * MINUTE, resolveAfterMs, periodEnd: oneLength },
  mute: undefined,
  seesSince,
});
const over = (incident: Incident, resolveAfterMs?: number, seesSince?: number): number =>
  overAt(incident, moment(at(0), seesSince, resolveAfterMs));
/** All windows until then are counted. */
const counted = (incident: Incident, until: number): Incident =>
  unsettled(incident, until, oneLength).reduce((next, span) => withSettled(next, span, 20, false), incident);

describe('the end of an incident', () => {
  it('comes five windows after the last breach, two of long ones, or when the options say', () => {
    expect(over(opened())).toBe(at(6));
    expect(over(opened(true, { windowEnd: at(2) }))).toBe(at(7));
    expect(over(opened(true, { windowEnd: at(1_440) }))).toBe(at(3 * 1_440));
    expect(over(opened(), 6 * MINUTE)).toBe(at(7));
    // The count of its last window is final a second after the window.
    expect(over(opened(), 0)).toBe(at(1, 1_000));
  });

  it('comes one window after all counts are visible again, at the earliest', () => {
    expect(over(opened(), undefined, at(5))).toBe(at(6, 1_000));
    expect(over(opened(), undefined, at(4))).toBe(at(6));
    expect(over(opened(false), undefined, at(5))).toBe(at(3));
    const settled = counted(opened(), at(3, 1_000));
    expect(closedIfOver(settled, moment(at(6), at(5)))).toBe(settled);
    expect(closedIfOver(settled, moment(at(6, 1_000), at(5)))).toMatchObject({ closedAt: at(6, 1_000) });
  });

  it('comes two windows after the end of a window that is its own alert, or after a later breach', () => {
    expect(over(opened(false), 6 * MINUTE)).toBe(at(3));
    const late = withBreach(undefined, aBreach(START), false, at(1, 500));
    expect(over(late)).toBe(at(3, 500));
  });

  it('waits until all windows are counted', () => {
    const open = opened();
    expect(closedIfOver(open, moment(at(6)))).toBe(open);
    const settled = counted(open, at(3, 1_000));
    expect(closedIfOver(settled, moment(at(6, -1)))).toBe(settled);
    const closed = closedIfOver(settled, moment(at(6)));
    expect(closed).toEqual({ ...settled, closedAt: at(6) });
    expect(closedIfOver(closed, moment(at(9)))).toBe(closed);
    expect(closedIfOver(counted(open, at(1, 1_000)), moment(at(6)))).toMatchObject({ closedAt: at(6) });
    // A window that is an alert of its own is not counted on.
    expect(closedIfOver(opened(false), moment(at(3)))).toMatchObject({ closedAt: at(3) });
  });

  it('comes as late if a raised threshold ends it, but after five calm minutes at most', () => {
    const calm = (windowEnd: number, resolveAfterMs?: number): number =>
      calmAfterRaise(opened(true, { windowEnd }), moment(0, undefined, resolveAfterMs).settings);
    expect([calm(START + 10_000), calm(at(1_440))]).toEqual([50_000, 5 * MINUTE]);
    expect([calm(at(1), 2 * MINUTE), calm(at(1), 10 * MINUTE), calm(at(1), 0)]).toEqual([2 * MINUTE, 5 * MINUTE, 0]);
  });
});
