import 'reflect-metadata';

import type { ExecutionContext, Logger } from '@nestjs/common';

import type { Category } from '../model/category.js';
import { SayOnce } from '../util/say-once.js';
import { MonitorRate } from './monitor-rate.decorator.js';
import { RequestMonitor } from './request-monitor.js';

const MINUTE_MS = 60_000;
type Asked = 'skipIf' | 'tenant' | 'cost' | 'after' | 'contributor';

describe("faults of the app's functions, and of our own", () => {
  let lines: string[];
  /** What each function does with the next request. */
  let faults: Partial<Record<Asked, string>>;
  let monitor: RequestMonitor;
  let isAsync: boolean;
  let add: () => undefined;

  const answer = <T>(of: Asked, good: T): T => {
    const fault = faults[of];
    if (fault === undefined) return isAsync ? (Promise.resolve(good) as T) : good;
    if (isAsync) return Promise.reject(new Error(fault)) as T;
    throw new Error(fault);
  };
  class Api {
    @MonitorRate('llm_call', { cost: () => answer('cost', 1) })
    @MonitorRate('tokens', { after: () => answer('after', 1) })
    call(): void {}
  }
  const context = {
    getClass: () => Api,
    getHandler: () => Api.prototype.call,
    getType: () => 'job',
  } as unknown as ExecutionContext;

  beforeEach(() => {
    jest.useFakeTimers();
    [lines, faults, isAsync, add] = [[], {}, false, () => undefined];
    const category = (name: string): Category =>
      ({
        name,
        tenant: () => answer('tenant', 'acme'),
        // Answers at once, or not at all.
        contributor: () => {
          if (faults.contributor !== undefined) throw new Error(faults.contributor);
          return 'sk-1';
        },
      }) as unknown as Category;
    const categories = new Map(['llm_call', 'tokens'].map((name) => [name, category(name)]));
    const logger = { warn: (line: string) => void lines.push(line) } as unknown as Logger;
    monitor = new RequestMonitor(
      { categories, skipIf: () => answer('skipIf', false), counting: 'auto', waitAtMostMs: 100 },
      { handlerName: () => 'Api.call', isBound: () => true },
      { add: () => add() },
      { count: () => undefined },
      new SayOnce(logger),
    );
  });
  afterEach(() => jest.useRealTimers());

  const request = async (now: Partial<Record<Asked, string>> = {}): Promise<void> => {
    faults = now;
    void monitor.observe(context, false);
    if (!('skipIf' in now)) monitor.outcome(context, { failed: false, result: {} });
    await jest.advanceTimersByTimeAsync(0);
  };
  const logged = (): number => lines.splice(0).length;

  describe.each([
    ['at once', false],
    ['later', true],
  ])('that answer %s', (_how, async) => {
    beforeEach(() => (isAsync = async));

    it.each<[Asked, number]>([
      ['skipIf', 1],
      ['tenant', 2],
      ['cost', 1],
      ['after', 1],
      ['contributor', 2],
    ])('%s: each is logged once, and again if it comes back after all was well', async (asked, places) => {
      for (let i = 0; i < 3; i++) await request({ [asked]: 'no database' });
      expect(logged()).toBe(places);
      await request({ [asked]: 'no rights' });
      expect(logged()).toBe(places);
      jest.advanceTimersByTime(MINUTE_MS);
      await request({ [asked]: 'no database' });
      expect(logged()).toBe(0);
      await request();
      jest.advanceTimersByTime(MINUTE_MS);
      await request({ [asked]: 'no database' });
      expect(logged()).toBe(places);
    });

    it('a fault of our own stops no request, and is logged once', async () => {
      add = () => {
        throw new Error('of our own');
      };
      for (let i = 0; i < 3; i++) {
        await expect(Promise.resolve(monitor.observe(context, false))).resolves.toBeUndefined();
        expect(monitor.outcome(context, { failed: false, result: {} })).toBeUndefined();
        await jest.advanceTimersByTimeAsync(0);
      }
      expect(lines).toEqual(['A request was not counted (of our own)']);
    });
  });

  it('a context that cannot be read stops no request', () => {
    const unreadable = {} as ExecutionContext;
    expect(monitor.observe(unreadable, false)).toBeUndefined();
    expect(monitor.outcome(unreadable, { failed: false, result: {} })).toBeUndefined();
    expect(lines).toEqual([expect.stringContaining('A request was not counted (')]);
  });
});
