import { asked } from '../../test/support/counted.js';
import { levelsFor, levelReached, levelsOf, NO_LEVELS } from './levels.js';

const steps = [
  { at: 0.8, severity: 'info' as const },
  { at: 1, severity: 'warning' as const },
  { at: 5, severity: 'critical' as const },
];

describe('levels', () => {
  it('are reached above their count, not at it', () => {
    const levels = levelsOf(15, steps);
    expect([0, 12, 12.5, 13, 15, 16, 75, 76].map((count) => levelReached(levels, count)?.at)).toEqual([
      ...[undefined, undefined, 0.8, 0.8, 0.8, 1, 1, 5],
    ]);
  });

  it('are exact, even if the multiplication rounds', () => {
    const at = (multiple: number, threshold: number) =>
      levelsOf(threshold, [{ at: multiple, severity: 'info' }]).counts;
    expect([at(1.15, 100), at(0.58, 50), at(2.3, 100), at(1, 123_456_789_012_345), at(0.1, 3)]).toEqual([
      [115],
      [29],
      [230],
      [123_456_789_012_345],
      [0.3],
    ]);
  });

  it('of a threshold of 0 are all reached at once', () => {
    expect([0, 1].map((count) => levelReached(levelsOf(0, steps), count)?.at)).toEqual([undefined, 5]);
  });

  it('that are not known are never reached', () => expect(levelReached(NO_LEVELS, 1e9)).toBeUndefined());

  it('are the same object for every tenant of a fixed threshold', () => {
    const of = levelsFor({ threshold: 3, levels: steps }, asked());
    expect(of({ id: 'a' })).toBe(of({ id: 'b' }));
    expect([of.byKey('c', undefined), of.version]).toEqual([of({ id: 'a' }), undefined]);
    expect(of({ id: 'a' })).toEqual({ threshold: 3, counts: [2.4, 3, 15], steps });
  });

  it('of a threshold function are known once it has answered, and get a new version when its answer changes', async () => {
    jest.useFakeTimers();
    const ask = jest.fn<number | Promise<number>, []>(() => 3);
    const of = levelsFor({ threshold: ask, levels: steps }, asked());
    expect([of.byKey('a', undefined), of.version]).toEqual([undefined, 0]);
    expect(of({ id: 'a' })).toEqual(levelsOf(3, steps));
    expect([of.byKey('a', undefined), of.version]).toEqual([levelsOf(3, steps), 0]);
    ask.mockReturnValue(Promise.resolve(4));
    await expect(of({ id: 'b' })).resolves.toEqual(levelsOf(4, steps));
    jest.advanceTimersByTime(60_000);
    void of({ id: 'a' });
    await jest.advanceTimersByTimeAsync(0);
    expect([of.byKey('a', undefined), of.version]).toEqual([levelsOf(4, steps), 1]);
    jest.useRealTimers();
  });

  it('that are not known have no threshold', () =>
    expect(NO_LEVELS).toEqual({ threshold: Infinity, counts: [], steps: [] }));

  it('of an infinite threshold are never reached', async () => {
    for (const threshold of [Infinity, () => Infinity])
      expect(levelReached(await levelsFor({ threshold, levels: steps }, asked())({ id: 'a' }), 1e15)).toBeUndefined();
  });

  it.each([Number.NaN, -1, undefined as never])('are refused if a threshold function returns %p', async (threshold) => {
    await expect(levelsFor({ threshold: () => threshold, levels: steps }, asked())({ id: 'a' })).rejects.toThrow(
      'return a number, 0 or more',
    );
  });
});
