import { HeavyHitters } from './heavy-hitters.js';

describe('HeavyHitters', () => {
  it('counts each tenant while there is room', () => {
    const seen = new HeavyHitters(2);
    expect(['a', 'a', 'b', 'a'].map((key) => seen.count(key))).toEqual([1, 2, 1, 3]);
  });

  it('decrements all when another tenant comes, and has room again once a tenant is at 0', () => {
    const seen = new HeavyHitters(2);
    for (const key of ['a', 'a', 'a', 'b']) seen.count(key);
    // b has none left, a has two.
    expect(seen.count('c')).toBe(0);
    expect(seen.count('c')).toBe(1);
    expect(seen.count('d')).toBe(0);
    expect([seen.count('a'), seen.count('b')]).toEqual([2, 1]);
  });

  it('finds the one with many requests in a flood of single requests, and never counts it too high', () => {
    const seen = new HeavyHitters(10);
    let [busy, highest] = [0, 0];
    for (let i = 0; i < 10_000; i++) {
      seen.count(`invented_${i}`);
      if (i % 5 === 0) highest = Math.max(highest, seen.count('busy') - ++busy);
    }
    expect(highest).toBeLessThanOrEqual(0);
    expect(seen.count('busy')).toBeGreaterThan(900);
  });

  it('forgets a tenant that was admitted', () => {
    const seen = new HeavyHitters(1);
    seen.count('a');
    seen.delete('a');
    expect([seen.count('b'), seen.count('a')]).toEqual([1, 0]);
  });
});
