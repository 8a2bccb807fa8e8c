import { DeliveryError } from '../model/delivery-error.js';
import { ChannelHealth } from './channel-health.js';

const MINUTE = 60_000;

describe('the health of a channel', () => {
  let lines: string[];
  let health: ChannelHealth;
  const limited = new DeliveryError('answered 429', { retry: true, retryAfterMs: 1_000 });
  const failed = (error: unknown) => health.failed(['a'], 'an alert of llm_call', error);

  beforeEach(() => {
    jest.useFakeTimers();
    lines = [];
    const log = (line: unknown): void => void lines.push(String(line));
    health = new ChannelHealth('The chat channel', 'channels[0]', { log, warn: log, error: log });
  });
  afterEach(() => jest.useRealTimers());

  it('logs a rate limit that it reaches again and again once a minute', () => {
    for (let i = 0; i < 90; i++) {
      failed(limited);
      jest.advanceTimersByTime(1_000);
      health.works();
    }
    expect(lines).toEqual(
      Array(2).fill('The chat channel could not send an alert of llm_call (answered 429): it will be retried'),
    );
  });

  it('waits as long as it was asked to, up to five minutes, no matter what an own channel asks for', () => {
    const asked = [1_000, -5, NaN, Infinity].map((retryAfterMs) => {
      health.works();
      return failed(new DeliveryError('x', { retry: true, retryAfterMs })).waitMs;
    });
    expect(asked.map(Math.round)).toEqual([1_000, 0, 0, 5 * MINUTE]);
    expect([undefined, null, 'x', { retryAfterMs: '3' }].map((odd) => failed(odd).refused)).toEqual(
      Array(4).fill(false),
    );
  });

  it.each([
    ['a receiver that is away for a moment', new Error('answered 503'), 250],
    ['a wrong address', new DeliveryError('answered 404', { retry: false, probe: true }), 30_000],
  ])('pauses once for all attempts that %s fails together', (_, error, firstMs) => {
    const began = performance.now();
    jest.advanceTimersByTime(10);
    for (let i = 0; i < 16; i++) health.failed([`t${i}`], 'an alert of llm_call', error, began);
    expect(health.pausedMs).toBeLessThanOrEqual(firstMs);
    expect(health.pausedMs).toBeGreaterThanOrEqual(firstMs / 2);
    jest.advanceTimersByTime(firstMs);
    // The next attempt fails too.
    failed(error);
    expect(health.pausedMs).toBeGreaterThanOrEqual(firstMs);
  });

  it('pauses for longer and longer if a receiver that fails every time asks for a short pause each time', () => {
    const error = new DeliveryError('answered 503', { retry: true, retryAfterMs: 1_000 });
    for (let i = 0; i < 12; i++) {
      jest.advanceTimersByTime(health.pausedMs);
      const began = performance.now();
      jest.advanceTimersByTime(10);
      health.failed([`t${i}`], 'an alert of llm_call', error, began);
    }
    expect(health.pausedMs).toBeGreaterThan(MINUTE / 2 - 1);
  });

  it('survives an error that cannot be asked', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const throwing = Object.defineProperty(new Error('x'), 'retry', {
      get: () => {
        throw new Error('no');
      },
    });
    for (const odd of [proxy, throwing, { retryAfterMs: Symbol('s') }, { retryAfterMs: 3n }])
      expect(failed(odd)).toMatchObject({ refused: false, waitMs: 0 });
  });
});
