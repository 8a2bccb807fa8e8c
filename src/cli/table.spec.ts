import { fitting, table } from './table.js';

describe('the table of a terminal', () => {
  const of = { category: 'llm_call', count: 7, threshold: 5, ratio: 1.4, share: 0.5 };

  it('shows the date of a time on another day: a tenant may be over its month for weeks', () => {
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

  it('shows an id of usual length in full, and marks one that looks like another or is cut', () => {
    const uuid = '0b4c5d6e-7f80-4912-a345-6789abcdef01';
    const rows = [uuid, 'proj_1', 'proj_1\u200b', 'a'.repeat(37), 'red\u001b[31m'].map((tenant) => ({
      ...of,
      window: '',
      tenant,
      name: 'Acme',
    }));
    const ids = table(rows)
      .split('\n')
      .map((line) => line.split(/ {2,}/)[1]?.replace(/#[0-9a-f]{6}/, '#HASH'));
    expect(ids).toEqual([
      ...['ID', uuid, 'proj_1', 'proj_1 [altered #HASH]', `${'a'.repeat(35)}… [altered #HASH]`],
      'red [31m [altered #HASH]',
    ]);
  });

  it('shows no control characters that somebody else wrote to Redis', () => {
    const hostile = '\u001b]0;x\u0007\u009b2J';
    const row = { ...of, window: hostile, tenant: hostile, name: hostile, threshold: hostile as never, since: hostile };
    expect(table([{ ...row, category: hostile }]).replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });

  it('shows the worst in a terminal with few rows, and how many are left out', () => {
    const text = ['TENANT', 'worst', 'second', 'third'].join('\n');
    const shown = (rows: number, columns = 80) => fitting(text, { rows, columns }).split('\n');
    expect(shown(5)).toEqual(['TENANT', 'worst', 'second', 'third']);
    expect(shown(4)).toEqual(['TENANT', 'worst', '… 2 more: use --category or --limit']);
    expect(shown(1)).toEqual(['… 4 more: use --category or --limit']);
    // A longer line would take two rows.
    expect(shown(4, 5)).toEqual(['TENAN', 'worst', '… 2 m']);
    // A file or a pipe has all.
    expect(fitting(text, {})).toBe(text);
  });
});
