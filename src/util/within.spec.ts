import { timers } from '../../test/support/timers.js';
import { within } from './within.js';

describe('within', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  const never = new Promise<string>(() => undefined);

  it('settles like the promise, and leaves no timer behind', async () => {
    await expect(within(Promise.resolve('x'), 100, 'no answer')).resolves.toBe('x');
    await expect(within(Promise.reject(new Error('refused')), 100, 'no answer')).rejects.toThrow('refused');
    await jest.advanceTimersByTimeAsync(0);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('rejects once the time is over, however long it is', async () => {
    const ended = jest.fn();
    const waiting = within(never, 100, 'no answer').catch(ended);
    await jest.advanceTimersByTimeAsync(99);
    expect(ended).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    await waiting;
    expect(ended).toHaveBeenCalledWith(new Error('no answer within 100 ms'));
  });

  it('keeps the process alive only if asked to', () => {
    jest.useRealTimers();
    const before = timers();
    const added = (): number => timers() - before;
    void within(never, 20, 'no answer', false).catch(() => undefined);
    expect(added()).toBe(0);
    void within(never, 20, 'no answer').catch(() => undefined);
    expect(added()).toBe(1);
  });

  it.each([Infinity, 2 ** 31])('waits for %d ms, which exceeds the maximum of a timer', async (ms) => {
    jest.useRealTimers();
    await expect(
      within(new Promise((resolve) => setTimeout(() => resolve('late'), 20)), ms, 'no answer'),
    ).resolves.toBe('late');
  });
});
