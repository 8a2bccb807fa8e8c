import { PROCESS_CLOCK, StoreClock } from './clock.js';
import type { CounterStore } from '../store/counter-store.js';

describe('StoreClock', () => {
  let local: number;
  const clock = () => new StoreClock({ now: () => local });
  const storeAt = (time: () => Promise<number>) => ({ time }) as unknown as CounterStore;
  beforeEach(() => (local = 1_000_000));

  it('is the clock of this process until the store has returned its time', async () => {
    const mine = clock();
    await mine.sync({} as CounterStore);
    await mine.sync(storeAt(() => Promise.reject(new Error('away'))));
    expect(mine.now()).toBe(1_000_000);
  });

  it('assumes that the time is half a round trip old', async () => {
    const mine = clock();
    await mine.sync(
      storeAt(() => {
        local += 100;
        return Promise.resolve(2_000_050);
      }),
    );
    expect(mine.now()).toBe(2_000_100);
    local += 7;
    expect(mine.now()).toBe(2_000_107);
  });

  it.each([NaN, Infinity, undefined, null, '2000000'])('does not accept %p as a time', async (time) => {
    const mine = clock();
    await mine.sync(storeAt(() => Promise.resolve(time as number)));
    expect(mine.now()).toBe(1_000_000);
  });

  it('ignores an answer that took too long', async () => {
    const mine = clock();
    await mine.sync(
      storeAt(() => {
        local += 5_000;
        return Promise.resolve(2_000_000);
      }),
    );
    expect(mine.now()).toBe(1_005_000);
  });

  it('accepts an answer that took a second', async () => {
    const mine = clock();
    await mine.sync(
      storeAt(() => {
        local += 1_000;
        return Promise.resolve(2_000_000);
      }),
    );
    expect(mine.now()).toBe(2_000_500);
  });

  describe('once started', () => {
    let monotonic: number;
    let time: jest.Mock<Promise<number>, []>;
    let mine: StoreClock;
    /** A second passes; the wall clock may move by something else. */
    const pass = (seconds: number, wallMs = seconds * 1_000): void => {
      [monotonic, local] = [monotonic + seconds * 1_000, local + wallMs];
      jest.advanceTimersByTime(1_000);
    };

    beforeEach(async () => {
      jest.useFakeTimers();
      monotonic = 5_000;
      time = jest.fn(() => Promise.resolve(2_000_000));
      mine = new StoreClock({ now: () => local, monotonic: () => monotonic });
      await mine.sync(storeAt(time));
      mine.start(storeAt(time));
      time.mockClear();
    });
    afterEach(() => {
      mine.stop();
      jest.useRealTimers();
    });

    it('asks the store again once a minute, until it is stopped', () => {
      for (let i = 0; i < 59; i++) pass(1);
      expect(time).not.toHaveBeenCalled();
      pass(1);
      expect(time).toHaveBeenCalledTimes(1);
      for (let i = 0; i < 59; i++) pass(1);
      expect(time).toHaveBeenCalledTimes(1);
      mine.stop();
      for (let i = 0; i < 99; i++) pass(1);
      expect(time).toHaveBeenCalledTimes(1);
    });

    it('asks at once after the process was suspended, which monotonic time does not show', () => {
      pass(1, 2_000);
      expect(time).not.toHaveBeenCalled();
      pass(1, 1_001);
      expect(time).toHaveBeenCalledTimes(1);
      pass(1);
      expect(time).toHaveBeenCalledTimes(1);
    });

    it.each([
      ['failed', () => Promise.reject(new Error('Command timed out'))],
      [
        'came too late',
        () => {
          [monotonic, local] = [monotonic + 1_001, local + 1_001];
          return Promise.resolve(2_000_000);
        },
      ],
    ])('asks again at the next check if the answer %s: until then it counts in a past window', async (...of) => {
      const hour = 3_600_000;
      time.mockImplementationOnce(of[1]);
      pass(1, hour);
      expect(time).toHaveBeenCalledTimes(1);
      await Promise.resolve();
      await Promise.resolve();
      time.mockResolvedValue(2_000_000 + hour);
      pass(1);
      expect(time).toHaveBeenCalledTimes(2);
      await Promise.resolve();
      expect(mine.now()).toBe(2_000_000 + hour);
      pass(1);
      expect(time).toHaveBeenCalledTimes(2);
    });

    it('asks a store that never returned its time only once a minute: the user may lack the right', async () => {
      mine.stop();
      time.mockRejectedValue(new Error('NOPERM'));
      mine = new StoreClock({ now: () => local, monotonic: () => monotonic });
      await mine.sync(storeAt(time));
      mine.start(storeAt(time));
      for (let i = 0; i < 59; i++) pass(1);
      expect(time).toHaveBeenCalledTimes(1);
    });

    it('continues by monotonic time, however the local clock jumps', () => {
      pass(1, -3_600_000);
      expect(mine.now()).toBe(2_001_000);
    });

    it('has nothing to do for a store without a clock', () => {
      mine.stop();
      const timers = jest.getTimerCount();
      mine.start({} as CounterStore);
      expect(jest.getTimerCount()).toBe(timers);
    });
  });

  it('is the clock of the process unless a test replaces it', () => {
    const before = [Date.now(), performance.now()] as const;
    const [now, monotonic] = [PROCESS_CLOCK.now(), PROCESS_CLOCK.monotonic?.() ?? NaN];
    expect([now >= before[0], now < before[0] + 60_000]).toEqual([true, true]);
    expect([monotonic >= before[1], monotonic < before[1] + 60_000]).toEqual([true, true]);
  });
});
