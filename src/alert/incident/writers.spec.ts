import { MemorySharedState } from '../../store/memory/memory-shared-state.js';
import { pass, useFakeTimers, useRealTimers } from '../../../test/support/fake-timers.js';
import { Writers } from './writers.js';

const START = 1_000_000;
const MINUTE = 60_000;

describe('replicas that write what they know after an outage', () => {
  let state: MemorySharedState;
  let now: number;
  const writer = (me: string): Writers => new Writers(state, 'app', me, () => now);
  const sees = async (who: Writers, at = START): Promise<boolean> => {
    now = at;
    await who.look();
    return who.areOthers;
  };

  beforeEach(() => {
    state = new MemorySharedState();
    now = START;
  });
  afterEach(() => jest.restoreAllMocks());

  it('are known to all others until the last one is done', async () => {
    const [one, other, third] = [writer('one'), writer('other'), writer('third')];
    await one.begin();
    expect([one.isOne, one.areOthers, await sees(third)]).toEqual([true, false, true]);
    await other.begin();
    expect([other.areOthers, await sees(one)]).toEqual([true, true]);
    await one.end();
    expect([one.isOne, one.areOthers, await sees(third)]).toEqual([false, true, true]);
    await other.end();
    expect([other.areOthers, await sees(one), await sees(third)]).toEqual([false, false, false]);
    expect(await state.list('writers:app')).toEqual(new Map());
  });

  it('tell what waits for that when they have, or when the store is away again', async () => {
    const one = writer('one');
    const isDone = async (done?: Promise<void>): Promise<boolean> => {
      let is = false;
      void done?.then(() => (is = true));
      await new Promise((resolve) => setImmediate(resolve));
      return is;
    };
    expect(one.done).toBeUndefined();
    for (const leave of [() => one.end(), () => one.lost()]) {
      await one.begin();
      const { done } = one;
      await one.begin();
      expect([await isDone(done), one.done]).toEqual([false, done]);
      void leave();
      expect([await isDone(done), one.done]).toEqual([true, undefined]);
    }
  });

  it('are not listed once they are done, even if a look is still under way', async () => {
    const [one, third] = [writer('one'), writer('third')];
    await Promise.all([one.begin(), one.end()]);
    expect([one.isOne, await sees(third)]).toEqual([false, false]);
  });

  it('announce it once, and delay others for half a minute at most, even if the clock falls back', async () => {
    const [one, third] = [writer('one'), writer('third')];
    const swap = jest.spyOn(state, 'swap');
    await one.begin();
    await sees(one, START + 1_000);
    await sees(third);
    expect(swap).toHaveBeenCalledTimes(1);
    const seen = [];
    for (const ms of [29_999, 30_000, -29_999, -30_000]) seen.push(await sees(third, START + ms));
    expect(seen).toEqual([true, false, true, false]);
    // It is cut off, and back once more.
    one.lost();
    expect(one.isOne).toBe(false);
    now = START + MINUTE;
    await one.begin();
    expect(await sees(third, START + MINUTE)).toBe(true);
    third.lost();
    expect(third.areOthers).toBe(false);
  });

  it('delay others for half a minute at most, however often they are cut off and begin again', async () => {
    useFakeTimers();
    const [one, other, third] = [writer('one'), writer('other'), writer('third')];
    const seen = [];
    for (let second = 0; second < 60; second++) {
      now = START + second * 1_000;
      one.lost();
      await one.begin();
      if (await sees(third, now)) seen.push(second);
      await pass(1_000);
    }
    expect([seen.length, seen.at(-1)]).toEqual([30, 29]);
    // Another outage: the others wait again.
    await one.end();
    expect(await sees(third, now)).toBe(false);
    await other.begin();
    expect(await sees(third, now)).toBe(true);
    await pass(30_000);
    expect(third.areOthers).toBe(false);
    // It was cut off itself.
    third.lost();
    expect(await sees(third, now)).toBe(true);
    useRealTimers();
  });

  it('delay nobody if the store refuses to list them', async () => {
    const [one, third] = [writer('one'), writer('third')];
    await one.begin();
    expect(await sees(third)).toBe(true);
    jest.spyOn(state, 'list').mockRejectedValue(new Error('NOPERM'));
    expect(await sees(third)).toBe(false);
  });
});
