import { timers } from '../../test/support/timers.js';
import type { ThresholdResolver } from '../model/category.js';
import { ThresholdFunction, CallLimit } from './threshold-function.js';

const TTL_MS = 60_000;

describe('a threshold function', () => {
  let now = 0;
  let changes = 0;

  beforeEach(() => {
    [now, changes] = [0, 0];
    jest.useFakeTimers();
  });
  afterEach(() => jest.useRealTimers());

  const asking = (ask: ThresholdResolver, limit = new CallLimit()): ThresholdFunction =>
    new ThresholdFunction(ask, { ttlMs: TTL_MS, limit, changed: () => changes++, now: () => now });

  /** It has answered 10 for `a`, and fails now that this is no longer fresh. */
  const failing = (): { ask: jest.Mock; thresholds: ThresholdFunction } => {
    const ask = jest.fn(() => 10);
    const thresholds = asking(ask);
    void thresholds.of({ id: 'a' });
    now += TTL_MS;
    ask.mockImplementation(() => {
      throw new Error('no database');
    });
    return { ask, thresholds };
  };

  it('is called once for many requests of a tenant, and again when its answer is a minute old', async () => {
    const ask = jest.fn(() => Promise.resolve(10));
    const thresholds = asking(ask);
    expect(await Promise.all([1, 2, 3].map(async () => thresholds.of({ id: 'a' })))).toEqual([10, 10, 10]);
    expect(thresholds.of({ id: 'a' })).toBe(10);
    expect(ask).toHaveBeenCalledTimes(1);
    now += TTL_MS;
    ask.mockResolvedValue(20);
    expect(thresholds.of({ id: 'a' })).toBe(10);
    await jest.advanceTimersByTimeAsync(0);
    expect([thresholds.of({ id: 'a' }), ask.mock.calls.length, changes]).toEqual([20, 2, 1]);
  });

  it('may return 0, synchronously or not: the first request is over', async () => {
    for (const ask of [jest.fn(() => 0), jest.fn(() => Promise.resolve(0))]) {
      const thresholds = asking(ask);
      expect(await thresholds.of({ id: 'a' })).toBe(0);
      expect([thresholds.of({ id: 'a' }), thresholds.known('a')]).toEqual([0, 0]);
      expect(ask).toHaveBeenCalledTimes(1);
    }
  });

  it('is called again with growing pauses while it fails, and its last result applies until then', async () => {
    const ask = jest.fn(() => Promise.resolve(10));
    const thresholds = asking(ask);
    await thresholds.of({ id: 'a' });
    ask.mockRejectedValue(new Error('no database'));
    now += TTL_MS;
    for (const pauseMs of [1_000, 2_000, 4_000]) {
      const before = ask.mock.calls.length;
      expect(thresholds.of({ id: 'a' })).toBe(10);
      await jest.advanceTimersByTimeAsync(0);
      now += pauseMs - 1;
      expect(thresholds.of({ id: 'a' })).toBe(10);
      expect(ask).toHaveBeenCalledTimes(before + 1);
      now += 1;
    }
    ask.mockResolvedValue(30);
    void thresholds.of({ id: 'a' });
    await jest.advanceTimersByTimeAsync(0);
    expect(thresholds.of({ id: 'a' })).toBe(30);
  });

  it.each([
    [
      'throws',
      (): number => {
        throw Object.create(null);
      },
    ],
    ['rejects with', () => Promise.reject<number>(Object.create(null) as Error)],
  ])('that %s a value without text is called again too', async (_how, fail) => {
    const ask = jest.fn<number | Promise<number>, []>(fail);
    const thresholds = asking(ask);
    await expect(thresholds.of({ id: 'a' })).rejects.toThrow('an error without a message');
    expect(ask).toHaveBeenCalledTimes(1);
    now += 1_000;
    ask.mockReturnValue(5);
    expect(thresholds.of({ id: 'a' })).toBe(5);
  });

  it('that has never succeeded rejects with its reason, and is not called for every request', async () => {
    const ask = jest.fn(() => Promise.reject<number>(new Error('no database')));
    const thresholds = asking(ask);
    await expect(thresholds.of({ id: 'a' })).rejects.toThrow('no database');
    await expect(thresholds.of({ id: 'a' })).rejects.toThrow('no database');
    expect(ask).toHaveBeenCalledTimes(1);
    now += 1_000;
    ask.mockResolvedValue(5);
    expect(await thresholds.of({ id: 'a' })).toBe(5);
  });

  it('runs for fifty tenants at a time', async () => {
    const answers: ((threshold: number) => void)[] = [];
    const ask = jest.fn(() => new Promise<number>((resolve) => answers.push(resolve)));
    const thresholds = asking(ask);
    const asked = Array.from({ length: 120 }, (_, i) => thresholds.of({ id: `t${i}` }));
    await jest.advanceTimersByTimeAsync(0);
    expect(ask).toHaveBeenCalledTimes(50);
    answers[0]?.(1);
    await jest.advanceTimersByTimeAsync(0);
    expect(ask).toHaveBeenCalledTimes(51);
    expect(await asked[0]).toBe(1);
    for (let i = 1; i < 120; i++) {
      answers[i]?.(1);
      await jest.advanceTimersByTimeAsync(0);
    }
    // All calls are free again.
    for (let i = 0; i < 60; i++) void thresholds.of({ id: `u${i}` });
    await jest.advanceTimersByTimeAsync(0);
    expect(ask).toHaveBeenCalledTimes(170);
  });

  it('reports a change only if an answer differs from the previous one', () => {
    const ask = jest.fn(() => 10);
    const thresholds = asking(ask);
    expect(thresholds.known('a')).toBeUndefined();
    const changesAt = [10, 10, 20].map((threshold) => {
      ask.mockReturnValue(threshold);
      void thresholds.of({ id: 'a' });
      now += TTL_MS;
      return changes;
    });
    expect(changesAt).toEqual([0, 0, 1]);
    expect(thresholds.known('a')).toBe(20);
  });

  it('keeps an answer as long as requested, even if it has failed since', async () => {
    now = 5_000;
    const { thresholds } = failing();
    void thresholds.of({ id: 'a' });
    expect([TTL_MS - 1, TTL_MS].map((age) => thresholds.known('a', age))).toEqual([undefined, 10]);
    expect(thresholds.known('b', Infinity)).toBeUndefined();
  });

  it('may throw while its last answer applies', () => {
    const { ask, thresholds } = failing();
    for (let i = 0; i < 3; i++) expect(thresholds.of({ id: 'a' })).toBe(10);
    expect(ask).toHaveBeenCalledTimes(2);
  });

  it('that hangs is given up, and its slot goes to the next call', async () => {
    const ask = jest.fn((tenant: { id: string }) =>
      tenant.id === 'b' ? Promise.resolve(2) : new Promise<number>(() => undefined),
    );
    const thresholds = asking(ask, new CallLimit(1));
    const [hanging, next] = [thresholds.of({ id: 'a' }), thresholds.of({ id: 'b' })];
    const reason = expect(hanging).rejects.toThrow('no answer within 10 s');
    await jest.advanceTimersByTimeAsync(10_000);
    await reason;
    expect(await next).toBe(2);
  });

  it('that hangs lets the process end', () => {
    jest.useRealTimers();
    const before = timers();
    void asking(() => new Promise(() => undefined)).of({ id: 'a' });
    expect(timers()).toBe(before);
  });

  it.each([
    [NaN, 'NaN'],
    [-1, '-1'],
    ['3' as unknown as number, 'a string'],
  ])('that returns %p has failed', async (threshold, what) => {
    await expect(asking(() => threshold).of({ id: 'a' })).rejects.toThrow(
      `returned ${what}: return a number, 0 or more`,
    );
  });

  it('that hangs lets a limited number of tenants wait, and is called for the others once it answers', async () => {
    const ask = jest.fn<Promise<number>, []>(() => new Promise(() => undefined));
    const thresholds = asking(ask, new CallLimit(1, 2));
    const [first, second, third, fourth] = ['a', 'b', 'c', 'd'].map(async (id) => thresholds.of({ id }));
    const hung = expect(first).rejects.toThrow('no answer');
    await expect(fourth).rejects.toThrow('2 tenants wait for theirs');
    ask.mockResolvedValue(10);
    await jest.advanceTimersByTimeAsync(10_000);
    await hung;
    expect(await Promise.all([second, third])).toEqual([10, 10]);
    now += 10_000;
    expect(await thresholds.of({ id: 'd' })).toBe(10);
  });

  it('may return Infinity for no limit', async () => {
    expect(await asking(() => Infinity).of({ id: 'a' })).toBe(Infinity);
  });

  it('receives a copy of the tenant, of limited size, with its id unchanged', async () => {
    const ask = jest.fn(() => 1);
    const attributes = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`a${i}`, 'x'.repeat(10_000)]));
    await asking(ask).of({ id: 'a', name: 'n'.repeat(10_000), attributes });
    expect(JSON.stringify(ask.mock.calls[0]).length).toBeLessThan(3_000);
  });
});
