import type { Logger } from '@nestjs/common';

import { counted, notByKey } from '../../test/support/counted.js';
import { isDone } from '../../test/support/fake-timers.js';
import type { Breach } from '../model/breach.js';
import type { ChangedTotal } from '../model/live-total.js';
import { tenantKey, type Tenant } from '../model/tenant.js';
import type { Levels } from '../model/level.js';
import type { Route } from '../model/route.js';
import type { RateMonitorOptions } from '../options/rate-monitor-options.js';
import { completed } from '../../test/support/complete-options.js';
import type { CounterStore, OwnTotal, Published } from '../store/counter-store.js';
import { MemoryCounterStore } from '../store/memory/memory-counter-store.js';
import { levelsOf } from '../threshold/levels.js';
import { TenantsByWindow } from './tenants-by-window.js';
import { Counter, type Near } from './counter.js';

const MINUTE = 60_000;
const WARNING = { at: 1, severity: 'warning' } as const;
/** The middle of a minute. */
const START = Date.parse('2026-01-01T12:00:30Z');

/** A store in memory that can be away, slow, or never answer. */
class BrittleStore extends MemoryCounterStore implements CounterStore {
  is: 'well' | 'away' | 'hanging' | 'full' | 'empty' = 'well';
  published = 0;
  reads = 0;
  time?: () => Promise<number>;
  open?: (ready: () => void) => void;
  close?: () => Promise<void>;

  override publish(totals: readonly OwnTotal[], now: number): Promise<never> {
    this.published++;
    const refused = totals.map((): Published => ({ refused: 'OOM', ofKey: true }));
    return this.answer(() => (this.is === 'full' ? Promise.resolve(refused) : super.publish(totals, now)));
  }

  override read(...args: Parameters<MemoryCounterStore['read']>): Promise<never> {
    this.reads++;
    return this.answer(() => (this.is === 'empty' ? Promise.resolve(args[0].map(() => 0)) : super.read(...args)));
  }

  private answer(answer: () => Promise<unknown>): Promise<never> {
    if (this.is === 'away') return Promise.reject(new Error('away'));
    return (this.is === 'hanging' ? new Promise(() => undefined) : answer()) as Promise<never>;
  }
}

describe('Counter', () => {
  let now: number;
  let lines: string[];
  let breaches: Breach[];
  let near: Parameters<Near>[0][];
  let store: BrittleStore;
  let open: Counter[];
  /** Thresholds that are set while the app runs, of all categories and windows. */
  let set: { version: number; of: Map<string, number> };

  let raise: (breach: Breach) => Promise<void>;

  const replica = (
    options: RateMonitorOptions = {},
    levelsFor?: (tenant: Tenant) => Levels | Promise<Levels>,
  ): Counter => {
    const all = completed({ categories: { llm: { threshold: 10 } }, ...options });
    const overrides = {
      exactly: (_category: string, _window: string, tenant: string) => set.of.get(tenant),
      broadly: () => set.of.get('*'),
      get version() {
        return set.version;
      },
    };
    const note = (line: string) => lines.push(line);
    const logger = { warn: note, log: note, error: note } as unknown as Logger;
    const categories = counted(all, overrides);
    if (levelsFor)
      for (const { windows } of categories.values())
        for (const window of windows) Object.assign(window, { levelsFor: notByKey(levelsFor) });
    const clock = { now: () => now };
    const counter = new Counter(
      store,
      categories,
      all,
      clock,
      logger,
      (breach) => raise(breach),
      (of) => near.push(of),
    );
    open.push(counter);
    return counter;
  };
  const pass = async (ms: number): Promise<void> => {
    now += ms;
    await jest.advanceTimersByTimeAsync(ms);
  };
  const raised = () => breaches.map(({ tenant, count, countedBy }) => [tenant.id, count, countedBy]);

  beforeEach(() => {
    jest.useFakeTimers();
    [now, lines, breaches, near, open] = [START, [], [], [], []];
    set = { version: 0, of: new Map() };
    store = new BrittleStore(() => now);
    raise = (breach) => Promise.resolve(void breaches.push(breach));
  });
  afterEach(async () => {
    store.is = 'well';
    const closed = Promise.all(open.map((counter) => counter.close().then(() => counter.disconnect())));
    await jest.advanceTimersByTimeAsync(10_000);
    await closed;
    jest.useRealTimers();
  });

  describe('opens', () => {
    it('within a second, with a log line if there is no connection by then, and publishes all once there is one', async () => {
      let ready = (): void => undefined;
      store.open = (connected) => (ready = connected);
      const counter = replica();
      const opened = counter.open();
      await pass(999);
      expect(await isDone(opened)).toBe(false);
      await pass(1);
      expect(await isDone(opened)).toBe(true);
      await pass(300);
      expect(lines).toEqual([expect.stringContaining('memory is away (no connection within 1 s)')]);
      ready();
      await pass(1_100);
      expect(lines).toEqual([expect.anything(), expect.stringContaining('memory is back after')]);
    });

    it("at once if there is nothing to connect to, and follows the store's clock", async () => {
      store.time = () => Promise.resolve(now + 5 * MINUTE);
      const counter = replica();
      expect(await isDone(counter.open())).toBe(true);
      // What only lasts for a while does not go by it.
      expect([counter.now(), counter.monotonic()]).toEqual([START + 5 * MINUTE, START]);
      expect(lines).toEqual([]);
    });

    it.each([
      [11, []],
      [24, ['1 day ahead of']],
      [-24, ['1 day behind']],
      [-49, ['2 days behind']],
    ])("with a log line if the store's clock is days off: %i hours", async (hours, said) => {
      store.time = () => Promise.resolve(now + hours * 60 * MINUTE);
      await replica().open();
      expect(lines.map((line) => /The clock of memory is (.*) that of this process,/.exec(line)?.[1])).toEqual(said);
    });

    it('and notices within seconds that a store is away while nothing is counted, unless it never returned its time', async () => {
      const times = [() => Promise.resolve(now), () => Promise.reject(new Error('NOPERM'))];
      for (const time of times) {
        lines = [];
        store.time = time;
        const counter = replica();
        await counter.open();
        await pass(1_500);
        store.time = () => Promise.reject(new Error('gone'));
        await pass(2_000);
        expect(lines).toEqual(time === times[0] ? [expect.stringContaining('memory is away (gone)')] : []);
        await counter.close();
        // Closed, it asks no more.
        const asked = jest.fn(() => Promise.resolve(now));
        store.time = asked;
        await counter.disconnect();
        await pass(2 * MINUTE);
        expect(asked).not.toHaveBeenCalled();
      }
    });

    it('with what an app counted before, and reports what is lost because its window has expired', async () => {
      const counter = replica();
      store.is = 'away';
      void counter.add('llm', { id: 'a' }, 3);
      await pass(3 * MINUTE);
      store.is = 'well';
      await counter.open();
      await pass(1_000);
      expect(lines).toContainEqual(expect.stringContaining('3 counted requests were never published'));
      expect(counter.status()).toMatchObject({ counted: 3, lost: 3, pending: 0 });
    });
  });

  it('counts in each window of a category, with excessive costs reduced to the maximum', async () => {
    const windows = [{ threshold: 10 }, { threshold: 5, windowMs: 2 * MINUTE }];
    const counter = replica({ categories: { llm: { windows, maxCost: 7 } } });
    void counter.add('llm', { id: 'a' }, 100);
    await pass(200);
    expect(counter.status()).toMatchObject({ counted: 7, uncounted: 0, lost: 0, pending: 0 });
    expect([...counter.live()].map(({ window, known }) => [window, known])).toEqual([
      ['minute', 7],
      ['2min', 7],
    ]);
    expect(raised()).toEqual([['a', 7, 'all']]);
    expect(counter.add('other', { id: 'a' }, 1)).toBeUndefined();
    expect(counter.status().counted).toBe(7);
  });

  it('counts requests without room as uncounted, with a log line when that begins and one at the end', async () => {
    const counter = replica({ maxTrackedTenants: 2 });
    for (const id of ['a', 'b', 'c']) void counter.add('llm', { id }, id === 'c' ? 2 : 1);
    expect(lines).toHaveLength(1);
    for (const id of ['a', 'd', 'c']) void counter.add('llm', { id }, id === 'c' ? 2 : 1);
    expect(await counter.increment('llm', 'e', 0)).toBe(0);
    await pass(200);
    expect(counter.status()).toMatchObject({ counted: 8, uncounted: 5 });
    expect(lines).toEqual([expect.stringContaining('2 tenants are tracked in llm, the maximum')]);
    await counter.close();
    expect(lines).toEqual([
      expect.anything(),
      expect.stringContaining('4 requests were not counted in llm, 5 in cost: too many tenants'),
    ]);
  });

  it('logs once per window that it is full, and reports a request once that several windows had no room for', async () => {
    const windows = [{ threshold: 10 }, { threshold: 50, windowMs: 2 * MINUTE }];
    const categories = { llm: { windows }, exports: { threshold: 3 } };
    const counter = replica({ categories, maxTrackedTenants: 1 });
    // Exactly one request of exports finds no room.
    for (const id of ['a', 'b']) void counter.add('exports', { id }, 1);
    for (const id of ['a', 'b', 'c', 'd']) void counter.add('llm', { id }, 1);
    expect(lines).toEqual([
      expect.stringContaining('1 tenants are tracked in exports, the maximum'),
      expect.stringContaining('1 tenants are tracked in llm (minute), the maximum'),
      expect.stringContaining('1 tenants are tracked in llm (2min), the maximum'),
    ]);
    expect(counter.status()).toMatchObject({ counted: 6, uncounted: 4 });
    await counter.close();
    expect(lines.slice(3)).toEqual([
      expect.stringContaining('1 request was not counted in exports: too many tenants'),
      expect.stringContaining('3 requests were not counted in llm (minute): too many tenants'),
      expect.stringContaining('3 requests were not counted in llm (2min): too many tenants'),
    ]);
  });

  it('logs how much it had no room for once its window can no longer be published', async () => {
    const counter = replica({ maxTrackedTenants: 1 });
    for (const id of ['a', 'b', 'c']) void counter.add('llm', { id }, 1);
    await pass(200);
    lines.length = 0;
    await pass(3 * MINUTE);
    void counter.add('llm', { id: 'a' }, 1);
    expect(lines).toEqual([expect.stringContaining('2 requests were not counted in llm: too many tenants')]);
  });

  describe('returns the count', () => {
    it('of all instances, even while some of its own waits for the next publish', async () => {
      const [one, other] = [replica({ counting: 'background' }), replica()];
      void other.add('llm', { id: 'a' }, 4);
      await pass(200);
      void one.add('llm', { id: 'a' }, 2);
      expect(one.status().pending).toBe(2);
      expect(await one.read('llm', 'a')).toBe(6);
      // It has the whole of this one.
      void one.add('llm', { id: 'c' }, 1);
      const { published } = store;
      expect([await one.read('llm', 'a'), store.published]).toEqual([6, published]);
      void other.add('llm', { id: 'b' }, 3);
      await pass(200);
      expect([await one.read('llm', { id: 'b' }), await one.read('llm', 'nobody')]).toEqual([3, 0]);
    });

    it('of both tenants that a shown id may mean, the higher one, after publishing what waits for either', async () => {
      const [one, other] = [replica({ counting: 'background' }), replica()];
      const long = 'x'.repeat(1_200);
      // A tenant may have an id that looks like the shortened one of another.
      const shown = tenantKey(long);
      void one.add('llm', { id: long }, 5);
      void one.add('llm', { id: shown }, 2);
      expect(await one.read('llm', shown)).toBe(5);
      void other.add('llm', { id: shown }, 20);
      await pass(200);
      void one.add('llm', { id: shown }, 1);
      const counts = [{ category: 'llm', window: 'minute', tenantId: long, at: now }];
      expect([await one.read('llm', shown), await one.counts(counts)]).toEqual([23, [5]]);
    });

    it('that it knows itself if the store is away, or takes longer than a request may wait', async () => {
      const counter = replica();
      void counter.add('llm', { id: 'a' }, 4);
      await pass(200);
      store.is = 'hanging';
      const read = counter.read('llm', 'a');
      await pass(49);
      expect(await isDone(read)).toBe(false);
      await pass(2);
      expect([await isDone(read), await read]).toEqual([true, 4]);
      void counter.add('llm', { id: 'a' }, 1);
      expect(counter.isStoreAway).toBe(false);
      await pass(2_000);
      expect(counter.isStoreAway).toBe(true);
      const { reads } = store;
      expect([await counter.read('llm', 'a'), await counter.read('llm', 'b'), store.reads - reads]).toEqual([5, 0, 0]);
    });

    it('of the window it was counted in, even if that ended before the store answered', async () => {
      const counter = replica();
      const counting = counter.increment('llm', 'a', 5);
      now += MINUTE;
      await jest.advanceTimersByTimeAsync(60);
      expect(await counting).toBe(5);
      expect(await counter.increment('llm', {} as never)).toBe(0);
      expect(await counter.increment('other', 'a')).toBe(0);
      expect([await counter.read('llm', {} as never), await counter.read('other', 'a')]).toEqual([0, 0]);
      expect(counter.status().counted).toBe(5);
      void counter.increment('llm', 'a');
      expect(counter.status().counted).toBe(6);
    });

    it('of each requested one in order: all parts of a sliding window, and 0 for unknown ones', async () => {
      const sliding = { threshold: 100, sliding: true, windowMs: 6 * MINUTE };
      const options = { categories: { llm: { threshold: 100 }, slow: sliding } };
      const [one, other] = [replica(options), replica(options)];
      for (let i = 0; i < 3; i++) {
        void one.add('slow', { id: 'a' }, 1);
        void other.add('slow', { id: 'a' }, 10);
        await pass(MINUTE);
      }
      void other.add('llm', { id: 'b' }, 7);
      await pass(200);
      const read = (category: string, tenantId: string, window = '') => ({ category, window, tenantId, at: now });
      const reads = [read('slow', 'a'), read('llm', 'b'), read('llm', 'a'), read('gone', 'a'), read('llm', 'b', 'day')];
      expect(await one.counts(reads)).toEqual([33, 7, 0, 0, 0]);
      // A store that has lost all knows less than this instance.
      void one.add('slow', { id: 'a' }, 1);
      await pass(200);
      store.is = 'empty';
      expect(await one.counts(reads)).toEqual([34, 0, 0, 0, 0]);
    });

    it.each([
      ['nothing', undefined],
      ['too few', [3]],
      ['too many', [3, 4, 5]],
      ['a text among numbers', [3, '4']],
      ['numbers by their index', { 0: 3, 1: 4, length: 2 }],
    ])('and rejects what a store answers with %s, which is logged once', async (_, odd) => {
      const counter = replica();
      const reads = ['a', 'b'].map((tenantId) => ({ category: 'llm', window: '', tenantId, at: now }));
      jest.spyOn(store, 'read').mockResolvedValue(odd as never);
      for (let i = 0; i < 2; i++)
        await expect(counter.counts(reads)).rejects.toThrow('odd answer: not one number for each key');
      expect(lines).toEqual(['memory gave an odd answer: read() must resolve to one number for each key']);
      await counter.increment('llm', 'a', 5);
      expect(await counter.read('llm', 'a')).toBe(5);
    });
  });

  describe('reports tenants near a level', () => {
    const route = (path: string): Route => ({ method: 'POST', path, handler: 'x' });

    it('and the route of the request, exact if the request is near the level', async () => {
      const counter = replica();
      const asked: [request: string, isExact: boolean][] = [];
      const routeOf = (request: string, isExact: boolean): Route => {
        asked.push([request, isExact]);
        return route(request);
      };
      // The first of a window is urgent, since others may have counted the tenant, and it is far from a level.
      for (const [i, cost] of [3, 2, 1, 1].entries()) void counter.add('llm', { id: 'a' }, cost, routeOf, `/${i}`);
      expect(asked).toEqual([
        ['/0', true],
        ['/2', true],
        ['/3', true],
      ]);
      const { span } = [...counter.live()][0] as { span: unknown };
      const of = { category: 'llm', window: '', tenant: 'a', span };
      expect(near).toEqual([of, of]);
      // Over its last level, it is near none.
      void counter.add('llm', { id: 'a' }, 10);
      await pass(200);
      void counter.add('llm', { id: 'a' }, 1);
      expect(near).toHaveLength(3);
    });

    it('and lets only a request that may have crossed a level wait for its alert', async () => {
      const counter = replica();
      void counter.add('llm', { id: 'a' }, 1);
      await pass(10);
      expect(counter.add('llm', { id: 'a' }, 1)).toBeUndefined();
      let out = (): void => undefined;
      raise = () => new Promise((resolve) => (out = resolve));
      const wait = counter.add('llm', { id: 'a' }, 10);
      await pass(10);
      expect(await isDone(wait)).toBe(false);
      out();
      expect(await isDone(wait)).toBe(true);
    });

    it('and the alert has the route of the request that crossed', async () => {
      const counter = replica();
      for (let i = 0; i < 11; i++) void counter.add('llm', { id: 'a' }, 1, route, `/${i}`);
      await pass(200);
      expect(breaches.map((breach) => breach.route?.path)).toEqual(['/10']);
    });
  });

  describe('with a threshold function', () => {
    let answers: ((threshold: number) => void)[];
    const asking = () => new Promise<number>((answer) => answers.push(answer));
    beforeEach(() => (answers = []));

    it.each([
      ['auto', true],
      ['await', true],
      ['background', false],
    ] as const)('counting %s, lets the first request of a tenant wait: %s', async (counting, waits) => {
      const counter = replica({ counting, categories: { llm: { threshold: asking } } });
      const wait = counter.add('llm', { id: 'a' }, 11);
      expect(wait !== undefined).toBe(waits);
      await pass(49);
      if (waits) expect(await isDone(wait)).toBe(false);
      await pass(1);
      if (waits) expect(await isDone(wait)).toBe(true);
      answers[0]?.(10);
      await pass(200);
      expect(raised()).toEqual([['a', 11, 'all']]);
    });

    it('lets it wait only for the answer and the resulting publish', async () => {
      const counter = replica({ categories: { llm: { threshold: asking } } });
      const wait = counter.add('llm', { id: 'a' }, 11);
      answers[0]?.(10);
      expect([await isDone(wait), raised()]).toEqual([true, [['a', 11, 'all']]]);
    });

    it('calls it again after a second, then after twice as long up to a minute, with one log line', async () => {
      const asked: number[] = [];
      let fails = true;
      const counter = replica({ categories: { llm: { threshold: 10, windowMs: 20 * MINUTE } } }, () => {
        asked.push(now);
        return fails ? Promise.reject(new Error('db away')) : Promise.resolve(levelsOf(10, [WARNING]));
      });
      const count = async (): Promise<void> => {
        void counter.add('llm', { id: 'a' }, 1);
        await pass(500);
      };
      for (let i = 0; i < 600; i++) await count();
      const seconds = asked.map((at, i) => Math.round((at - (asked[i - 1] ?? at)) / 1_000));
      expect(seconds).toEqual([0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
      expect(lines).toEqual([
        'No threshold for a tenant of llm (db away): it is counted, and its threshold will be asked for again',
      ]);
      fails = false;
      for (let i = 0; i < 130; i++) await count();
      expect(raised()).toEqual([['a', expect.any(Number), 'all']]);
      expect([...counter.live()]).toEqual([expect.objectContaining({ tenant: 'a', threshold: 10 })]);
      // All was well since: it begins with a second again, and is said again.
      fails = true;
      now += 20 * MINUTE;
      asked.splice(0);
      for (let i = 0; i < 4; i++) await count();
      expect(asked.map((at) => at - (asked[0] as number))).toEqual([0, 1_000]);
      expect(lines).toHaveLength(2);
    });

    it('logs each reason why a threshold is unknown', async () => {
      const reasons = ['db away', 'no such plan', 'db away'];
      const counter = replica({}, () => Promise.reject(new Error(reasons.shift())));
      for (const id of ['a', 'b', 'c']) void counter.add('llm', { id }, 1);
      await pass(1);
      expect(lines).toEqual([expect.stringContaining('(db away)'), expect.stringContaining('(no such plan)')]);
    });

    it('asks once per tenant and window', () => {
      const levelsFor = jest.fn(() => levelsOf(10, [WARNING]));
      const counter = replica({}, levelsFor);
      for (const id of ['a', 'b', 'a', 'a', 'b']) void counter.add('llm', { id }, 1);
      expect(levelsFor).toHaveBeenCalledTimes(2);
    });

    it('counts a tenant whose threshold is not known yet, even when one was set for others', async () => {
      const counter = replica({ categories: { llm: { threshold: asking } } });
      await counter.open();
      void counter.add('llm', { id: 'a' }, 11);
      set.version++;
      await pass(2_000);
      expect([...counter.live()]).toMatchObject([{ tenant: 'a', known: 11, threshold: undefined }]);
      answers[0]?.(10);
      await pass(200);
      expect(raised()).toEqual([['a', 11, 'all']]);
    });
  });

  describe('applies a threshold that is set at run time', () => {
    const change = (tenant: string, threshold?: number): void => {
      if (threshold === undefined) set.of.delete(tenant);
      else set.of.set(tenant, threshold);
      set.version++;
    };

    it('within a second, without a request, to tenants whose window is still running', async () => {
      const counter = replica();
      await counter.open();
      void counter.add('llm', { id: 'before' }, 5);
      await pass(MINUTE);
      void counter.add('llm', { id: 'a' }, 5);
      void counter.add('llm', { id: 'b' }, 5);
      await pass(200);
      change('*', 4);
      change('b', 6);
      await pass(1_000);
      expect(raised()).toEqual([['a', 5, 'all']]);
      expect([...counter.live()].map(({ tenant, threshold }) => [tenant, threshold])).toEqual([
        ['a', 4],
        ['b', 6],
        ['before', 10],
      ]);
      // Of a change that brings nobody near a level, the store hears nothing.
      const { published } = store;
      change('b');
      change('*', 1_000);
      await pass(1_000);
      expect([...counter.live()].map(({ threshold }) => threshold)).toEqual([1_000, 1_000, 10]);
      expect(store.published).toBe(published);
    });

    it('to a sliding window until its last part is over', async () => {
      const counter = replica({ categories: { llm: { threshold: 10, sliding: true, windowMs: 6 * MINUTE } } });
      await counter.open();
      void counter.add('llm', { id: 'a' }, 5);
      await pass(5 * MINUTE);
      change('*', 4);
      await pass(1_000);
      expect([...counter.live()].map(({ threshold }) => threshold)).toEqual([4]);
      change('*', 3);
      await pass(1_000);
      await pass(MINUTE);
      change('*', 2);
      await pass(1_000);
      expect([...counter.live()].map(({ threshold }) => threshold)).toEqual([3]);
    });

    it('with the next request, if only that has the whole tenant, which a function may look at', async () => {
      const exempt = ({ name }: { name?: string }) => name === 'Internal';
      const counter = replica({ categories: { llm: { threshold: 10, exempt } } });
      await counter.open();
      void counter.add('llm', { id: 'a', name: 'Internal' }, 5);
      void counter.add('llm', { id: 'b' }, 5);
      await pass(200);
      change('*', 4);
      await pass(1_000);
      expect(raised()).toEqual([['b', 5, 'all']]);
      expect([...counter.live()].map(({ tenant, threshold }) => [tenant, threshold])).toEqual([
        ['a', Infinity],
        ['b', 4],
      ]);
    });

    it('of a threshold function, which is called again soon after each answer has expired, even within a month while others change', async () => {
      const asked: Record<string, number[]> = {};
      const threshold = ({ id }: { id: string }) => {
        (asked[id] ??= []).push(now);
        return now;
      };
      const counter = replica({
        categories: { llm: { threshold, period: 'month' } },
        thresholdTtlMs: MINUTE,
      });
      await counter.open();
      await pass(300);
      for (let i = 0; i < 700; i++) {
        void counter.add('llm', { id: `${i % 7}` }, 1);
        await pass(1_000);
      }
      for (const times of Object.values(asked)) {
        const after = times.slice(1).map((time, i) => time - (times[i] as number));
        expect(Math.min(...after)).toBeGreaterThanOrEqual(MINUTE);
        expect(Math.max(...after)).toBeLessThanOrEqual(1.4 * MINUTE);
        expect(after.length).toBeGreaterThan(6);
      }
      expect(Object.keys(asked)).toHaveLength(7);
    });

    it('with the next request, if they cannot be known by a key', async () => {
      const levels = { now: 10 };
      const levelsFor = Object.defineProperty(() => levelsOf(levels.now, [WARNING]), 'version', {
        get: () => levels.now,
      });
      const counter = replica({}, levelsFor);
      await counter.open();
      await replica().increment('llm', 'gone', 5);
      void counter.add('llm', { id: 'a' }, 5);
      await pass(200);
      levels.now = 4;
      await pass(1_000);
      await counter.look('llm', '', 'gone');
      expect([raised(), lines]).toEqual([[], []]);
      void counter.add('llm', { id: 'a' }, 1);
      await pass(10);
      expect(raised()).toEqual([['a', 6, 'all']]);
    });

    it('to a tenant that only ended instances have counted', async () => {
      const [gone, counter] = [replica(), replica()];
      for (const id of ['a', 'b']) void gone.add('llm', { id }, 5);
      await pass(200);
      for (const [category, window] of [
        ['other', ''],
        ['llm', 'day'],
      ] as const)
        await counter.look(category, window, 'a');
      await counter.look('llm', '', 'nobody');
      change('a', 4);
      await counter.look('llm', '', 'b');
      expect([...counter.live()]).toEqual([]);
      await counter.look('llm', '', 'a');
      await pass(10);
      expect(raised()).toEqual([['a', 5, 'all']]);
      // One that it counts itself is looked at with all others.
      const { reads } = store;
      await counter.look('llm', 'minute', 'a');
      expect(store.reads).toBe(reads);
      const full = replica({ maxTrackedTenants: 1 });
      void full.add('llm', { id: 'b' }, 1);
      await full.look('llm', '', 'a');
      store.is = 'away';
      await expect(counter.look('llm', '', 'b')).rejects.toThrow('away');
    });
  });

  it('yields each change once, and undefined for unchanged totals', async () => {
    const counter = replica();
    void counter.add('llm', { id: 'a', name: 'Acme' }, 3);
    void counter.add('llm', { id: 'b' }, 1);
    await pass(200);
    const changes = () => [...counter.changed()].map((change) => change && [change.tenant, change.known, change.more]);
    const [first] = [...counter.changed()] as [ChangedTotal];
    expect(first).toMatchObject({ category: 'llm', window: '', tenant: 'a', known: 3, threshold: 10, more: 3 });
    expect(first).toMatchObject({ name: 'Acme', isNew: true, span: { start: START - 30_000, end: START + 30_000 } });
    void counter.add('llm', { id: 'b' }, 4);
    expect(changes()).toEqual([undefined, ['b', 5, 4]]);
    expect(changes()).toEqual([undefined, undefined]);
    now += 3 * MINUTE;
    expect([[...counter.live()], changes()]).toEqual([[], []]);
  });

  it('does not walk over all totals unless `pending` is read', async () => {
    const counter = replica({ counting: 'background', flushIntervalMs: 10_000 });
    const live = jest.spyOn(TenantsByWindow.prototype, 'live');
    void counter.add('llm', { id: 'a' }, 1);
    expect([counter.status().counted, live.mock.calls.length]).toEqual([1, 0]);
    expect([counter.status().pending, live.mock.calls.length]).toEqual([1, 1]);
    live.mockRestore();
  });

  it('computes `pending` once a second at most, because it walks over all totals', async () => {
    const counter = replica({ counting: 'background', flushIntervalMs: 10_000 });
    void counter.add('llm', { id: 'a' }, 3);
    void counter.add('llm', { id: 'b' }, 2);
    expect(counter.status().pending).toBe(5);
    void counter.add('llm', { id: 'b' }, 1);
    await pass(999);
    expect(counter.status().pending).toBe(5);
    await pass(1);
    expect(counter.status().pending).toBe(6);
    await pass(10_000);
    expect(counter.status()).toMatchObject({ counted: 6, pending: 0, stats: { publishes: 1 } });
  });

  it('reports since when it has been blind', async () => {
    const counter = replica();
    expect(counter.status()).not.toHaveProperty('blindSince');
    store.is = 'away';
    void counter.add('llm', { id: 'a' }, 1);
    await pass(5_000);
    expect(Math.abs((counter.status().blindSince ?? 0) - START)).toBeLessThan(100);
    store.is = 'well';
    await pass(2_000);
    expect(counter.status()).not.toHaveProperty('blindSince');
  });

  describe('flushes pending totals', () => {
    it('and reports whether all were taken and their alerts recorded', async () => {
      const counter = replica({ counting: 'background', flushIntervalMs: 10_000 });
      void counter.add('llm', { id: 'a' }, 11);
      expect([await counter.flush(1_000), raised()]).toEqual([true, [['a', 11, 'all']]]);
      raise = () => new Promise(() => undefined);
      void counter.add('llm', { id: 'b' }, 11);
      const raising = counter.flush(500);
      await pass(500);
      expect(await raising).toBe(false);
      store.is = 'hanging';
      void counter.add('llm', { id: 'c' }, 1);
      const flushing = counter.flush(500);
      await pass(499);
      expect(await isDone(flushing)).toBe(false);
      await pass(1);
      expect([await isDone(flushing), await flushing]).toEqual([true, false]);
    });

    it.each(['flush', 'close'] as const)(
      'together with what is counted once a function of the app has answered (%s), unless it hangs',
      async (end) => {
        const run = (counter: Counter): Promise<unknown> => (end === 'flush' ? counter.flush(2_000) : counter.close());
        let answer!: (threshold: number) => void;
        const threshold = () => new Promise<number>((resolve) => (answer = resolve));
        const counter = replica({ categories: { llm: { threshold } } });
        const answers: (() => void)[] = [];
        const ask = () => new Promise<void>((resolve) => answers.push(resolve));
        const known = (): void => counter.expect(ask().then(() => void counter.add('llm', { id: 'a' }, 1)));
        counter.expect(ask().then(known));
        const done = run(counter);
        for (let i = 0; i < 2; i++) {
          await pass(500);
          answers[i]?.();
        }
        await pass(500);
        expect([await isDone(done), store.published]).toEqual([false, 1]);
        answer(0);
        await pass(0);
        expect([await isDone(done), raised()]).toEqual([true, [['a', 1, 'all']]]);
        if (end === 'flush') expect(await done).toBe(true);

        const stuck = replica({ categories: { llm: { threshold: 10 } } });
        stuck.expect(new Promise(() => undefined));
        void stuck.add('llm', { id: 'b' }, 11);
        const late = run(stuck);
        await pass(100);
        expect(raised()).toContainEqual(['b', 11, 'all']);
        await pass(1_899);
        expect(await isDone(late)).toBe(false);
        await pass(1);
        expect(await isDone(late)).toBe(true);
        if (end === 'flush') expect(await late).toBe(false);
        expect(lines).toEqual(
          end === 'flush'
            ? []
            : [
                'The app shut down before 1 call of its functions (tenant, skipIf, cost, after or threshold) had an answer: what waited for them ' +
                  'was not counted, or not compared with its threshold',
              ],
        );
      },
    );

    it('and what is counted once a function of the app has answered, without delaying the rest', async () => {
      const counter = replica({ counting: 'background', flushIntervalMs: 10_000 });
      let answer = (): void => undefined;
      const asked = new Promise<void>((resolve) => (answer = resolve));
      counter.expect(asked.then(() => void counter.add('llm', { id: 'late' }, 11)));
      void counter.add('llm', { id: 'a' }, 1);
      const flushing = counter.flush(1_000);
      await pass(500);
      expect([await isDone(flushing), store.published]).toEqual([false, 1]);
      answer();
      expect([await isDone(flushing), await flushing, raised()]).toEqual([true, true, [['late', 11, 'all']]]);
    });

    it('never after it has closed, which is logged once', async () => {
      const counter = replica();
      await counter.close();
      expect(lines).toEqual([]);
      for (let i = 0; i < 2; i++) void counter.add('llm', { id: 'a' }, 1);
      expect(lines).toEqual([
        expect.stringContaining('was counted after RateMonitorModule had shut down, and is lost'),
      ]);
    });

    it('when it closes, and after two seconds judges alone what is left, which is lost', async () => {
      const counter = replica();
      await counter.open();
      void counter.add('llm', { id: 'a' }, 4);
      const { published } = store;
      await counter.close();
      expect([store.published - published, lines, counter.status().lost]).toEqual([1, [], 0]);

      const late = replica();
      store.is = 'hanging';
      void late.add('llm', { id: 'b' }, 11);
      void late.add('llm', { id: 'c' }, 2);
      const closing = late.close();
      await pass(2_000);
      expect(await isDone(closing)).toBe(true);
      expect(raised()).toEqual([['b', 11, 'instance']]);
      expect(late.status().lost).toBe(13);
      expect(lines).toEqual([expect.stringContaining('13 counted requests were never published')]);
    });
  });

  it('cannot flush what the store refuses', async () => {
    const counter = replica();
    store.is = 'full';
    void counter.add('llm', { id: 'b' }, 1);
    expect(await counter.flush(1_000)).toBe(false);
  });

  it('leaves a level to the instance that got it when closing', async () => {
    const [one, other] = [replica(), replica()];
    raise = () => new Promise(() => undefined);
    void one.add('llm', { id: 'a' }, 11);
    await pass(200);
    const told: unknown[] = [];
    raise = (breach) => Promise.resolve(void told.push(breach));
    void other.add('llm', { id: 'a' }, 11);
    await pass(200);
    await other.close();
    expect(told).toEqual([]);
  });

  it('stops waiting for alerts after two seconds when it closes', async () => {
    store.is = 'away';
    raise = () => new Promise(() => undefined);
    const counter = replica();
    void counter.add('llm', { id: 'a' }, 11);
    const closing = counter.close();
    await pass(1_999);
    expect(await isDone(closing)).toBe(false);
    await pass(200);
    expect(await isDone(closing)).toBe(true);
  });

  it.each<[what: string, close: () => Promise<void>, waitsMs: number, why: string]>([
    ['hangs', () => new Promise(() => undefined), 1_000, 'no answer within 1 s'],
    ['fails', () => Promise.reject(new Error('broken')), 0, 'broken'],
    [
      'throws',
      () => {
        throw new Error('broken');
      },
      0,
      'broken',
    ],
  ])('lets the app end if closing the store %s, with a log line', async (_, close, waitsMs, why) => {
    const counter = replica();
    store.close = close;
    const closing = counter.disconnect();
    if (waitsMs > 0) await pass(waitsMs - 1);
    if (waitsMs > 0) expect(await isDone(closing)).toBe(false);
    await pass(1);
    expect(await isDone(closing)).toBe(true);
    expect(lines).toEqual([`memory could not be closed (${why})`]);
  });

  it('logs nothing if the store has nothing to close, or closes', async () => {
    const close = jest.fn(() => Promise.resolve());
    const counter = replica();
    await counter.disconnect();
    store.close = close;
    await counter.disconnect();
    expect([close.mock.calls.length, lines]).toEqual([1, []]);
  });
});
