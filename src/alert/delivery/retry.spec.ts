import { DeliveryError } from './delivery-error.js';
import { mayComeRight, retrying } from './retry.js';

describe('retrying', () => {
  /** When it was tried, in milliseconds since the first time. */
  const tries = async (fault: (attempt: number) => Error | undefined): Promise<number[]> => {
    const startedAt = performance.now();
    const at: number[] = [];
    const running = retrying().execute(() => {
      at.push(Math.round(performance.now() - startedAt));
      const error = fault(at.length);
      if (error) throw error;
    });
    running.catch(() => undefined);
    await jest.advanceTimersByTimeAsync(60 * 60_000);
    return at;
  };
  const busy = (retryAfterMs: number): DeliveryError =>
    new DeliveryError('answered 429', { retry: true, retryAfterMs });

  beforeEach(() => jest.useFakeTimers());
  afterEach(() => {
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  it('waits as long as the other side asks, and for five minutes at most', async () => {
    const asked = [400, 0.4 * 60 * 60_000];
    expect(await tries((attempt) => (attempt <= 2 ? busy(asked[attempt - 1] as number) : undefined))).toEqual([
      0, 400, 300_400,
    ]);
  });

  it('waits longer each time, a minute at most, and gives up after ten tries', async () => {
    // With the longest of all delays.
    jest.spyOn(Math, 'random').mockReturnValue(0.999);
    const at = await tries(() => new Error('answered 500'));
    expect(at).toHaveLength(10);
    const delays = at.slice(1).map((ms, i) => ms - (at[i] as number));
    expect(delays).toEqual([...delays].sort((a, b) => a - b));
    expect(delays[0]).toBeLessThanOrEqual(1_000);
    expect(delays.at(-1)).toBeLessThanOrEqual(60_000);
    expect(delays.at(-1)).toBeGreaterThan(30_000);
  });

  it('does not try again what stays refused', async () => {
    expect(await tries(() => new DeliveryError('answered 400', { retry: false }))).toEqual([0]);
  });

  it('takes an error of an unknown kind for one that may pass', () => {
    expect([new Error('reset'), 'text', busy(1)].map(mayComeRight)).toEqual([true, true, true]);
    expect(mayComeRight(new DeliveryError('answered 401', { retry: false, switchOff: true }))).toBe(false);
  });
});
