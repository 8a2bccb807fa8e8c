import { table } from './table.js';

describe('the table of a terminal', () => {
  const of = { category: 'llm_call', count: 7, threshold: 5, ratio: 1.4, share: 0.5 };

  it('shows the date of a time of another day: a tenant may be over its month for weeks', () => {
    const rows = [
      { ...of, window: 'minute', tenant: 'now', since: '2026-11-27T08:05:00.000Z' },
      { ...of, window: 'month', tenant: 'long', since: '2026-11-01T00:00:00.000Z' },
      { ...of, window: 'day', tenant: 'before midnight', since: '2026-11-26T23:00:00.000Z' },
    ];
    const lines = table(rows, new Date('2026-11-27T09:00:00Z')).split('\n');
    expect(lines.map((line) => line.split(/ {2,}/).at(-1))).toEqual([
      'OVER SINCE',
      '08:05 UTC',
      '2026-11-01 00:00 UTC',
      '2026-11-26 23:00 UTC',
    ]);
  });
});
