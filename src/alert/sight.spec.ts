import { aBreach } from '../../test/support/a-breach.js';
import { withBreach } from './incident/incident.js';
import { Sight } from './sight.js';

const MINUTE = 60_000;
const START = 1_764_000_000_000;
const incident = withBreach(undefined, aBreach(START), true, START);

/** What a replica sees, with the time and what is away set by the test. */
function aSight() {
  const records = { isAway: false, isJustAway: false, isJustBack: false };
  const store = { isAway: false, at: 0 };
  const writers = { isOne: false, areOthers: false, done: undefined };
  const sight = new Sight(records, writers, { isStoreAway: () => store.isAway, now: () => START + store.at });
  /** The looks of an outage, and the first one after it. */
  const outage = (from: number, until: number, countsAwayAt: readonly number[]): void => {
    records.isAway = true;
    for (store.at = from + 1_000; store.at < until; store.at += 1_000) {
      store.isAway = countsAwayAt.includes(store.at);
      sight.lost(START + store.at - 1_000);
    }
    [records.isAway, store.isAway, store.at] = [false, false, until];
    sight.regained();
  };
  return { sight, records, writers, store, outage };
}

describe('what a replica can see', () => {
  it('is nothing only while both counts and records are away', () => {
    const { sight, records, store } = aSight();
    const seen = [false, true].flatMap((isAway) =>
      [false, true].map((isStoreAway) => {
        [records.isAway, store.isAway] = [isAway, isStoreAway];
        return sight.isBlind;
      }),
    );
    expect(seen).toEqual([false, false, false, true]);
  });

  it('is everything from the start on, and after an outage no longer than a window', () => {
    const { sight, outage } = aSight();
    expect([sight.since(incident), sight.hidden]).toEqual([undefined, undefined]);
    outage(0, MINUTE, [2_000]);
    expect(sight.since(incident)).toBeUndefined();
  });

  it('is everything since the end of an outage longer than a window, even if only records were away', () => {
    const { sight, outage } = aSight();
    outage(0, MINUTE + 1, []);
    expect(sight.since(incident)).toBe(START + MINUTE + 1);
    const hourly = withBreach(undefined, aBreach(START, { windowEnd: START + 60 * MINUTE }), true, START);
    expect(sight.since(hourly)).toBeUndefined();
  });

  it('is nothing up to now while it is blind, whatever the outage before', () => {
    const { sight, records, store, outage } = aSight();
    outage(0, 2 * MINUTE, [1_000]);
    [records.isAway, store.isAway, store.at] = [true, true, 3 * MINUTE];
    expect(sight.since(incident)).toBe(START + 3 * MINUTE);
    store.at += MINUTE;
    expect(sight.since(incident)).toBe(START + 4 * MINUTE);
  });

  it('lacks the counts of a whole outage if counts were away at any time in it', () => {
    const { sight, outage } = aSight();
    outage(5_000, 20_000, [9_000]);
    expect(sight.hidden).toMatchObject({ start: START + 5_000, end: START + 20_000 });
    // Another look does not make it longer.
    sight.regained();
    expect(sight.hidden).toMatchObject({ end: START + 20_000 });
    outage(30_000, 40_000, []);
    expect(sight.hidden).toBeUndefined();
  });

  it('does not include the end of an incident just after the store went away or came back', () => {
    const { sight, records, writers } = aSight();
    expect(sight.mayClose).toBe(true);
    records.isJustAway = true;
    expect(sight.mayClose).toBe(false);
    [records.isJustAway, records.isJustBack] = [false, true];
    expect(sight.mayClose).toBe(false);
    [records.isJustBack, writers.areOthers] = [false, true];
    expect(sight.mayClose).toBe(false);
  });

  it('does not include what others have sent before they or this replica have written what they know', () => {
    const { sight, records, writers } = aSight();
    const may = () => [sight.mayTakeOver, sight.mayTakeNew];
    expect(may()).toEqual([true, true]);
    records.isJustBack = true;
    expect(may()).toEqual([false, true]);
    [records.isJustBack, writers.isOne] = [false, true];
    expect(may()).toEqual([false, true]);
    records.isAway = true;
    expect(may()).toEqual([false, false]);
    [records.isAway, writers.isOne, writers.areOthers] = [false, false, true];
    expect(may()).toEqual([true, false]);
  });
});
