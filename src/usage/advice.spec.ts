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
  it('is empty without history', () => {
    expect(advise([], { ...QUESTION })).toEqual({
      percentiles: { p50: 0, p95: 0, p99: 0, max: 0 },
      samples: 0,
      curve: [],
      alwaysOver: [],
      candidates: [{ threshold: 15, alerts: 0, tenants: 0, whom: [] }],
    });
  });

  it('computes how often each candidate would have alerted, and for which tenants', () => {
    const usage = [tenant('a', 3, 16, 25), tenant('b', 16, 16, 1), tenant('c', 15)];
    const { candidates, percentiles, samples } = advise(usage, { ...QUESTION, at: [20] });
    expect(samples).toBe(7);
    expect(percentiles).toEqual({ p50: 16, p95: 25, p99: 25, max: 25 });
    expect(candidates.find(({ threshold }) => threshold === 15)).toEqual({
      threshold: 15,
      alerts: 4,
      tenants: 2,
      whom: [
        { tenant: { id: 'a' }, alerts: 2 },
        { tenant: { id: 'b' }, alerts: 2 },
      ],
    });
    expect(candidates.find(({ threshold }) => threshold === 20)).toMatchObject({ alerts: 1, tenants: 1 });
  });

  it('names the tenants with the most alerts first, and no more than ten', () => {
    const usage = Array.from({ length: 12 }, (_, i) => tenant(`t${i}`, ...many(20, i + 1)));
    const [first] = advise(usage, { ...QUESTION }).candidates;
    expect(first).toMatchObject({ threshold: 15, alerts: 78, tenants: 12 });
    expect(first?.whom.map(({ tenant, alerts }) => [tenant.id, alerts])).toEqual(
      [11, 10, 9, 8, 7, 6, 5, 4, 3, 2].map((i) => [`t${i}`, i + 1]),
    );
  });

  it('evaluates the present threshold, requested ones, and round numbers from usual to highest counts, in order', () => {
    const looked = (highest: number): number[] => {
      const usage = [tenant('a', ...many(10, 99), highest)];
      return advise(usage, { ...QUESTION, threshold: 30, at: [7, 3] }).candidates.map(({ threshold }) => threshold);
    };
    expect(looked(1_000)).toEqual([3, 7, 10, 15, 25, 30, 40, 60]);
    expect(looked(25)).toEqual([3, 7, 10, 15, 25, 30]);
    expect(looked(10)).toEqual([3, 7, 10, 30]);
  });

  it('has percentiles that are actual counts', () => {
    const { percentiles } = advise([tenant('a', ...many(1, 95), ...many(2, 4), 9)], QUESTION);
    expect(percentiles).toEqual({ p50: 1, p95: 1, p99: 2, max: 9 });
  });

  it('has the whole curve: each entry applies up to the next', () => {
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

  it('has an entry of the curve for each count that occurred, and one for 1', () => {
    const thresholds = (...counts: number[]): number[] =>
      advise([tenant('a', ...counts), tenant('b')], QUESTION).curve.map(({ threshold }) => threshold);
    expect(thresholds(7, 3, 3)).toEqual([1, 3, 7]);
    expect(thresholds(1, 2)).toEqual([1, 2]);
  });

  it('keeps the curve short, evenly spread, and exact at its end', () => {
    const usage = [tenant('a', ...Array.from({ length: 1_000 }, (_, i) => i + 1))];
    const { curve } = advise(usage, QUESTION);
    expect(curve).toHaveLength(200);
    expect([curve[0], curve.at(-1)]).toEqual([
      { threshold: 1, alerts: 999, tenants: 1 },
      { threshold: 1_000, alerts: 0, tenants: 0 },
    ]);
    expect([1, 50, 99, 100, 101].map((i) => curve[i]?.threshold)).toEqual([10, 451, 892, 901, 902]);
  });

  it('suggests a round number that few counts exceed, with the reason', () => {
    const usage = [tenant('a', ...many(2, 1_000), ...many(17, 500), ...many(40, 4)), tenant('b', ...many(2, 500))];
    const { suggestion } = advise(usage, { ...QUESTION, threshold: 5 });
    expect(suggestion?.threshold).toBe(20);
    expect(suggestion?.reason).toBe(
      'At 20 there were 4 alerts in 24 h, for 1 tenant; 99.8 % of all counts in 1 min stay at or below it. At 5 there were 504.',
    );
  });

  it('suggests a threshold with ten alerts at most', () => {
    const suggested = (...rare: number[]): number | undefined =>
      advise([tenant('a', ...many(2, 10_000), ...rare)], { ...QUESTION, threshold: 100 }).suggestion?.threshold;
    expect(suggested(...many(8, 10))).toBe(2);
    expect(suggested(...many(8, 11))).toBe(8);
    expect(suggested(...many(8, 50), ...many(13, 10))).toBe(8);
    expect(suggested(...many(8, 50), ...many(13, 11))).toBe(15);
    // Adding 1 does not change a number this high.
    expect(suggested(...many(2e16, 11))).toBe(2e16);
  });

  it('states the share of counts below in tenths of a percent, rounded down', () => {
    const percent = (threshold: number, ...usage: TenantUsage[]): string | undefined =>
      /[\d.]+ %/.exec(advise(usage, { ...QUESTION, threshold }).suggestion?.reason ?? '')?.[0];
    expect(percent(100, tenant('a', ...many(3, 249), 50))).toBe('99.6 %');
    expect(percent(15, tenant('a', ...many(3, 186)), tenant('big', ...many(500, 14)))).toBe('93 %');
  });

  it('suggests a lower threshold if the present one is far above the counts', () => {
    const { suggestion } = advise([tenant('a', ...many(3, 1_000))], { ...QUESTION, threshold: 100 });
    expect(suggestion?.threshold).toBe(3);
  });

  it('suggests nothing if the threshold fits, or if there is little history', () => {
    expect(advise([tenant('a', ...many(14, 500))], QUESTION).suggestion).toBeUndefined();
    expect(advise([tenant('a', ...many(300, 50))], QUESTION).suggestion).toBeUndefined();
  });

  it.each([
    ['a threshold that is a fifth away', 100, many(80, 500), undefined],
    ['one that is further away', 100, many(75, 500), 75],
    ['one that is 1 away', 3, many(2, 500), undefined],
    ['one that is 2 away', 4, many(2, 500), 2],
    ['99 counts', 100, many(3, 99), undefined],
    ['100 counts', 100, many(3, 100), 3],
    ['nobody but tenants that are always over', 15, many(300, 500), undefined],
  ])('suggests a change for %s only if it is worthwhile', (_, threshold, counts, suggested) => {
    expect(advise([tenant('a', ...counts)], { ...QUESTION, threshold }).suggestion?.threshold).toBe(suggested);
  });

  it('calls a tenant always over if it was over in more than half of at least ten windows; worst first, twenty at most', () => {
    const over = (...usage: TenantUsage[]): string[] =>
      advise(usage, QUESTION).alwaysOver.map(({ tenant }) => tenant.id);
    expect(over(tenant('half', ...many(16, 5), ...many(1, 5)), tenant('more', ...many(16, 6), ...many(1, 4)))).toEqual([
      'more',
    ]);
    expect(over(tenant('nine', ...many(16, 9)), tenant('ten', ...many(16, 10)), tenant('12', ...many(16, 12)))).toEqual(
      ['12', 'ten'],
    );
    expect(over(...Array.from({ length: 25 }, (_, i) => tenant(`t${i}`, ...many(16, 10))))).toHaveLength(20);
  });

  it('names tenants that are always over, and ignores them in the suggestion', () => {
    const usage = [tenant('big', ...many(500, 300)), tenant('small', ...many(4, 400)), tenant('new', ...many(500, 3))];
    const { alwaysOver, suggestion } = advise(usage, QUESTION);
    expect(alwaysOver).toEqual([{ tenant: { id: 'big' }, windowsOver: 300, windows: 300, p95: 500 }]);
    expect(suggestion?.threshold).toBe(4);
    expect(suggestion?.reason).toContain('1 tenant is over 15 most of the time: give it a threshold of its own.');
    const two = advise([...usage, tenant('bigger', ...many(600, 300))], QUESTION).suggestion?.reason;
    expect(two).toContain('2 tenants are over 15 most of the time: give them a threshold of their own.');
  });

  it('makes suggestions for thresholds per tenant too', () => {
    const { suggestion, alwaysOver } = advise([tenant('a', ...many(30, 500))], { ...QUESTION, threshold: undefined });
    expect([suggestion?.threshold, alwaysOver]).toEqual([30, []]);
    expect(suggestion?.reason).toBe(
      'At 30 there were 0 alerts in 24 h, for 0 tenants; 100 % of all counts in 1 min stay at or below it.',
    );
  });

  it('rounds up to numbers that people choose', () => {
    expect([0, 1, 7.2, 10, 11, 16, 95, 101, 149, 1_234].map(roundUp)).toEqual([
      1, 1, 8, 10, 15, 20, 95, 150, 150, 1_500,
    ]);
  });
});
