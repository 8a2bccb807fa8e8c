import type { Category, CategoryWindow } from '../model/category.js';
import type { ChangedTotal } from '../model/live-total.js';
import { calendarSpans, fixedSpans, PERIOD_MS } from '../model/window-spans.js';
import { BLOCK_SLOTS, SLOT_MS } from '../store/usage-store.js';
import { CategoryRecord, type Pending } from './category-record.js';

const BLOCK_MS = BLOCK_SLOTS * SLOT_MS;
/** The beginning of a block, an hour and a day. */
const T0 = 20_000 * 86_400_000;

const minute = windowOf('minute', SLOT_MS, 10);
const day: CategoryWindow = {
  ...windowOf('day', PERIOD_MS.day, 100),
  spanAt: calendarSpans('day', 'UTC'),
};

function windowOf(name: string, windowMs: number, threshold: CategoryWindow['threshold']): CategoryWindow {
  return { name, windowMs, threshold, spanAt: fixedSpans(windowMs), levels: [], variable: '', lengthName: name };
}

function recordOf(...windows: CategoryWindow[]): CategoryRecord {
  return new CategoryRecord({ name: 'llm_call', windows } as unknown as Category);
}

describe("the record of a category's usage on one instance", () => {
  let record: CategoryRecord;
  let now: number;

  const counts = (tenant: string, about: Partial<ChangedTotal> & { of?: CategoryWindow } = {}): 'full' | undefined => {
    const { of = minute, ...more } = about;
    const span = of.spanAt(now);
    const total = { category: 'llm_call', window: of.name, span, tenant, known: 1, threshold: 10, name: undefined };
    return record.take({ ...total, more: 1, isNew: true, ...more }, now);
  };
  const seenIn = (pending: Pending) =>
    Object.fromEntries(
      Array.from(pending.seen, ([block, tenants]) => [block * BLOCK_MS - T0, Object.fromEntries(tenants)]),
    );
  const activeIn = (pending: Pending) =>
    Array.from(pending.active.values(), ({ unit, tenants }) => [unit.slot * SLOT_MS - T0, ...tenants]);
  const sumsIn = (pending: Pending) => Array.from(pending.sums, ([slot, sum]) => [slot * SLOT_MS - T0, sum]);
  const topsIn = (pending: Pending): unknown[][] =>
    Array.from(pending.tops.values(), (top) => {
      const { window, counts: busiest, near } = top.toLive();
      return [
        window,
        busiest.map(({ tenant, count }) => [tenant, count]),
        near.map(({ tenant, ratio }) => [tenant, ratio]),
      ];
    });
  /** Reports what is pending, and returns it. */
  const report = (): Pending => {
    const pending = record.takePending();
    record.reported(pending);
    return pending;
  };

  beforeEach(() => {
    now = T0;
    record = recordOf(minute, day);
  });

  it('is about the shortest window, and has nothing to report at first', () => {
    expect(recordOf(day, minute).window).toBe(minute);
    expect(record.takePending().isEmpty).toBe(true);
  });

  it.each(['sums', 'active', 'seen', 'tops'] as const)('is reported if there are only %s', (kind) => {
    counts('a');
    const pending = record.takePending();
    for (const each of ['sums', 'active', 'seen', 'tops'] as const) if (each !== kind) pending[each].clear();
    expect(pending.isEmpty).toBe(false);
    pending[kind].clear();
    expect(pending.isEmpty).toBe(true);
  });

  it.each([
    ['sums', 'active'],
    ['active', 'seen'],
    ['seen', 'tops'],
  ] as const)('is reported if there are only %s and %s', (...kinds) => {
    counts('a');
    const pending = record.takePending();
    for (const each of ['sums', 'active', 'seen', 'tops'] as const)
      if (!(kinds as readonly string[]).includes(each)) pending[each].clear();
    expect(pending.isEmpty).toBe(false);
  });

  it('adds up what was counted in each minute, reported or not', () => {
    counts('a', { more: 2 });
    counts('b', { more: 3 });
    now += SLOT_MS;
    counts('a', { more: 4 });
    expect(sumsIn(report())).toEqual([
      [0, 5],
      [SLOT_MS, 4],
    ]);
    counts('a', { more: 1 });
    // Absolute, so that a report may be lost.
    expect(sumsIn(report())).toEqual([[SLOT_MS, 5]]);
  });

  it('reports the content of a failed report again, with newer counts', () => {
    counts('a');
    const failed = record.takePending();
    record.notReported(failed);
    counts('b');
    expect([sumsIn(record.takePending()), activeIn(failed)]).toEqual([[[0, 2]], [[0, 'a', 'b']]]);
  });

  it('counts other windows in their tops only', () => {
    counts('a', { of: day, threshold: 100, known: 70 });
    const pending = report();
    expect(topsIn(pending)).toEqual([['day', [['a', 70]], [['a', 0.7]]]]);
    expect([pending.sums.size, pending.active.size, pending.seen.size]).toEqual([0, 0, 0]);
  });

  it('remembers closed sums and copied units until they are reported again', () => {
    const slot = T0 / SLOT_MS;
    counts('a');
    const [unit] = [...record.takePending().active.keys()];
    for (const each of [slot, slot + 1]) record.closedSums.add(each);
    for (const each of [String(unit), 'another']) record.done.add(each);
    counts('a', { isNew: true });
    const pending = record.takePending();
    expect([record.closedSums.size, record.done.size]).toEqual([2, 2]);
    record.reported(pending);
    expect([[...record.closedSums], [...record.done]]).toEqual([[slot + 1], ['another']]);
  });

  describe('tops', () => {
    it('name a tenant again only if its count or its ratio has grown', () => {
      counts('a', { known: 6 });
      counts('b', { known: 2 });
      expect(topsIn(report())).toEqual([
        [
          'minute',
          [
            ['a', 6],
            ['b', 2],
          ],
          [['a', 0.6]],
        ],
      ]);
      counts('a', { known: 6, more: 0 });
      expect(report().tops.size).toBe(0);
      // A lowered threshold.
      counts('a', { known: 6, more: 0, threshold: 5 });
      expect(topsIn(report())).toEqual([['minute', [], [['a', 1.2]]]]);
      counts('a', { known: 7 });
      expect(topsIn(report())).toEqual([['minute', [['a', 7]], []]]);
    });

    it.each([
      ['at half of the threshold', { known: 5 }, 0.5],
      ['below half', { known: 4 }, undefined],
      ['with a threshold of 0, as of 1', { known: 3, threshold: 0 }, 3],
      ['that is exempt', { known: 50, threshold: Infinity }, undefined],
      ['whose threshold is not known', { known: 50, threshold: undefined }, undefined],
    ])('list who is near: %s', (_what, about, ratio) => {
      counts('a', about);
      expect(topsIn(report())[0]?.[2]).toEqual(ratio === undefined ? [] : [['a', ratio]]);
    });

    it('belong to one span and one window each, even if those alternate', () => {
      counts('a', { known: 3 });
      now += SLOT_MS;
      counts('a', { known: 2 });
      counts('a', { of: day, known: 9 });
      counts('b', { known: 1, span: minute.spanAt(now - SLOT_MS) });
      expect(topsIn(report()).map(([window, busiest]) => [window, busiest])).toEqual([
        [
          'minute',
          [
            ['a', 3],
            ['b', 1],
          ],
        ],
        ['minute', [['a', 2]]],
        ['day', [['a', 9]]],
      ]);
    });

    it('of one span object in two windows are separate', () => {
      const span = minute.spanAt(now);
      counts('a', { span });
      counts('a', { span, of: day });
      expect(report().tops.size).toBe(2);
    });
  });

  describe('tenants that keep counting', () => {
    const again = (at: number) => {
      record.addAgain(at);
      return activeIn(report());
    };

    it('are reported at first sight, then ten seconds after they counted again', () => {
      counts('a');
      expect(activeIn(report())).toEqual([[0, 'a']]);
      counts('a', { isNew: false });
      expect(activeIn(record.takePending())).toEqual([]);
      now += 4_000;
      counts('b', { isNew: false });
      expect([again(T0 + 9_999), again(T0 + 10_000), again(T0 + 60_000)]).toEqual([[], [[0, 'a', 'b']], []]);
      now += 20_000;
      counts('a', { isNew: false });
      expect([again(T0 + 33_999), again(T0 + 34_000)]).toEqual([[], [[0, 'a']]]);
    });

    it('are reported at the end of their window, if that comes first', () => {
      now += 55_000;
      counts('a', { isNew: false });
      expect([again(T0 + 59_999), again(T0 + 60_000)]).toEqual([[], [[0, 'a']]]);
    });

    it('are reported at the end of the earliest of their windows', () => {
      now += 58_000;
      counts('a', { isNew: false });
      now += 5_000;
      counts('b', { isNew: false });
      expect(again(T0 + 60_000)).toEqual([
        [0, 'a'],
        [SLOT_MS, 'b'],
      ]);
    });

    it('in a long window are reported each minute', () => {
      record = recordOf(day);
      counts('a', { of: day, threshold: 100 });
      report();
      now += SLOT_MS;
      counts('a', { of: day, threshold: 100, isNew: false });
      expect(activeIn(report())).toEqual([[SLOT_MS, 'a']]);
    });

    it('stay in the unit of their span, however late they are counted', () => {
      counts('a');
      counts('a', { span: minute.spanAt(now), isNew: false });
      const span = minute.spanAt(now);
      now += 3 * SLOT_MS;
      counts('b', { span });
      expect(activeIn(report())).toEqual([[0, 'a', 'b']]);
    });
  });

  describe('tenants seen', () => {
    it('are reported once in eight hours, with a new name or thresholds', () => {
      counts('a', { name: 'Acme\nInc' });
      counts('b');
      expect(seenIn(report())).toEqual({ 0: { a: { name: 'Acme Inc' }, b: { name: '' } } });
      counts('a', { name: 'Acme Inc' });
      counts('a');
      counts('a', { name: 'Acme\nInc' });
      counts('b');
      expect(seenIn(report())).toEqual({});
      counts('a', { name: 'Other' });
      counts('b', { threshold: 20 });
      expect(seenIn(report())).toEqual({ 0: { a: { name: 'Other' }, b: { name: '', thresholds: [20, 100] } } });
      now += BLOCK_MS;
      counts('a', { name: 'Other' });
      expect(seenIn(report())).toEqual({ [BLOCK_MS]: { a: { name: 'Other' } } });
    });

    it('keep a name that a later request lacks', () => {
      counts('a', { name: 'Acme' });
      report();
      counts('a', { threshold: 20 });
      expect(seenIn(report())).toEqual({ 0: { a: { name: 'Acme', thresholds: [20, 100] } } });
    });

    it('get the shared thresholds written out once their own are gone', () => {
      counts('a', { threshold: 20 });
      report();
      counts('a', { threshold: 20 });
      expect(seenIn(report())).toEqual({});
      counts('a', { threshold: undefined });
      expect(seenIn(report())).toEqual({});
      counts('a');
      expect(seenIn(report())).toEqual({ 0: { a: { name: '', thresholds: [10, 100] } } });
    });

    it('have the threshold of each window, 0 where it depends on the tenant', () => {
      record = recordOf(
        minute,
        windowOf('hour', 3_600_000, () => 5),
        day,
      );
      counts('a');
      counts('a', { of: day, threshold: 300, known: 1 });
      expect(seenIn(report())).toEqual({ 0: { a: { name: '', thresholds: [10, 0, 300] } } });
    });

    it('get a changed threshold without a request only if they are shown', () => {
      for (const tenant of ['low', 'near', 'was near']) counts(tenant, { known: tenant === 'low' ? 1 : 6 });
      report();
      counts('low', { known: 1, more: 0, threshold: 20 });
      counts('near', { known: 6, more: 0, threshold: 8 });
      counts('was near', { known: 6, more: 0, threshold: 20 });
      counts('never seen', { known: 6, more: 0, threshold: 8 });
      counts('never seen', { known: 1, more: 0, threshold: 8 });
      expect(Object.keys(seenIn(report())[0] ?? {})).toEqual(['near', 'was near']);
      // By its own threshold of 20 it was not near, so this is not shown either.
      counts('was near', { known: 6, more: 0, threshold: 30 });
      expect(seenIn(report())).toEqual({});
      counts('near', { known: 6, more: 0, threshold: 30 });
      expect(Object.keys(seenIn(report())[0] ?? {})).toEqual(['near']);
      // A lowered threshold brings it to half.
      counts('low', { known: 1, more: 0, threshold: 2 });
      expect(Object.keys(seenIn(report())[0] ?? {})).toEqual(['low']);
    });

    it('are checked in turns, except those that wait to be reported', () => {
      for (const tenant of ['a', 'b', 'c']) counts(tenant);
      report();
      expect([record.nextSeen(2), record.nextSeen(2), record.nextSeen(3)]).toEqual([
        ['a', 'b'],
        ['c'],
        ['a', 'b', 'c'],
      ]);
      expect(record.nextSeen(1)).toEqual([]);
      counts('b', { name: 'B' });
      expect(record.nextSeen(9)).toEqual(['a', 'c']);
      now += BLOCK_MS;
      record.nextSeen(1);
      counts('d');
      report();
      expect(record.nextSeen(9)).toEqual(['d']);
    });

    it('are all reported again once the store lost them', () => {
      counts('a', { name: 'Acme' });
      counts('b', { threshold: 20 });
      report();
      record.seenAgain();
      expect(seenIn(report())).toEqual({ 0: { a: { name: 'Acme' }, b: { name: '', thresholds: [20, 100] } } });
    });

    it('belong to the newest block, even if an earlier window is counted late', () => {
      now += BLOCK_MS;
      counts('a');
      report();
      counts('b', { span: minute.spanAt(now - SLOT_MS) });
      expect([record.block * BLOCK_MS - T0, seenIn(report())]).toEqual([BLOCK_MS, { [BLOCK_MS]: { b: { name: '' } } }]);
    });
  });

  describe('if there is no room', () => {
    it('takes no further tenant below half of its threshold, and logs that once per block', () => {
      record.room = 1;
      expect([counts('a'), counts('b'), counts('c'), counts('a'), counts('near', { known: 5 })]).toEqual([
        undefined,
        'full',
        undefined,
        undefined,
        undefined,
      ]);
      const pending = report();
      expect([seenIn(pending), activeIn(pending), sumsIn(pending)]).toEqual([
        { 0: { a: { name: '' }, near: { name: '' } } },
        [[0, 'a', 'near']],
        [[0, 5]],
      ]);
      now += BLOCK_MS;
      record.room = 0;
      expect([counts('d'), counts('e')]).toEqual(['full', undefined]);
    });
  });

  it('accepts news about tenants that have room', () => {
    record.room = 1;
    for (const name of ['Acme', 'Acme', 'Acme Inc']) expect(counts('a', { name })).toBeUndefined();
    expect(seenIn(report())).toEqual({ 0: { a: { name: 'Acme Inc' } } });
  });

  it('has the peaks of one hour at a time', () => {
    const peaks = record.peaksOf(1);
    expect(record.peaksOf(1)).toBe(peaks);
    expect([record.peaksOf(2) === peaks, record.peaks?.hour]).toEqual([false, 2]);
  });

  describe('forgets', () => {
    const slots = (pending: Pending) => [sumsIn(pending), activeIn(pending), pending.tops.size];

    it('pending counts six minutes after their minute', () => {
      counts('a');
      record.closedSums.add(T0 / SLOT_MS);
      record.forget(T0 + 7 * SLOT_MS - 1);
      expect(record.closedSums.size).toBe(1);
      record.notReported(record.takePending());
      const kept = record.takePending();
      expect([sumsIn(kept), activeIn(kept)]).toEqual([[[0, 1]], [[0, 'a']]]);
      record.notReported(kept);
      counts('a');
      expect(sumsIn(kept)).toEqual([[0, 2]]);
      record.forget(T0 + 7 * SLOT_MS);
      expect([record.closedSums.size, ...slots(record.takePending())]).toEqual([0, [], [], 0]);
      counts('a');
      expect(sumsIn(report())).toEqual([[0, 1]]);
    });

    it.each([
      ['a minute', minute, 3 * SLOT_MS],
      ['ten seconds', windowOf('short', 10_000, 10), 2 * SLOT_MS],
      ['a day, of which minutes are copied', day, 3 * SLOT_MS],
    ])('the tops of a span of %s some minutes after its end', (_what, window, keptMs) => {
      record = recordOf(window);
      counts('a', { of: window, known: 6 });
      const { end } = window.spanAt(now);
      record.forget(end + keptMs);
      const kept = record.takePending();
      expect(kept.tops.size).toBe(1);
      record.notReported(kept);
      record.forget(end + keptMs + 1);
      expect(record.takePending().tops.size).toBe(0);
    });

    it('what was reported of a span only together with the span', () => {
      counts('a', { known: 6 });
      report();
      record.forget(now);
      counts('a', { known: 6, more: 0 });
      expect(report().tops.size).toBe(0);
    });

    it('the oldest copied units beyond thirty', () => {
      for (let i = 0; i < 32; i++) record.done.add(String(i));
      record.forget(now);
      expect([record.done.size, [...record.done][0]]).toEqual([30, '2']);
    });
  });
});
