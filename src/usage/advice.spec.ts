import { advise, roundUp, type TenantUsage } from './advice.js';

const QUESTION = { threshold: 15, over: '24 h', window: '1 min' };

/** A tenant whose windows had these counts. */
function tenant(id: string, ...counts: number[]): TenantUsage {
  const times = new Map<number, number>();
  for (const count of counts) times.set(count, (times.get(count) ?? 0) + 1);
  return { tenant: { id }, counts: times };
}

const many = (count: number, times: number): number[] => Array.from({ length: times }, () => count);

describe('advice on a threshold', () => {
  it('has no advice without history', () => {
    expect(advise([], { ...QUESTION })).toEqual({
      percentiles: { p50: 0, p95: 0, p99: 0, max: 0 },
      ...{ samples: 0, curve: [], alwaysOver: [] },
      candidates: [{ threshold: 15, alerts: 0, tenants: 0, whom: [] }],
    });
  });

  it('computes how often each candidate would have alerted, and for which tenants', () => {
    const usage = [tenant('a', 3, 16, 25), tenant('b', 16, 16, 1), tenant('c', 15)];
    const { candidates, percentiles, samples } = advise(usage, { ...QUESTION, at: [20] });
    expect(samples).toBe(7);
    expect(percentiles).toEqual({ p50: 16, p95: 25, p99: 25, max: 25 });
    expect(candidates.find(({ threshold }) => threshold === 15)).toEqual({
      ...{ threshold: 15, alerts: 4, tenants: 2 },
      whom: [
        { tenant: { id: 'a' }, alerts: 2 },
        { tenant: { id: 'b' }, alerts: 2 },
      ],
    });
    expect(candidates.find(({ threshold }) => threshold === 20)).toMatchObject({ alerts: 1, tenants: 1 });
  });

  it('draws the whole curve: each entry holds up to the next', () => {
    const usage = [tenant('a', 3, 16, 25), tenant('b', 16, 16, 2), tenant('c', 15)];
    const { curve } = advise(usage, QUESTION);
    const all = usage.map(({ counts }) => counts);
    for (let threshold = 1; threshold <= 30; threshold++) {
      const step = curve.filter((entry) => entry.threshold <= threshold).at(-1);
      const over = all.map((counts) => [...counts].filter(([count]) => count > threshold));
      const alerts = over.flat().reduce((sum, [, times]) => sum + times, 0);
      expect([threshold, step?.alerts, step?.tenants]).toEqual([
        threshold,
        alerts,
        over.filter((counts) => counts.length > 0).length,
      ]);
    }
  });

  it('keeps the curve short, and exact at its end', () => {
    const usage = [tenant('a', ...Array.from({ length: 1_000 }, (_, i) => i + 1))];
    const { curve } = advise(usage, QUESTION);
    expect(curve).toHaveLength(200);
    expect([curve[0], curve.at(-1)]).toEqual([
      { threshold: 1, alerts: 999, tenants: 1 },
      { threshold: 1_000, alerts: 0, tenants: 0 },
    ]);
  });

  it('suggests a round number that few counts exceed, with the reason', () => {
    const usage = [tenant('a', ...many(2, 1_000), ...many(17, 500), ...many(40, 4)), tenant('b', ...many(2, 500))];
    const { suggestion } = advise(usage, { ...QUESTION, threshold: 5 });
    expect(suggestion?.threshold).toBe(20);
    expect(suggestion?.reason).toContain(
      'At 20 there were 4 alerts in 24 h, for 1 tenant; 99.8 % of all counts in 1 min',
    );
    expect(suggestion?.reason).toContain('At 5 there were 504');
  });

  it('suggests less if the threshold is far above the counts', () => {
    const { suggestion } = advise([tenant('a', ...many(3, 1_000))], { ...QUESTION, threshold: 100 });
    expect(suggestion?.threshold).toBe(3);
  });

  it('suggests nothing if the threshold fits, or if there is little history', () => {
    expect(advise([tenant('a', ...many(14, 500))], QUESTION).suggestion).toBeUndefined();
    expect(advise([tenant('a', ...many(300, 50))], QUESTION).suggestion).toBeUndefined();
  });

  it('names tenants that are always over, and ignores them in the suggestion', () => {
    const usage = [tenant('big', ...many(500, 300)), tenant('small', ...many(4, 400)), tenant('new', ...many(500, 3))];
    const { alwaysOver, suggestion } = advise(usage, QUESTION);
    expect(alwaysOver).toEqual([{ tenant: { id: 'big' }, windowsOver: 300, windows: 300, p95: 500 }]);
    expect(suggestion?.threshold).toBe(4);
    expect(suggestion?.reason).toContain('1 tenant is over 15 most of the time: give it a threshold of its own');
  });

  it('suggests for thresholds of tenants of their own too', () => {
    const { suggestion, alwaysOver } = advise([tenant('a', ...many(30, 500))], { ...QUESTION, threshold: undefined });
    expect([suggestion?.threshold, alwaysOver]).toEqual([30, []]);
  });

  it('rounds up to numbers that people choose', () => {
    expect([0, 1, 7.2, 10, 11, 16, 95, 101, 149, 1_234].map(roundUp)).toEqual([
      1, 1, 8, 10, 15, 20, 95, 150, 150, 1_500,
    ]);
  });
});
