import { LiveWindows } from './live-windows.js';

const MINUTE = 60_000;

describe('LiveWindows', () => {
  const track = (windows: LiveWindows, key: string, now: number, category = 'llm_call') =>
    windows.track(category, MINUTE, key, now);
  const settle = (windows: LiveWindows) => {
    for (const tracked of windows.tenants()) tracked.published = tracked.total = 1;
  };

  it('keeps a tenant within its window, and begins anew in the next', () => {
    const windows = new LiveWindows('me', 10);
    const first = track(windows, 'a', 0);
    expect(track(windows, 'a', MINUTE - 1)).toBe(first);
    expect(track(windows, 'a', MINUTE)).not.toBe(first);
    expect(track(windows, 'a', 5, 'evaluations')).not.toBe(first);
  });

  it('keeps the window before, and lets go of those before it', () => {
    const windows = new LiveWindows('me', 10);
    track(windows, 'a', 0);
    track(windows, 'b', MINUTE);
    expect([...windows.tenants()].map(({ key }) => key)).toEqual(['a', 'b']);
    track(windows, 'c', 2 * MINUTE);
    expect([...windows.tenants()].map(({ key }) => key)).toEqual(['b', 'c']);
    track(windows, 'd', 9 * MINUTE);
    expect([...windows.tenants()].map(({ key }) => key)).toEqual(['d']);
  });

  it('goes on with the window before where the clock is set back over the border', () => {
    const windows = new LiveWindows('me', 10);
    const first = track(windows, 'a', MINUTE - 1);
    track(windows, 'a', MINUTE);
    expect(track(windows, 'a', MINUTE - 1)).toBe(first);
  });

  it('never publishes two totals of one counter under one name, however the clock jumps', () => {
    const windows = new LiveWindows('me', 1_000);
    const seen = new Map<string, unknown>();
    for (const minute of [5, 6, 5, 9, 5, 6, 4, 5, 9, 8, 9, 5]) {
      const tracked = track(windows, 'a', minute * MINUTE);
      const name = `${tracked?.window.number} ${tracked?.window.instance}`;
      expect(seen.get(name) ?? tracked).toBe(tracked);
      seen.set(name, tracked);
    }
  });

  it('has room for so many tenants and no more', () => {
    const windows = new LiveWindows('me', 2);
    expect(
      [track(windows, 'a', 0), track(windows, 'b', 0, 'evaluations'), track(windows, 'c', 0)].map(Boolean),
    ).toEqual([true, true, false]);
    expect(track(windows, 'a', 0)).toBeDefined();
  });

  it('makes room by letting go of a window that is past and published', () => {
    const windows = new LiveWindows('me', 2);
    track(windows, 'a', 0);
    track(windows, 'b', MINUTE);
    settle(windows);
    expect(track(windows, 'c', MINUTE)).toBeDefined();
    expect([...windows.tenants()].map(({ key }) => key)).toEqual(['b', 'c']);
  });

  it('keeps a past window with something still to publish, until it is over for good', () => {
    const windows = new LiveWindows('me', 1);
    const pending = track(windows, 'a', 0);
    if (pending) pending.total = 1;
    expect(track(windows, 'b', MINUTE)).toBeUndefined();
    expect(track(windows, 'b', 2 * MINUTE)).toBeDefined();
  });

  it('makes room where another category has long had no request', () => {
    const windows = new LiveWindows('me', 1);
    track(windows, 'a', 0, 'evaluations');
    settle(windows);
    expect(track(windows, 'b', 2 * MINUTE)).toBeDefined();
  });
});
