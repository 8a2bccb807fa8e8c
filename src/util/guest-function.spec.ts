import { givenAtOnce, GuestFunction, isThenable } from './guest-function.js';

const IN_TIME_MS = 50;

describe('a function of the app', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  const hanging = () => {
    const answers: ((answer: string) => void)[] = [];
    const ask = jest.fn(() => new Promise<string>((resolve) => answers.push(resolve)));
    return { ask, answers, guest: new GuestFunction(ask, IN_TIME_MS) };
  };
  const askAll = (guest: GuestFunction<number, string>, times: number): string[] => {
    const reasons: string[] = [];
    for (let i = 0; i < times; i++) {
      const note = (error: unknown): void => void reasons.push((error as Error).message);
      try {
        Promise.resolve(guest.answer(i)).catch(note);
      } catch (error) {
        note(error);
      }
    }
    return reasons;
  };

  it('returns at once, throws or returns a promise as the function does', async () => {
    expect(new GuestFunction((n: number) => n + 1, IN_TIME_MS).answer(1)).toBe(2);
    const throwing = new GuestFunction((): number => JSON.parse('{') as number, IN_TIME_MS);
    expect(() => throwing.answer(undefined)).toThrow(SyntaxError);
    expect(await new GuestFunction((n: number) => Promise.resolve(n + 1), IN_TIME_MS).answer(1)).toBe(2);
    await expect(
      new GuestFunction(() => Promise.reject(new Error('no')), IN_TIME_MS).answer(undefined),
    ).rejects.toThrow('no');
  });

  it.each([
    [
      'rejects with what has no text',
      { then: (_ok: unknown, no: (error: unknown) => void) => no(Object.create(null)) },
    ],
    [
      'throws instead of promising',
      {
        then: () => {
          throw Object.create(null);
        },
      },
    ],
  ])('that %s has answered, and leaves nothing outstanding', async (_what, answer) => {
    const guest = new GuestFunction(() => answer as unknown as PromiseLike<string>, IN_TIME_MS);
    for (let i = 0; i < 4; i++) await expect(guest.answer(i)).rejects.toThrow('an error without a message');
    await jest.advanceTimersByTimeAsync(20_000);
    expect(guest.isPrompt).toBe(true);
  });

  it('may return a callable thenable, which may call back twice', async () => {
    const twice = Object.assign(() => undefined, {
      then: (ok: (answer: string) => void) => [ok('first'), ok('second')],
    });
    const guest = new GuestFunction(() => twice as unknown as PromiseLike<string>, IN_TIME_MS);
    expect(await guest.answer(undefined)).toBe('first');
  });

  it('is waited for during many concurrent calls, and while its answers are just in time', async () => {
    jest.advanceTimersByTime(100);
    const { guest, answers } = hanging();
    for (let i = 0; i < 4; i++) void guest.answer(i);
    jest.advanceTimersByTime(IN_TIME_MS);
    void guest.answer(4);
    expect(guest.isPrompt).toBe(true);
    jest.advanceTimersByTime(1);
    void guest.answer(5);
    expect(guest.isPrompt).toBe(false);
    // This one is late too, though nobody has looked since.
    jest.advanceTimersByTime(IN_TIME_MS + 1);
    answers[5]?.('late');
    await jest.advanceTimersByTimeAsync(0);
    expect(guest.isPrompt).toBe(false);
    void guest.answer(6);
    jest.advanceTimersByTime(IN_TIME_MS);
    answers[6]?.('just in time');
    await jest.advanceTimersByTimeAsync(0);
    expect(guest.isPrompt).toBe(true);
  });

  it('is not waited for after three late answers, until one is in time', async () => {
    const { guest, answers } = hanging();
    for (let i = 0; i < 3; i++) {
      expect(guest.isPrompt).toBe(true);
      void guest.answer(i);
      jest.advanceTimersByTime(IN_TIME_MS + 1);
    }
    void guest.answer(3);
    expect(guest.isPrompt).toBe(false);
    answers[0]?.('late');
    await jest.advanceTimersByTimeAsync(0);
    expect(guest.isPrompt).toBe(false);
    answers[3]?.('in time');
    await jest.advanceTimersByTimeAsync(0);
    expect(guest.isPrompt).toBe(true);
  });

  it('has at most ten thousand outstanding calls within the time that a request may wait', () => {
    const { guest, ask } = hanging();
    const reasons = askAll(guest, 10_500);
    expect([ask.mock.calls.length, reasons.length, reasons[0]]).toEqual([10_000, 500, 'no answer to 10000 calls']);
  });

  it('is late only if the event loop gave it the time to answer', async () => {
    const { guest, answers } = hanging();
    void guest.answer(0);
    const reasons: string[] = [];
    // One turn, as of a client that parses a long backlog.
    for (let i = 0; i < 2_000; i++) {
      jest.spyOn(performance, 'now').mockReturnValue(i);
      reasons.push(...askAll(guest, 1));
    }
    for (const answer of answers) answer('as soon as possible');
    await jest.advanceTimersByTimeAsync(0);
    expect([reasons, answers.length, guest.isPrompt]).toEqual([[], 2_001, true]);
  });

  it('is not called while a thousand answers are late, and ten times once a call was abandoned', async () => {
    jest.advanceTimersByTime(5_000);
    const { guest, ask, answers } = hanging();
    const reasons = askAll(guest, 999);
    jest.advanceTimersByTime(IN_TIME_MS + 1);
    expect(askAll(guest, 1)).toEqual([]);
    jest.advanceTimersByTime(IN_TIME_MS);
    // Late by then: the one before is still in time.
    expect(askAll(guest, 1)).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(askAll(guest, 1)).toEqual(['no answer to 1000 calls']);
    await jest.advanceTimersByTimeAsync(9_897);
    expect(askAll(guest, 1)).toEqual(['no answer to 1000 calls']);
    expect(reasons).toEqual([]);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(reasons).toEqual(Array(999).fill('no answer within 10 s'));
    ask.mockClear();
    askAll(guest, 100);
    expect(ask).toHaveBeenCalledTimes(10);
    jest.advanceTimersByTime(IN_TIME_MS + 1);
    // Late ones count too.
    expect(askAll(guest, 1)).toEqual(['no answer to 10 calls']);
    answers.at(-1)?.('back');
    await jest.advanceTimersByTimeAsync(0);
    ask.mockClear();
    askAll(guest, 100);
    expect(ask).toHaveBeenCalledTimes(100);
  });

  it('leaves no timer behind once it has answered, nor once it is stopped', async () => {
    const { guest, answers } = hanging();
    void guest.answer(1);
    await jest.advanceTimersByTimeAsync(1_500);
    expect(jest.getTimerCount()).toBe(1);
    answers[0]?.('late');
    await jest.advanceTimersByTimeAsync(1_000);
    expect(jest.getTimerCount()).toBe(0);
    void guest.answer(2);
    guest.stop();
    expect(jest.getTimerCount()).toBe(0);
  });
});

it.each([null, undefined, 5, 'then', {}, { then: 'x' }])('isThenable treats %p as a plain answer', (answer) =>
  expect(isThenable(answer)).toBe(false),
);

it('givenAtOnce returns a synchronous answer, and throws for a promise, whose rejection it handles', async () => {
  expect(givenAtOnce('x')).toBe('x');
  const ended = jest.fn();
  process.once('unhandledRejection', ended);
  expect(() => givenAtOnce(Promise.reject(new Error('nobody listens')))).toThrow(TypeError);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', ended);
  expect(ended).not.toHaveBeenCalled();
});
