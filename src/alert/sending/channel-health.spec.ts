import { DeliveryError } from '../../model/delivery-error.js';
import { ChannelHealth, mayBeOfOneAlert, waitFor } from './channel-health.js';

const MINUTE = 60_000;

describe('the health of a channel', () => {
  let lines: string[];
  let health: ChannelHealth;
  const limited = new DeliveryError('answered 429', { retry: true, retryAfterMs: 1_000 });
  const failed = (error: unknown) => health.failed(['a'], 'an alert of llm_call', error, performance.now());

  beforeEach(() => {
    jest.useFakeTimers();
    // No process starts at 0.
    jest.advanceTimersByTime(10_000);
    lines = [];
    const log = (line: unknown): void => void lines.push(String(line));
    health = new ChannelHealth('The chat channel', 'channels[0]', { log, warn: log, error: log });
  });
  afterEach(() => jest.useRealTimers());

  it('logs a recurring rate limit once a minute', () => {
    for (let i = 0; i < 90; i++) {
      failed(limited);
      jest.advanceTimersByTime(1_000);
      health.works();
    }
    expect(lines).toEqual(
      Array(2).fill('The chat channel could not send an alert of llm_call (answered 429): it will be retried'),
    );
  });

  it('waits as long as asked, up to five minutes, whatever a custom channel asks for', () => {
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

  it('pauses longer each time if a failing receiver keeps asking for short pauses', () => {
    const error = new DeliveryError('answered 503', { retry: true, retryAfterMs: 1_000 });
    for (let i = 0; i < 12; i++) {
      jest.advanceTimersByTime(health.pausedMs);
      const began = performance.now();
      jest.advanceTimersByTime(10);
      health.failed([`t${i}`], 'an alert of llm_call', error, began);
    }
    expect(health.pausedMs).toBeGreaterThan(MINUTE / 2 - 1);
  });

  it('pauses for five seconds at most unless asked to, because alerts that always fail may be at fault', () => {
    for (let i = 0; i < 12; i++) {
      jest.advanceTimersByTime(health.pausedMs);
      health.failed([`t${i % 4}`], 'an alert of llm_call', new Error('answered 500'), performance.now());
    }
    expect(health.pausedMs).toBeGreaterThan(2_500 - 1);
    expect(health.pausedMs).toBeLessThanOrEqual(5_000);
  });

  const NOW = 1_700_000_000_000;
  const refused = new DeliveryError('answered 400', { retry: false });
  const gone = new DeliveryError('answered 410', { retry: false, switchOff: true });
  const wrong = new DeliveryError('answered 404', { retry: false, probe: true });

  it('stays on and sends until three incidents in a row have failed', () => {
    expect(health.status(NOW)).toEqual({ on: true });
    for (const id of ['a', 'b', 'b', 'a'])
      health.failed([id], 'an alert', new Error('answered 503'), performance.now());
    expect([health.status(NOW), health.pausedMs]).toEqual([{ on: true }, 0]);
    const { waitMs, refused, reason } = health.failed(['c'], 'an alert', new Error('answered 502'), performance.now());
    expect([refused, reason]).toEqual([false, 'answered 502']);
    expect(waitMs).toBe(health.pausedMs);
    expect(health.pausedMs).toBeGreaterThan(0);
  });

  it('is on if a message about many alerts meets a rate limit, and off if a pause is asked for three times in a row', () => {
    const many = Array.from({ length: 25 }, (_, i) => `t${i}`);
    const meets = (): void => void health.failed(many, '25 alerts of llm_call', limited, performance.now());
    for (let i = 0; i < 3; i++) {
      meets();
      jest.advanceTimersByTime(1_000);
      health.works();
    }
    for (let i = 0; i < 2; i++) {
      meets();
      expect(health.status(NOW)).toMatchObject({ on: true, retryAt: NOW + 1_000 });
      jest.advanceTimersByTime(1_000);
    }
    meets();
    expect(health.status(NOW)).toMatchObject({ on: false, reason: 'answered 429' });
  });

  it('is on if it asks for a pause once, however often one alert has failed before', () => {
    for (let i = 0; i < 3; i++) failed(new Error('answered 500'));
    health.failed(['a', 'b', 'c'], '3 alerts of llm_call', limited, performance.now());
    expect(health.status(NOW)).toMatchObject({ on: true });
  });

  it('reports since when and why nothing goes through, and when it is retried', () => {
    jest.advanceTimersByTime(5_000);
    health.failed(['a', 'b', 'c'], 'alerts', new Error('answered 503'), performance.now());
    jest.advanceTimersByTime(90_000);
    health.failed(['d'], 'an alert', new Error('answered 502'), performance.now());
    const { pausedMs } = health;
    expect(health.status(NOW)).toEqual({
      on: false,
      reason: 'answered 502',
      offSince: NOW - 90_000,
      retryAt: Math.round(NOW + pausedMs),
    });
    jest.advanceTimersByTime(60_000);
    expect(health.status(NOW)).toEqual({ on: false, reason: 'answered 502', offSince: NOW - 150_000 });
    health.works();
    expect(health.status(NOW)).toEqual({ on: true });
  });

  it('sends nothing until the requested pause is over, unless it is resumed', () => {
    expect(failed(limited).waitMs).toBe(1_000);
    jest.advanceTimersByTime(400);
    expect(Math.round(health.pausedMs)).toBe(600);
    health.resume();
    expect(health.pausedMs).toBe(0);
  });

  it('keeps a longer pause if an attempt asks for a shorter one', () => {
    failed(new DeliveryError('answered 429', { retry: true, retryAfterMs: 10_000 }));
    expect(Math.round(failed(limited).waitMs)).toBe(10_000);
  });

  it('knows whether something may have been held back when an attempt succeeds', () => {
    expect(health.works()).toBe(false);
    failed(new Error('answered 503'));
    expect(health.works()).toBe(false);
    failed(limited);
    expect(health.works()).toBe(true);
    expect(health.works()).toBe(false);
    failed(wrong);
    jest.advanceTimersByTime(MINUTE);
    expect(health.works()).toBe(true);
    failed(gone);
    expect(health.works()).toBe(true);
  });

  it('does not take what was under way before a pause for proof that it works again, though a row of failures ends with it', () => {
    const began = performance.now();
    jest.advanceTimersByTime(10);
    for (const id of ['a', 'b']) health.failed([id], 'an alert', new Error('answered 503'), began);
    expect(health.works(began)).toBe(false);
    health.failed(['c'], 'an alert', new Error('answered 503'), began);
    expect(health.pausedMs).toBe(0);
    for (const error of [limited, wrong, gone]) {
      failed(error);
      const { pausedMs } = health;
      expect([health.works(began), health.pausedMs]).toEqual([false, pausedMs]);
    }
    expect([health.isOff, health.works(performance.now()), health.isOff]).toEqual([true, true, false]);
  });

  it('logs that it works again only if its receiver was away or it was off', () => {
    failed(limited);
    health.works();
    expect(lines).toHaveLength(1);
    for (const error of [wrong, gone]) {
      failed(error);
      health.works();
    }
    expect(lines.slice(1)).toEqual([
      expect.stringContaining('has a wrong address'),
      'The chat channel works again',
      expect.stringContaining('is off'),
      'The chat channel works again',
    ]);
  });

  it.each([
    [MINUTE - 1, []],
    [MINUTE, ['The chat channel works again']],
  ])('logs that it works again if nothing went through for a minute: after %i ms', (ms, ended) => {
    for (const id of ['a', 'b', 'c']) health.failed([id], 'an alert', new Error('answered 503'), performance.now());
    jest.advanceTimersByTime(ms);
    failed(new Error('answered 502'));
    health.works();
    health.works();
    expect(lines.slice(1)).toEqual(ended);
  });

  it('is retried less and less often if its address seems wrong, which is logged once', () => {
    const pauses = Array.from({ length: 9 }, () => {
      const began = performance.now();
      jest.advanceTimersByTime(10);
      for (let i = 0; i < 3; i++) health.failed(['a'], 'an alert', wrong, began);
      const { pausedMs } = health;
      jest.advanceTimersByTime(pausedMs + 1);
      return pausedMs;
    });
    for (const [i, pausedMs] of pauses.entries()) {
      const mostMs = Math.min(30_000 * 2 ** i, 15 * MINUTE);
      expect(pausedMs).toBeLessThanOrEqual(mostMs);
      expect(pausedMs).toBeGreaterThanOrEqual(mostMs / 2);
    }
    expect(lines).toEqual([
      'The chat channel has a wrong address or credentials, or its receiver is away (answered 404): it is retried, less and less often. Check channels[0]',
    ]);
    expect(health.status(NOW)).toMatchObject({ on: false, reason: 'answered 404' });
  });

  it('is off until a test alert goes through if its address no longer exists', () => {
    const failures = [failed(gone), failed(gone)];
    expect(lines).toEqual([
      'The chat channel is off (answered 410): fix channels[0] and restart, or call sendTest() if it is correct',
    ]);
    expect(failures[0]).toMatchObject({ refused: true, reason: 'answered 410' });
    expect(failures[0]?.waitMs).toBeGreaterThanOrEqual(60 * MINUTE);
    health.resume();
    jest.advanceTimersByTime(120 * MINUTE);
    expect(health.isOff).toBe(true);
    expect(health.pausedMs).toBeGreaterThanOrEqual(60 * MINUTE);
    expect(health.status(NOW)).toEqual({ on: false, reason: 'answered 410', offSince: NOW - 120 * MINUTE });
    health.works();
    expect([health.isOff, health.pausedMs]).toEqual([false, 0]);
  });

  it.each([
    ['fails while no other does', new Error('answered 500'), [true, true, false, false, true]],
    ['is refused', refused, [true, true, true, true, true]],
  ])('treats an alert as the one at fault if it %s', (_, error, blamed) => {
    const itsFault = (id: string): boolean => health.failed([id], 'an alert', error, performance.now()).itsFault;
    const before = ['a', 'a', 'b', 'a'].map(itsFault);
    health.works();
    expect([...before, itsFault('b')]).toEqual(blamed);
  });

  it('is not at fault if it refuses alerts, however many', () => {
    for (let i = 0; i < 5; i++)
      expect(health.failed([`t${i}`], 'an alert', refused, performance.now())).toMatchObject({
        refused: true,
        waitMs: 0,
      });
    expect(health.status(NOW)).toEqual({ on: true });
    const any = [refused, gone, wrong, limited, new Error('x')];
    expect(any.map(mayBeOfOneAlert)).toEqual([true, false, false, false, true]);
  });

  it.each([
    ['that failed', false, 250, MINUTE],
    ['that was refused', true, 5_000, 5 * MINUTE],
  ])('retries an alert %s less and less often', (_, wasRefused, firstMs, mostMs) => {
    for (const [faults, ms] of [
      [0, firstMs],
      [1, 2 * firstMs],
      [20, mostMs],
    ] as const) {
      expect(waitFor(wasRefused, faults)).toBeLessThanOrEqual(ms);
      expect(waitFor(wasRefused, faults)).toBeGreaterThanOrEqual(ms / 2);
    }
  });

  it('survives an unreadable error', () => {
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
