import { DeliveryError } from '../../model/delivery-error.js';
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

  it.each([0, 0.999])(
    'tries for three to six minutes, a minute at most between two tries, where jitter is %d',
    async (jitter) => {
      jest.spyOn(Math, 'random').mockReturnValue(jitter);
      const at = await tries(() => new Error('answered 500'));
      const delays = at.slice(1).map((ms, i) => ms - (at[i] as number));
      expect(delays).toEqual([...delays].sort((a, b) => a - b));
      expect(delays[0]).toBeLessThanOrEqual(250);
      expect(delays.at(-1)).toBeLessThanOrEqual(60_000);
      expect(at.at(-1)).toBeGreaterThan(3 * 60_000);
      expect(at.at(-1)).toBeLessThan(6.1 * 60_000);
    },
  );

  it.each([0, 1_000, NaN])('lasts as long where the other side asks for %d ms, however often', async (asked) => {
    const at = await tries(() => busy(asked));
    expect(at.length).toBeLessThan(20);
    expect(at.at(-1)).toBeGreaterThan(3 * 60_000);
  });

  it('does not try again what stays refused', async () => {
    expect(await tries(() => new DeliveryError('answered 400', { retry: false }))).toEqual([0]);
  });

  it('takes an error of an unknown kind for one that may pass', () => {
    expect([new Error('reset'), 'text', busy(1)].map(mayComeRight)).toEqual([true, true, true]);
    expect(mayComeRight(new DeliveryError('answered 401', { retry: false, switchOff: true }))).toBe(false);
  });
});
