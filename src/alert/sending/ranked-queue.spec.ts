import fc from 'fast-check';

import { byRank, RankedQueue, type Item } from './ranked-queue.js';

const item = (id: string, rank: readonly number[], since = 0): Item => ({ id, rank, since });
const idsOf = (items: readonly Item[]): string => items.map(({ id }) => id).join('');

describe('a queue by rank', () => {
  it('returns the most urgent first, and within a rank the one that has waited longest', () => {
    const queue = new RankedQueue();
    for (const one of [item('a', [0, 9]), item('b', [1, 1], 2), item('c', [1, 1], 1), item('d', [1, 3])])
      queue.set(one);
    expect([queue.size, queue.get('b')?.since, queue.get('e')]).toEqual([4, 2, undefined]);
    expect([idsOf(queue.take(1)), idsOf(queue.take(2)), idsOf(queue.take(9)), queue.size]).toEqual(['d', 'cb', 'a', 0]);
    expect(queue.first).toBeUndefined();
  });

  it('holds an item once, at its latest rank and its original order of arrival', () => {
    const queue = new RankedQueue();
    for (const one of [item('a', [1]), item('b', [2]), item('c', [3]), item('a', [4])]) queue.set(one);
    expect([[...queue.ids()].join(''), queue.first?.rank]).toEqual(['abc', [4]]);
    expect(idsOf(queue.take(9))).toBe('acb');
  });

  it('returns the same as sorting', () => {
    const anItem = fc.record({
      id: fc.constantFrom(...'abcdefghij'),
      rank: fc.tuple(fc.nat(1), fc.nat(3)),
      since: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(fc.oneof(anItem, fc.nat(3))), (steps) => {
        const queue = new RankedQueue();
        let left: Item[] = [];
        for (const step of steps) {
          if (typeof step === 'number') {
            const sorted = [...left].sort(byRank);
            expect(queue.take(step)).toEqual(sorted.slice(0, step));
            left = left.filter((one) => !sorted.slice(0, step).includes(one));
          } else {
            queue.set(step);
            left = [...left.filter(({ id }) => id !== step.id), step];
          }
          expect(queue.size).toBe(left.length);
        }
        expect(queue.take(100)).toEqual([...left].sort(byRank));
      }),
    );
  });
});
