import { notByKey } from '../../test/support/counted.js';
import type { CountedCategory } from '../model/window.js';
import { levelsOf } from '../threshold/levels.js';
import { fixedSpans, slidingSpans } from '../model/window-spans.js';
import type { TenantTotal } from './tenant-total.js';
import { TenantsByWindow, type LiveWindow } from './tenants-by-window.js';

const MINUTE = 60_000;
const LEVELS = levelsOf(4, [{ at: 1, severity: 'warning' }]);

function category(name: string): CountedCategory {
  return {
    name,
    maxCost: 1e9,
    windows: [{ name: '', lengthName: 'minute', spanAt: fixedSpans(MINUTE), levelsFor: notByKey(() => LEVELS) }],
  };
}

describe('TenantsByWindow', () => {
  const [calls, evaluations] = [category('llm_call'), category('evaluations')];
  let closed: LiveWindow[];
  const open = (most: number): TenantsByWindow =>
    new TenantsByWindow('me', most, { full: () => undefined, untracked: (window) => closed.push(window) });
  const track = (windows: TenantsByWindow, key: string, now: number, of = calls): TenantTotal | undefined =>
    windows.track(of, of.windows[0] as CountedCategory['windows'][0], key, now, 1);
  const count = (tracked: TenantTotal | undefined, cost = 1): void => {
    tracked?.setLevels(LEVELS);
    tracked?.add(cost, { id: 'a' });
  };
  const publish = (windows: TenantsByWindow): void => {
    for (const tracked of windows.all())
      tracked.taken(tracked.known, { count: tracked.known, announced: 0, announce: 0 });
  };
  const keys = (windows: TenantsByWindow): string[] => [...windows.all()].map(({ key }) => key).sort();
  beforeEach(() => (closed = []));

  it('keeps a tenant within its window, and starts over in the next', () => {
    const windows = open(10);
    const first = track(windows, 'a', 0);
    expect(track(windows, 'a', MINUTE - 1)).toBe(first);
    expect(track(windows, 'a', MINUTE)).not.toBe(first);
    expect(track(windows, 'a', 5, evaluations)).not.toBe(first);
    // Requests of two categories take turns.
    expect(track(windows, 'a', 5)).toBe(first);
  });

  it('reports each change to usage once: local counts, counts of others, and a new threshold', () => {
    const tracked = track(open(10), 'a', 0) as TenantTotal;
    expect(tracked.takeNews()).toBeUndefined();
    tracked.add(2, { id: 'a', name: 'Acme' });
    tracked.add(1, { id: 'a', name: 'Acme' });
    expect(tracked.takeNews()).toEqual({ more: 3, isNew: true, name: 'Acme' });
    expect(tracked.takeNews()).toBeUndefined();
    tracked.setLevels(LEVELS);
    expect(tracked.takeNews()).toMatchObject({ more: 0 });
    tracked.setLevels({ ...LEVELS });
    tracked.taken(3, { count: 3, announced: 0, announce: 0 });
    expect(tracked.takeNews()).toBeUndefined();
    tracked.taken(3, { count: 8, announced: 0, announce: 0 });
    expect(tracked.takeNews()).toMatchObject({ more: 0 });
    tracked.add(0.1, { id: 'a', name: 'Acme Ltd' });
    tracked.forgetTenant();
    expect(tracked.takeNews()).toEqual({ more: 0.1, isNew: false, name: 'Acme Ltd' });
  });

  it('reports to usage the latest name of a tenant that was renamed between two looks', () => {
    const tracked = track(open(10), 'a', 0) as TenantTotal;
    tracked.setLevels(LEVELS);
    for (const [count, name] of ['Old', 'Newer', 'Newest'].entries()) {
      tracked.add(0.1, { id: 'a', name });
      // The last one is still to be published when usage looks.
      if (count === 2) break;
      tracked.taken(tracked.known, { count: tracked.known, announced: 0, announce: 0 });
      tracked.forgetTenant();
    }
    expect(tracked.takeNews()).toMatchObject({ name: 'Newest' });
  });

  it('keeps the name for usage after the request is forgotten, until usage has read it', () => {
    const tracked = track(open(10), 'a', 0) as TenantTotal;
    tracked.setLevels(LEVELS);
    tracked.add(1, { id: 'a', name: 'Acme' });
    tracked.taken(1, { count: 1, announced: 0, announce: 0 });
    tracked.forgetTenant();
    expect(tracked.takeNews()).toEqual({ more: 1, isNew: true, name: 'Acme' });
    tracked.taken(1, { count: 2, announced: 0, announce: 0 });
    expect(tracked.takeNews()).toEqual({ more: 0, isNew: false, name: undefined });
  });

  it('keeps the previous window, and drops older ones', () => {
    const windows = open(10);
    track(windows, 'a', 0);
    track(windows, 'b', MINUTE);
    expect(keys(windows)).toEqual(['a', 'b']);
    track(windows, 'c', 2 * MINUTE);
    expect(keys(windows)).toEqual(['b', 'c']);
    track(windows, 'd', 9 * MINUTE);
    expect(keys(windows)).toEqual(['d']);
  });

  it('continues the previous window if the clock is set back into it', () => {
    const windows = open(10);
    const first = track(windows, 'a', MINUTE - 1);
    track(windows, 'a', MINUTE);
    expect(track(windows, 'a', MINUTE - 1)).toBe(first);
  });

  it('never publishes two totals of a counter under the same name, however the clock jumps', () => {
    const windows = open(1_000);
    const seen = new Map<string, unknown>();
    for (const minute of [5, 6, 5, 9, 5, 6, 4, 5, 9, 8, 9, 5]) {
      const tracked = track(windows, 'a', minute * MINUTE);
      const name = `${tracked?.window.span.key} ${tracked?.send().instance}`;
      expect(seen.get(name) ?? tracked).toBe(tracked);
      seen.set(name, tracked);
    }
  });

  it('has separate room for each category: a flood in one takes none from another', () => {
    const windows = open(2);
    expect(['a', 'b', 'c'].map((key) => track(windows, key, 0) !== undefined)).toEqual([true, true, false]);
    expect(track(windows, 'c', 0, evaluations)).toBeDefined();
    expect(track(windows, 'a', 0)).toBeDefined();
  });

  it('makes room by dropping a past window that is published', () => {
    const windows = open(2);
    for (const key of ['a', 'b']) count(track(windows, key, 0));
    expect(track(windows, 'c', MINUTE)).toBeUndefined();
    publish(windows);
    expect(track(windows, 'd', MINUTE + 1_000)).toBeDefined();
    expect(keys(windows)).toEqual(['d']);
  });

  it('reports for each window how much it had no room for', () => {
    const windows = open(1);
    for (const key of ['a', 'b', 'c']) track(windows, key, 0);
    expect([...windows.crowded()].map(({ untracked }) => untracked)).toEqual([{ requests: 2, cost: 2 }]);
    track(windows, 'a', 2 * MINUTE);
    expect(closed.map(({ untracked }) => untracked.requests)).toEqual([2]);
  });

  it('finds busy tenants in a flood of invented ids, keeps those close to a level, and creates few keys', () => {
    const windows = open(100);
    const hot = track(windows, 'hot', 0);
    count(hot, 3);
    for (let i = 0; i < 20_000; i++) {
      count(track(windows, `invented_${i}`, 0));
      if (i % 100 === 0) publish(windows);
      if (i % 10 === 0) count(track(windows, 'busy', 0));
    }
    const busy = track(windows, 'busy', 0);
    expect(busy?.known).toBeGreaterThan(1_900);
    expect(track(windows, 'hot', 0)).toBe(hot);
    expect(windows.all().next().value?.window.created).toBeLessThan(110);
  });

  it('counts a tenant that returns after being dropped under another instance name', () => {
    const windows = open(1);
    const first = track(windows, 'a', 0);
    count(first);
    publish(windows);
    for (let i = 0; i < 3; i++) count(track(windows, 'b', 0));
    publish(windows);
    for (let i = 0; i < 5_000; i++) track(windows, 'a', 0);
    const again = track(windows, 'a', 0);
    expect(first?.send().instance).not.toBe(again?.send().instance);
  });

  const window = calls.windows[0] as CountedCategory['windows'][0];
  /** Keeps as many tenants as there is room for, all published: the first `hot` of them near a level. */
  const filled = (most: number, hot = 0): TenantsByWindow => {
    const windows = open(most);
    for (let i = 0; i < most; i++) count(track(windows, `t${i}`, 0), i < hot ? 3 : 1);
    publish(windows);
    return windows;
  };
  const triesOf = (windows: TenantsByWindow, key: string): number => {
    for (let tries = 1; tries < 50; tries++) if (track(windows, key, 0)) return tries;
    return Infinity;
  };

  it('finds a tenant in the window that contains a moment, and none that was never there', () => {
    const windows = open(10);
    const [first, second] = [track(windows, 'a', 0), track(windows, 'a', MINUTE)];
    const found = [0, MINUTE - 1, MINUTE, 2 * MINUTE - 1].map((at) => windows.find(window, 'a', at));
    expect(found).toEqual([first, first, second, second]);
    expect(found[0]).toBe(first);
    expect([windows.find(window, 'a', 2 * MINUTE), windows.find(window, 'a', -1)]).toEqual([undefined, undefined]);
    expect(windows.find(window, 'b', 0)).toBeUndefined();
    expect(windows.find(evaluations.windows[0] as typeof window, 'a', 0)).toBeUndefined();
  });

  it('treats windows as live while the store keeps them', () => {
    const windows = open(10);
    const now = 10 * MINUTE;
    const { keepMs } = (track(windows, 'a', now) as TenantTotal).window;
    const live = (at: number) => [...windows.live(at)].map(({ key }) => key);
    expect([live(now + keepMs - 1), live(now + keepMs)]).toEqual([['a'], []]);
    expect(live(now + 2 * MINUTE)).toEqual([]);
  });

  it('reports nothing about windows with room', () => {
    const windows = open(10);
    track(windows, 'a', 0);
    expect([...windows.crowded()]).toEqual([]);
    track(windows, 'a', 9 * MINUTE);
    expect(closed).toEqual([]);
  });

  it('knows the earlier parts of a sliding window, and none of a fixed one', () => {
    const sliding: CountedCategory = {
      ...calls,
      windows: [{ ...window, spanAt: slidingSpans(6 * MINUTE), parts: 6 }],
    };
    const windows = open(10);
    expect(track(windows, 'a', 60 * MINUTE, sliding)?.window.earlier).toHaveLength(5);
    expect(track(windows, 'a', 60 * MINUTE)?.window.earlier).toBeUndefined();
  });

  it('admits latecomers after more and more requests', () => {
    const windows = filled(10);
    expect(['x', 'y', 'z'].map((key) => triesOf(windows, key))).toEqual([2, 4, 8]);
    expect(keys(windows)).toHaveLength(10);
    expect(windows.all().next().value?.window).toMatchObject({ created: 13, admitted: 3 });
  });

  it('replaces only a published and calm tenant, however far back it is', () => {
    const windows = filled(2, 1);
    expect(triesOf(windows, 'x')).toBe(2);
    expect(keys(windows)).toEqual(['t0', 'x']);
    count(track(windows, 'x', 0));
    expect(triesOf(windows, 'y')).toBe(Infinity);
    expect(triesOf(filled(2, 2), 'x')).toBe(Infinity);
    // A hundred are looked at each time.
    expect([triesOf(filled(100, 99), 'x'), triesOf(filled(101, 100), 'x')]).toEqual([2, 3]);
  });

  it('finds a busy tenant among invented ids, even with little room', () => {
    const windows = filled(1_000);
    let isFound = false;
    for (let i = 0; i < 10_000; i++) {
      track(windows, `invented_${i}`, 0);
      if (i % 250 === 0) isFound ||= track(windows, 'busy', 0) !== undefined;
    }
    expect(isFound).toBe(true);
  });

  it('has all of its room in the next window, even after replacements', () => {
    const windows = filled(2);
    expect(triesOf(windows, 'x')).toBe(2);
    publish(windows);
    expect(['a', 'b', 'c'].map((key) => track(windows, key, MINUTE) !== undefined)).toEqual([true, true, false]);
  });

  it('creates no more keys in a window than there is room for, even if the previous window is dropped', () => {
    const windows = open(2);
    count(track(windows, 'a', 0));
    for (const key of ['b', 'c', 'c']) {
      const tracked = track(windows, key, MINUTE);
      tracked?.setLevels(LEVELS);
      tracked?.taken(0, { count: 0, announced: 0, announce: 0 });
    }
    expect(keys(windows)).toEqual(['a', 'c']);
    publish(windows);
    expect(track(windows, 'd', MINUTE + 2_000)).toBeUndefined();
  });

  it('drops future windows if the clock was set back', () => {
    const windows = open(10);
    track(windows, 'a', 9 * MINUTE);
    track(windows, 'b', 5 * MINUTE);
    expect(keys(windows)).toEqual(['b']);
  });

  it('looks for room at the end of a window once a second, and again if the clock was set back', () => {
    const windows = filled(2);
    expect(track(windows, 'c', MINUTE)).toBeDefined();
    expect(keys(windows)).toEqual(['c']);
    const other = open(2);
    for (const key of ['a', 'b']) count(track(other, key, 0));
    expect(track(other, 'c', MINUTE + 500)).toBeUndefined();
    publish(other);
    expect(track(other, 'd', MINUTE + 1_499)).toBeUndefined();
    expect(track(other, 'e', MINUTE + 400)).toBeDefined();
    // A window that is still to come gives way too.
    const back = open(2);
    count(track(back, 'a', 0));
    count(track(back, 'b', MINUTE));
    publish(back);
    expect(track(back, 'c', MINUTE - 1)).toBeDefined();
    expect(keys(back)).toEqual(['a', 'c']);
  });
});
