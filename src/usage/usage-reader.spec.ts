import { UsageReplica, type TestClock } from '../../test/support/replica-with-usage.js';
import type { Category, CategoryWindow } from '../model/category.js';
import type { RateMonitorOptions } from '../options/rate-monitor-options.js';
import { completed } from '../../test/support/complete-options.js';
import { MemoryCounterStore } from '../store/memory/memory-counter-store.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** A whole hour, and the start of a block of 8 hours. */
const START = Math.floor(1_790_002_800_000 / (8 * HOUR)) * 8 * HOUR;

describe('usage, as it is read', () => {
  let clock: TestClock;
  let store: MemoryCounterStore;
  beforeEach(() => {
    clock = { now: START };
    store = new MemoryCounterStore(() => clock.now);
  });

  const replica = (categories: RateMonitorOptions['categories'] = { llm: { threshold: 10 } }, settings = {}) => {
    const all = completed({ categories }).categories as Map<string, Category>;
    return Object.assign(new UsageReplica('a', store, all, clock, settings), {
      of: (name = 'llm') => all.get(name) as Category,
    });
  };
  type Replica = ReturnType<typeof replica>;
  /** Looks each second. */
  const pass = async (ms: number, a: Replica): Promise<void> => {
    for (const end = clock.now + ms; clock.now < end; await a.recorder.look()) clock.now += 1_000;
  };
  /** Counts these in a minute each, which is copied in the next one. */
  const minutes = async (a: Replica, ...counts: Record<string, number>[]): Promise<void> => {
    for (const each of counts) {
      for (const [tenant, count] of Object.entries(each)) if (count > 0) await a.count('llm', tenant, count);
      await pass(MINUTE, a);
    }
  };
  const ids = (rows: { tenant: { id: string } }[]) => rows.map(({ tenant }) => tenant.id);
  const nonZero = ({ counts }: { counts: number[] }) => counts.flatMap((count, i) => (count > 0 ? [[i, count]] : []));

  describe('the busiest', () => {
    it('of the running window are 20 unless another number is asked for', async () => {
      const a = replica();
      for (let i = 0; i < 25; i++) await a.count('llm', `t${i}`, 25 - i);
      await a.recorder.look();
      expect(ids(await a.usage.top('llm'))).toEqual(Array.from({ length: 20 }, (_, i) => `t${i}`));
      expect(await a.usage.top('llm', { limit: 25 })).toHaveLength(25);
      expect(await a.usage.top('llm', { limit: 2.9 })).toHaveLength(2);
      expect(await a.usage.top('llm', { limit: 1 })).toHaveLength(1);
      await expect(a.usage.top('llm', { limit: 0.9 })).rejects.toThrow('limit is 0.9: write a number, 1 or more');
      await expect(a.usage.top('llm', { limit: '3' as never })).rejects.toThrow('limit is a string: write a number');
      await expect(a.usage.top('x')).rejects.toThrow("category is 'x', which is not configured: write one of llm");
      await expect(a.usage.top('llm', { window: 'day' })).rejects.toThrow(
        "window is 'day', which llm does not have: leave it out",
      );
      await expect(a.usage.top('llm', { at: NaN })).rejects.toThrow(
        'at is not a time: write a Date or milliseconds since the epoch',
      );
    });

    it('have their share, ratio, and since when they have been over', async () => {
      const a = replica();
      a.thresholds.set('none', 0).set('free', Infinity);
      await minutes(a, { hot: 9, none: 1 }, { hot: 11 }, { hot: 11, none: 1 });
      for (const [tenant, count] of Object.entries({ hot: 30, none: 5, free: 5, cool: 10 }))
        await a.count('llm', tenant, count);
      await pass(2_000, a);
      const history = jest.spyOn(store.usage, 'history');
      const rows = await a.usage.top('llm');
      // No more than an hour, since none was over for all of it.
      expect(history.mock.calls.map(([, tenants, from, to]) => [tenants.length, to - from])).toEqual([[2, 59]]);
      const about = rows.map(({ tenant, threshold, ratio, share, since }) => [
        ...[tenant.id, threshold, ratio, share],
        since && (since.getTime() - START) / MINUTE,
      ]);
      expect(about).toEqual(
        expect.arrayContaining([
          ['hot', 10, 3, 0.6, 1],
          ['cool', 10, 1, 0.2, undefined],
          ['none', 0, 5, 0.1, 2],
          ['free', Infinity, 0, 0.1, undefined],
        ]),
      );
      const [windowStart, windowEnd] = [3, 4].map((minute) => new Date(START + minute * MINUTE));
      for (const row of rows) expect(row).toMatchObject({ category: 'llm', window: '', windowStart, windowEnd });
    });

    it('have no threshold and no ratio if each tenant has its own, which is not known', async () => {
      const a = replica({ llm: { threshold: () => 10 } });
      await a.count('llm', 'one', 100);
      await a.recorder.look();
      const [row] = await a.usage.top('llm');
      expect(row).toMatchObject({ count: 100, threshold: undefined, ratio: undefined });
      expect(row).not.toHaveProperty('since');
    });

    it('of a window other than the shortest are over since its start, and are known for the last ten', async () => {
      const windows = [
        { threshold: 100, windowMs: 10 * MINUTE },
        { threshold: 10, windowMs: MINUTE },
      ];
      const a = replica({ llm: { windows } });
      await minutes(a, { one: 101 }, {});
      clock.now = START + 10 * MINUTE;
      await minutes(a, { one: 101 });
      const [row] = await a.usage.top('llm', { window: '10min' });
      expect(row).toMatchObject({ window: '10min', threshold: 100, since: new Date(row?.windowStart as Date) });
      expect((await a.usage.top('llm', { at: START }))[0]).toMatchObject({ window: 'minute', threshold: 10 });
      const begun = row?.windowStart.getTime() as number;
      expect(begun).toBe(START + 10 * MINUTE);
      clock.now = begun + 9 * MINUTE;
      await minutes(a, { one: 5 }, {});
      clock.now = begun + 110 * MINUTE - 1;
      expect(await a.usage.top('llm', { window: '10min', at: begun })).toHaveLength(1);
      clock.now += 1;
      expect(await a.usage.top('llm', { window: '10min', at: begun })).toEqual([]);
    });

    it('of a minute hours ago are read from history, busiest first, and there are none in the future', async () => {
      const a = replica();
      await minutes(a, { two: 4, one: 3, three: 5 });
      await pass(3 * HOUR, a);
      const rows = await a.usage.top('llm', { at: START, limit: 2 });
      expect(rows.map(({ tenant, count, share }) => [tenant.id, count, share])).toEqual([
        ['three', 5, 5 / 12],
        ['two', 4, 4 / 12],
      ]);
      expect(await a.usage.top('llm', { at: START + MINUTE })).toEqual([]);
      expect(await a.usage.top('llm', { at: new Date(clock.now + MINUTE) })).toEqual([]);
      expect(await a.usage.top('llm', { at: -1 })).toEqual([]);
      expect(await a.usage.top('llm', { at: 0 })).toEqual([]);
      const daily = replica({ llm: { threshold: 10, period: 'day' } });
      for (const at of [-1e17, 1e17]) expect(await daily.usage.top('llm', { at })).toEqual([]);
    });

    it('of an hour long ago, or of a minute whose list the store has lost, are read from history', async () => {
      const hours = replica({ llm: { threshold: 10, windowMs: HOUR } });
      await minutes(hours, { one: 3 }, { one: 1, two: 5 }, {});
      clock.now += 12 * HOUR;
      const of = async (each: Replica, at: number) =>
        (await each.usage.top('llm', { at })).map(({ tenant, count }) => `${tenant.id} ${count}`);
      expect(await of(hours, START)).toEqual(['two 5', 'one 4']);
      const a = replica();
      const at = clock.now;
      await minutes(a, { one: 3, two: 1 }, {});
      jest.spyOn(store.usage, 'top').mockResolvedValue([]);
      expect(await of(a, at)).toEqual(['one 3', 'two 1']);
      // Of all, also if few are asked for.
      expect(await a.usage.top('llm', { at, limit: 1 })).toMatchObject([{ share: 0.75 }]);
    });

    it('have their share of the known counts in a window that is shorter than a minute, or sliding', async () => {
      const a = replica({ llm: { threshold: 10, windowMs: 10_000 }, slow: { threshold: 10, sliding: true } });
      for (const category of ['llm', 'slow']) {
        await a.count(category, 'one', 3);
        await a.count(category, 'two', 1);
      }
      await pass(1_000, a);
      for (const category of ['llm', 'slow'])
        expect((await a.usage.top(category)).map(({ share }) => share)).toEqual([0.75, 0.25]);
      const [row] = await a.usage.top('slow');
      expect(row?.windowStart).toEqual(new Date(START - 50_000));
      expect(row).not.toHaveProperty('windowEnd');
      // Of all, also if few are asked for.
      for (const category of ['llm', 'slow'])
        expect((await a.usage.top(category, { limit: 1 })).map(({ share }) => share)).toEqual([0.75]);
      await pass(10_000, a);
      for (const tenant of ['one', 'two']) await a.count('llm', tenant, 1);
      await pass(1_000, a);
      const shares = async (at: number) => (await a.usage.top('llm', { at })).map(({ count, share }) => [count, share]);
      const second = await shares(clock.now);
      expect(second).toEqual(Array(2).fill([1, 0.5]));
      // Also once the sum of their minute is in the history.
      await pass(80_000, a);
      expect([await shares(START), await shares(START + 10_000)]).toEqual([
        [
          [3, 0.75],
          [1, 0.25],
        ],
        second,
      ]);
    });

    it('of a sliding window include those who were counted only in an earlier part', async () => {
      const a = replica({ slow: { threshold: 10, sliding: true } });
      await a.count('slow', 'burst', 30);
      await a.count('slow', 'steady', 4);
      await pass(1_000, a);
      for (let part = 1; part < 6; part++) {
        await pass(9_000, a);
        // The first look at a part may come before anything was counted in it.
        if (part > 1)
          expect((await a.usage.top('slow')).map(({ tenant, count }) => [tenant.id, count])).toEqual([
            ['burst', 30],
            ['steady', 3 + part],
          ]);
        await a.count('slow', 'steady', 1);
        await pass(1_000, a);
        const rows = await a.usage.top('slow');
        expect(rows.map(({ tenant, count }) => [tenant.id, count])).toEqual([
          ['burst', 30],
          ['steady', 4 + part],
        ]);
        expect(rows[0]).toHaveProperty('since');
        expect(ids(await a.usage.top('slow', { limit: 1 }))).toEqual(['burst']);
        expect(await a.usage.nearest(a.of('slow'), a.of('slow').windows[0] as CategoryWindow, clock.now)).toContain(
          'burst',
        );
      }
      await pass(10_000, a);
      expect((await a.usage.top('slow')).map(({ tenant, count }) => [tenant.id, count])).toEqual([['steady', 5]]);
    });

    it('of a sliding window are the highest over all parts, without those whose counts the store has lost', async () => {
      const a = replica({ slow: { threshold: 10, sliding: true } });
      const window = a.of('slow').windows[0] as CategoryWindow;
      const near = async () => await a.usage.nearest(a.of('slow'), window, clock.now);
      for (const part of ['far 20', 'mid 9,low 8', 'now 6']) {
        for (const each of part.split(',')) await a.count('slow', each.slice(0, 3), Number(each.slice(4)));
        await pass(10_000, a);
      }
      await a.count('slow', 'now', 1);
      await pass(1_000, a);
      expect(ids(await a.usage.top('slow'))).toEqual(['far', 'mid', 'low', 'now']);
      const counts = jest.spyOn(a, 'counts');
      expect(ids(await a.usage.top('slow', { limit: 1 }))).toEqual(['far']);
      expect(ids(await a.usage.top('slow', { limit: 2 }))).toEqual(['far', 'mid']);
      // No more are read than are shown, and then since when one is over.
      const read = counts.mock.calls.map(([reads]) => new Set(reads.map(({ tenantId }) => tenantId)).size);
      expect(read).toEqual([1, 1, 2, 1]);
      // The nearest of each part come before what is second in one.
      expect((await near()).at(-1)).toBe('low');
      counts.mockImplementation((reads) => Promise.resolve(Array<number>(reads.length).fill(0)));
      expect(ids(await a.usage.top('slow'))).toEqual(['now']);
    });

    it.each([false, true])(
      'have their share of the total of an hour, from its first minute on, sliding: %s',
      async (sliding) => {
        const a = replica({ llm: { threshold: 10, windowMs: HOUR, sliding } });
        for (let i = 0; i < 3; i++) {
          await minutes(a, { one: 3, two: 1 });
          for (const limit of [1, 2]) expect((await a.usage.top('llm', { limit }))[0]?.share).toBe(0.75);
        }
        await minutes(a, {});
        clock.now += 10 * MINUTE;
        await minutes(a, { three: 24 });
        expect((await a.usage.top('llm'))[0]).toMatchObject({ tenant: { id: 'three' }, share: 24 / 36 });
      },
    );

    it.each([
      [10_000, false],
      [12_000, true],
    ])(
      'of a running window of %i ms, sliding: %s, are not those of another window in its minute',
      async (windowMs, sliding) => {
        const a = replica({ llm: { threshold: 2, windowMs, sliding } });
        await a.count('llm', 'one', 3);
        await pass(1_000, a);
        expect(await a.usage.top('llm')).toMatchObject([{ tenant: { id: 'one' }, count: 3 }]);
        // Until it is in the history.
        await pass(50_000, a);
        expect(await a.usage.top('llm')).toEqual([]);
        expect(await a.usage.top('llm', { at: START })).toMatchObject([{ count: 3 }]);
      },
    );

    it('are read from the store alone while nobody counts', async () => {
      const a = replica();
      await minutes(a, { one: 3 });
      await pass(5 * MINUTE, a);
      const [history, seen] = [jest.spyOn(store.usage, 'history'), jest.spyOn(store.usage, 'seen')];
      expect(await a.usage.top('llm')).toEqual([]);
      expect(await a.usage.top('llm', { at: clock.now - MINUTE })).toEqual([]);
      expect([history.mock.calls, seen.mock.calls]).toEqual([[], []]);
      const monthly = replica({ llm: { threshold: 10, period: 'month' } });
      const both = replica({
        llm: {
          windows: [
            { threshold: 10, windowMs: MINUTE },
            { threshold: 10, windowMs: HOUR },
          ],
        },
      });
      const totals = jest.spyOn(store.usage, 'totals');
      expect(await monthly.usage.top('llm')).toEqual([]);
      expect(await both.usage.top('llm', { window: 'hour', at: clock.now - 2 * HOUR })).toEqual([]);
      expect(totals).not.toHaveBeenCalled();
    });
  });

  it('has a row for each requested tenant, even if it used nothing', async () => {
    const a = replica();
    await minutes(a, { one: 12, two: 4 });
    await a.count('llm', 'two', 1, { name: 'Two' });
    await pass(1_000, a);
    const [window] = a.of().windows;
    const rows = await a.usage.present(a.of(), window as never, ['one', 'two', 'x']);
    expect(rows.map(({ tenant, count, share }) => [tenant, count, share])).toEqual([
      [{ id: 'one' }, 0, 0],
      [{ id: 'two', name: 'Two' }, 1, 1],
      [{ id: 'x' }, 0, 0],
    ]);
    const [before] = await a.usage.present(a.of(), window as never, ['one'], START);
    expect(before).toMatchObject({ count: 12, share: 0.75, since: new Date(START) });
    expect(await a.usage.nearest(a.of(), window as never, START)).toEqual(['one']);
    expect(await a.usage.nearest(a.of(), window as never, clock.now)).toEqual([]);
  });

  it('names tenants as they were known then, or within the 8 hours before', async () => {
    const a = replica();
    const [window] = a.of().windows as [never];
    await a.count('llm', 'one', 1, { name: 'Old' });
    await a.count('llm', 'two', 1, { name: 'Two' });
    await pass(1_000, a);
    clock.now = START + 8 * HOUR;
    await a.count('llm', 'one', 1, { name: 'New' });
    await pass(1_000, a);
    const namesAt = async (at: number) =>
      (await a.usage.present(a.of(), window, ['one', 'two'], START + at)).map(({ tenant }) => tenant.name);
    expect(await namesAt(8 * HOUR)).toEqual(['New', 'Two']);
    expect(await namesAt(8 * HOUR - MINUTE)).toEqual(['Old', 'Two']);
    expect(await namesAt(0)).toEqual(['Old', 'Two']);
    clock.now = START + 16 * HOUR;
    expect(await namesAt(16 * HOUR)).toEqual(['New', undefined]);
  });

  describe('of one tenant', () => {
    it('is a count per minute, from history and, for the last minutes, from the counters', async () => {
      const a = replica();
      const long = 'x'.repeat(200);
      for (let minute = 0; minute < 3; minute++) {
        await minutes(a, { one: minute + 1 });
      }
      await a.count('llm', 'one', 7);
      const whole = { start: new Date(START - MINUTE), stepMs: MINUTE, counts: [0, 1, 2, 3, 7] };
      expect(await a.usage.history('llm', 'one', { from: START - MINUTE })).toEqual(whole);
      expect((await a.usage.history('llm', 'one', { from: START + MINUTE, to: START + 2 * MINUTE })).counts).toEqual([
        2, 3,
      ]);
      expect((await a.usage.history('llm', 'one', { from: clock.now })).counts).toEqual([7]);
      // Beyond what is still open in counters.
      const read = jest.spyOn(a, 'counts');
      await pass(10 * MINUTE, a);
      read.mockClear();
      expect((await a.usage.history('llm', 'one', { from: START, to: START + MINUTE })).counts).toEqual([1, 2]);
      expect(read).not.toHaveBeenCalled();
      expect((await a.usage.history('llm', long, { from: START })).counts).toHaveLength(14);
      expect(await a.usage.histories(a.of(), ['one', 'two'], { from: START, to: START })).toMatchObject([
        { counts: [1] },
        { counts: [0] },
      ]);
    });

    it('includes the last minutes before they are copied', async () => {
      const a = replica();
      for (let minute = 1; minute <= 5; minute++) {
        await a.count('llm', 'one', minute);
        await a.count('llm', 'two', 10 * minute);
        clock.now += MINUTE;
      }
      const both = await a.usage.histories(a.of(), ['one', 'two'], { from: START });
      expect(both.map(({ counts }) => counts)).toEqual([
        [0, 0, 0, 4, 5, 0],
        [0, 0, 0, 40, 50, 0],
      ]);
      const hours = replica({ llm: { threshold: 10, windowMs: HOUR } });
      clock.now = START + HOUR - MINUTE;
      await hours.count('llm', 'three', 7);
      clock.now = START + HOUR;
      expect((await hours.usage.history('llm', 'three', { from: clock.now - MINUTE })).counts).toEqual([7, 0]);
    });

    it('is refused for an invalid tenant, range or time', async () => {
      const { usage } = replica();
      const of = (tenant: unknown, range: unknown = { from: START }) =>
        usage.history('llm', tenant as never, range as never);
      await expect(of('')).rejects.toThrow('tenantId is empty: write the id of a tenant');
      await expect(of(5)).rejects.toThrow('tenantId is a number: write the id of a tenant');
      await expect(of('a', null)).rejects.toThrow('the options are null: write an object with from, to');
      await expect(of('a', { from: null })).rejects.toThrow('from is not a time: write a Date or milliseconds');
      await expect(of('a', { from: START, to: 'x' })).rejects.toThrow('to is not a time');
      await expect(of('a', { from: String(START) })).rejects.toThrow('from is not a time');
      await expect(of('a', { from: true })).rejects.toThrow('from is not a time');
      await expect(usage.history('x', 'a', { from: 0 })).rejects.toThrow(
        "category is 'x', which is not configured: write one of llm",
      );
    });

    it('begins where history begins, and has nothing from the future', async () => {
      const { usage } = replica({ llm: { threshold: 10 } }, { retentionMs: HOUR });
      const of = async (from: number, to?: number) => {
        const { start, counts } = await usage.history('llm', 'one', { from, to });
        return [(start.getTime() - START) / MINUTE, counts.length];
      };
      expect(await of(0)).toEqual([-60, 61]);
      expect(await of(START - 5 * MINUTE, START + HOUR)).toEqual([-5, 6]);
      expect(await of(START + 2 * HOUR)).toEqual([1, 0]);
      expect(await of(START - MINUTE, START - 5 * MINUTE)).toEqual([-1, 0]);
    });

    it('is the running count of a window of hours, even in minutes without a request, and from before the range', async () => {
      const a = replica({ llm: { threshold: 10, windowMs: HOUR } });
      await minutes(a, { one: 3 }, {}, { one: 4 }, {});
      const of = async (from: number) => (await a.usage.history('llm', 'one', { from: START + from * MINUTE })).counts;
      expect(await of(0)).toEqual([3, 3, 7, 7, 7]);
      expect(await of(1)).toEqual([3, 7, 7, 7]);
      expect(await of(3)).toEqual([7, 7]);
      await pass(57 * MINUTE, a);
      expect(await of(58)).toEqual([7, 7, 0, 0]);
      await minutes(a, { one: 5 }, {}, {}, {}, {});
      const history = jest.spyOn(store.usage, 'history');
      expect(await of(59)).toEqual([7, 0, 5, 5, 5, 5, 5, 5]);
      // No more than these hours.
      expect(history.mock.lastCall?.[2]).toBe(START / MINUTE);
    });

    // Of 90 s: a second window begins in the middle of a minute. Of 10 min sliding: each part has 100 s.
    it.each([false, true])('has each window that begins within a minute, stopped at once: %s', async (isStopped) => {
      const a = replica({ llm: { threshold: 10, windowMs: 90_000 } });
      await a.count('llm', 'one', 2);
      await pass(95_000, a);
      await a.count('llm', 'one', 50);
      await a.count('llm', 'two', 1);
      await (isStopped ? a.recorder.stop() : pass(5_000, a));
      const share = async (at?: number) =>
        (await a.usage.top('llm', { at })).map(({ tenant, count, share, since }) => [
          tenant.id,
          count,
          share,
          since && since.getTime() - START,
        ]);
      const first = [['one', 2, 1, undefined]];
      const second = [
        ['one', 50, 50 / 51, 90_000],
        ['two', 1, 1 / 51, undefined],
      ];
      expect([await share(START), await share()]).toEqual([first, second]);
      clock.now = START + 185_000;
      await a.count('llm', 'one', 12);
      await pass(1_000, a);
      expect(await share()).toEqual([['one', 12, 1, 90_000]]);
      const told = async () => {
        expect((await a.usage.history('llm', 'one', { from: START, to: START + 179_999 })).counts).toEqual([2, 2, 50]);
        expect((await a.usage.totals('llm', { from: START, to: START + 179_999 })).counts).toEqual([2, 0, 51]);
        const { candidates, samples } = await a.usage.advise('llm', { at: [2, 10] });
        expect(samples).toBe(4);
        expect(candidates).toEqual(
          expect.arrayContaining([
            { threshold: 2, alerts: 2, tenants: 1, whom: [{ tenant: { id: 'one' }, alerts: 2 }] },
            { threshold: 10, alerts: 2, tenants: 1, whom: [{ tenant: { id: 'one' }, alerts: 2 }] },
          ]),
        );
      };
      await told();
      await pass(15 * MINUTE, a);
      await told();
      clock.now += HOUR;
      expect([await share(START), await share(START + 90_000)]).toEqual([
        first,
        second.map(([id, count, part]) => [id, count, part, id === 'one' ? 90_000 : undefined]),
      ]);
      expect(await a.usage.hourlyPeaks('llm', { from: START })).toMatchObject([{ tenants: [{ count: 50 }, {}] }]);
    });

    it('of a window of 45 s belongs to the minute in which it began, even before it is copied', async () => {
      const a = replica({ llm: { threshold: 10, windowMs: 45_000 } });
      await pass(46_000, a);
      await a.count('llm', 'one', 20);
      await pass(45_000, a);
      await a.count('llm', 'one', 5);
      await pass(1_000, a);
      const of = async (minute: number) => {
        const at = START + minute * MINUTE;
        return (await a.usage.history('llm', 'one', { from: at, to: at })).counts;
      };
      expect([await of(0), await of(1)]).toEqual([[20], [5]]);
      clock.now += HOUR;
      const top = async (at: number) => (await a.usage.top('llm', { at: START + at })).map(({ count }) => count);
      expect(await top(89_000)).toEqual([20]);
    });

    it('is the highest of windows that are shorter than a minute', async () => {
      const a = replica({ llm: { threshold: 10, windowMs: 10_000 } });
      for (const count of [3, 9, 5]) {
        await a.count('llm', 'one', count);
        await pass(10_000, a);
      }
      expect((await a.usage.history('llm', 'one', { from: START })).counts).toEqual([9]);
      // Also once the counter of that is gone, and that of a later one is not.
      await pass(20_000, a);
      await a.count('llm', 'one', 2);
      expect((await a.usage.history('llm', 'one', { from: START })).counts).toEqual([9]);
      await a.count('llm', 'two', 3);
      clock.now += 9_000;
      await a.count('llm', 'two', 4);
      expect((await a.usage.history('llm', 'two', { from: START })).counts).toEqual([7]);
      await pass(3 * MINUTE, a);
      expect((await a.usage.history('llm', 'one', { from: START })).counts).toEqual([9, 0, 0, 0]);
    });
  });

  describe('of all tenants', () => {
    it('is a sum per minute', async () => {
      const a = replica();
      await minutes(a, { one: 3, two: 4 }, {}, { one: 1 });
      expect(nonZero(await a.usage.totals('llm', { from: START - MINUTE }))).toEqual([
        [1, 7],
        [3, 1],
      ]);
      expect((await a.usage.totals('llm', { from: START, to: START + MINUTE })).counts).toEqual([7, 0]);
      await expect(a.usage.totals('x', { from: START })).rejects.toThrow("category is 'x', which is not configured");
    });

    it('has the highest counts of each hour, as far back as those are kept', async () => {
      const a = replica({ llm: { threshold: 10 } }, { hourlyRetentionMs: 3 * HOUR });
      for (let hour = 0; hour < 3; hour++) {
        await minutes(a, { one: 5 + hour, two: hour });
        await pass(HOUR - MINUTE, a);
      }
      const peaks = async (from: number, to?: number) =>
        (
          await a.usage.hourlyPeaks('llm', { from: START + from * HOUR, to: to === undefined ? to : START + to * HOUR })
        ).map(({ hour, tenants }) => [
          (hour.getTime() - START) / HOUR,
          tenants.map(({ tenant, count }) => `${tenant.id} ${count}`).join(),
        ]);
      const all = [
        [0, 'one 5'],
        [1, 'one 6,two 1'],
        [2, 'one 7,two 2'],
      ];
      expect(await peaks(-100)).toEqual(all);
      expect(await peaks(1)).toEqual(all.slice(1));
      expect(await peaks(0, 1)).toEqual(all.slice(0, 2));
      expect(await peaks(0, 100)).toEqual(all);
      expect(await peaks(5)).toEqual([]);
      expect(await peaks(2, 1)).toEqual([]);
      clock.now += HOUR;
      const asked = jest.spyOn(store.usage, 'peaks');
      expect(await peaks(-100)).toEqual(all.slice(1));
      expect(asked.mock.calls[0]?.[1]).toHaveLength(4);
      await expect(a.usage.hourlyPeaks('x', { from: START })).rejects.toThrow(
        "category is 'x', which is not configured",
      );
      await expect(a.usage.hourlyPeaks('llm', null as never)).rejects.toThrow('write an object with from, to');
      await expect(a.usage.hourlyPeaks('llm', { from: NaN })).rejects.toThrow('from is not a time');
      await expect(a.usage.hourlyPeaks('llm', { from: 0, to: NaN })).rejects.toThrow('to is not a time');
    });

    it('has how many were active in a range, exactly even within a block of 8 hours', async () => {
      const a = replica();
      const many = Object.fromEntries(Array.from({ length: 45 }, (_, i) => [`t${i}`, 1]));
      for (const [at, who] of [
        [-10, { before: 1 }],
        [-5, many],
        [0, { early: 1 }],
        [481, { late: 1, early: 1 }],
      ] as const) {
        clock.now = START + at * MINUTE;
        // Until it is copied.
        await minutes(a, who, {}, {});
      }
      const active = (from: number, to?: number) =>
        a.usage.active('llm', { from: START + from * MINUTE, to: to === undefined ? to : START + to * MINUTE });
      expect(await active(-10)).toBe(48);
      expect(await active(-5)).toBe(47);
      expect(await active(-5, -1)).toBe(45);
      expect(await active(-4)).toBe(2);
      expect(await active(-1, -1)).toBe(0);
      expect(await active(0)).toBe(2);
      expect(await active(1)).toBe(2);
      expect(await active(0, 479)).toBe(1);
      expect(await active(1, 479)).toBe(0);
      expect(await active(0, 480)).toBe(1);
      expect(await active(0, 481)).toBe(2);
      await expect(a.usage.active('x', { from: START })).rejects.toThrow("category is 'x', which is not configured");
      expect(await a.usage.usageIn(a.of(), { from: START - 10 * MINUTE })).toHaveLength(48);
      // Of whole blocks no history is needed, nor of tenants that are in one.
      const history = jest.spyOn(store.usage, 'history');
      expect([await active(0, 479), await active(480), await active(1)]).toEqual([1, 2, 2]);
      expect(history).not.toHaveBeenCalled();
    });

    it('has how many were active in a window of hours up to then, even if not in the range itself', async () => {
      const a = replica({ llm: { threshold: 10, windowMs: HOUR } });
      await minutes(a, { before: 1 }, {});
      clock.now = START + 2 * HOUR;
      await minutes(a, { early: 1 }, {});
      clock.now = START + 3 * HOUR;
      const active = (from: number, to: number) =>
        a.usage.active('llm', { from: START + from * MINUTE, to: START + to * MINUTE });
      expect([await active(10, 59), await active(60, 119), await active(130, 140)]).toEqual([1, 0, 1]);
    });

    it('has how often each count occurred, and of a longer window only its last', async () => {
      const a = replica();
      a.thresholds.set('two', 7);
      await a.count('llm', 'free', 0);
      await minutes(a, { one: 3, two: 4 }, { one: 3 }, { one: 5 });
      const of = async (each: Replica) =>
        (await each.usage.usageIn(each.of(), { from: START })).map(({ tenant, counts, threshold }) => [
          tenant.id,
          Object.fromEntries(counts),
          threshold,
        ]);
      expect(await of(a)).toEqual([
        ['one', { 3: 2, 5: 1 }, 10],
        ['two', { 4: 1 }, 7],
      ]);
      const usage = async (from: number, to: number) =>
        (await a.usage.usageIn(a.of(), { from: START + from * MINUTE, to: START + to * MINUTE })).map(
          ({ tenant, counts }) => [tenant, [...counts]],
        );
      expect(await usage(1, 1)).toEqual([[{ id: 'one' }, [[3, 1]]]]);
      expect(await usage(2, 3)).toEqual([[{ id: 'one' }, [[5, 1]]]]);
      store = new MemoryCounterStore(() => clock.now);
      clock.now = START;
      const hours = replica({ llm: { threshold: 10, windowMs: HOUR } });
      await minutes(hours, { one: 3 }, { one: 4 });
      clock.now = START + HOUR;
      await minutes(hours, { one: 5 });
      expect(await of(hours)).toEqual([['one', { 5: 1, 7: 1 }, 10]]);
      expect([...(await hours.usage.seenSince('llm', START)).keys()]).toEqual(['one']);
      store = new MemoryCounterStore(() => clock.now);
      clock.now = START;
      // At half past six in the evening in UTC.
      const days = replica({ llm: { threshold: 10, period: 'day', timeZone: 'Asia/Kolkata' } });
      const midnight = days.of().windows[0]?.spanAt(START).end as number;
      clock.now = midnight - 2 * MINUTE;
      await minutes(days, { one: 3 }, {}, { one: 4 }, {});
      expect(await of(days)).toEqual([['one', { 3: 1, 4: 1 }, 10]]);
      expect((await hours.usage.seenSince('llm', clock.now + 9 * HOUR)).size).toBe(0);
    });

    it.each([5 * MINUTE, 10 * MINUTE])(
      'has the highest of each length of a sliding window of %i ms',
      async (windowMs) => {
        const a = replica({ llm: { threshold: 10, windowMs, sliding: true } });
        for (let i = 0; i < 2 * windowMs; i += 10_000) {
          await a.count('llm', 'one', 10);
          await pass(10_000, a);
        }
        await pass(2 * MINUTE, a);
        const [usage] = await a.usage.usageIn(a.of(), { from: START, to: START + 2 * windowMs - 1 });
        // It would alert twice, not each minute.
        expect([...(usage?.counts.values() ?? [])].reduce((sum, times) => sum + times, 0)).toBe(2);
        expect(Math.max(...(usage?.counts.keys() ?? []))).toBe(windowMs / 1_000);
      },
    );

    it('has an estimated size in bytes, if the store knows it', async () => {
      const a = replica({ llm: { threshold: 10 }, exports: { threshold: 10 } });
      expect(await a.usage.bytes()).toBe(0);
      await minutes(a, { one: 3 });
      await a.count('exports', 'one', 1);
      await pass(2 * MINUTE, a);
      const both = (await a.usage.bytes()) as number;
      const bytes = store.usage.bytes.bind(store.usage);
      const some = jest.spyOn(store.usage, 'bytes');
      some.mockImplementation((name, ...rest) => (name === 'llm' ? bytes(name, ...rest) : Promise.resolve(0)));
      const one = (await a.usage.bytes()) as number;
      expect([both > 0, one > 0, both > one]).toEqual([true, true, true]);
      some.mockImplementation((name, ...rest) =>
        name === 'llm' ? bytes(name, ...rest) : Promise.resolve(undefined as never),
      );
      expect(await a.usage.bytes()).toBeUndefined();
    });
  });

  describe('is advised on', () => {
    it('over a day or as requested, at least a minute and at most what is kept', async () => {
      const a = replica();
      await minutes(a, { one: 3 });
      const from = async (over?: number) =>
        (clock.now - (await a.usage.advise('llm', { over })).from.getTime()) / MINUTE;
      expect([await from(), await from(HOUR), await from(1), await from(7 * DAY)]).toEqual([1_440, 60, 1, 1_440]);
      const advice = await a.usage.advise('llm', { at: [2] });
      const about = { category: 'llm', window: '', windowMs: MINUTE, threshold: 10, to: new Date(clock.now) };
      expect(advice).toMatchObject({ ...about, samples: 1, percentiles: { max: 3 } });
      expect(advice.candidates.map(({ threshold }) => threshold)).toContain(2);
      for (const over of [0, -1, NaN])
        await expect(a.usage.advise('llm', { over })).rejects.toThrow(
          `over is ${over}: write a number of milliseconds`,
        );
      await expect(a.usage.advise('llm', { over: 'x' as never })).rejects.toThrow('over is a string: write a number');
      for (const at of [5, [5, NaN], [-1], [Infinity]])
        await expect(a.usage.advise('llm', { at: at as never })).rejects.toThrow(
          'at is not a list of thresholds: write numbers',
        );
      expect((await a.usage.advise('llm', { at: [0] })).candidates.map(({ threshold }) => threshold)).toContain(0);
      await expect(a.usage.advise('llm', 5 as never)).rejects.toThrow(
        'the options are a number: write an object with over, at',
      );
      await expect(a.usage.advise('x')).rejects.toThrow("category is 'x', which is not configured");
      await expect(a.usage.advise('sk_test_0123456789abcdef')).rejects.toThrow(
        "category is 'sk_… (24 characters)', which",
      );
    });

    it('without a threshold if each tenant has its own, or there are no alerts', async () => {
      for (const threshold of [() => 5, Infinity]) {
        const a = replica({ llm: { threshold } });
        await minutes(a, { one: 3 });
        expect(await a.usage.advise('llm')).not.toHaveProperty('threshold');
      }
    });

    it('in words that name the period and the window', async () => {
      const words: (string | undefined)[] = [];
      for (const [windowMs, over, count, sliding = false] of [
        [MINUTE, 3 * HOUR, 8],
        [30_000, 90 * MINUTE, 8],
        [2 * MINUTE, 72 * HOUR, 12],
        [5 * MINUTE, 24 * HOUR, 40, true],
        [30_000, 3 * HOUR, 8, true],
      ] as const) {
        clock.now = START;
        store = new MemoryCounterStore(() => clock.now);
        const a = replica({ llm: { threshold: 1, windowMs, sliding } }, { retentionMs: 4 * DAY });
        const busy = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`t${i}`, 2 + (i % 5)]));
        for (let i = 0; i < count; i++) await minutes(a, busy);
        const { reason = '' } = (await a.usage.advise('llm', { over })).suggestion ?? {};
        words.push(/alerts in (.*?),.*counts in (.*?) stay/.exec(reason)?.slice(1).join());
      }
      expect(words).toEqual([
        ...['3 h,1 min', '1 h 30 min,the highest 30 s of a minute', '72 h,2 min', '24 h,5 min'],
        '3 h,the highest 30 s of a minute',
      ]);
    });
  });
});
