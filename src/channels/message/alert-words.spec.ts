import { anAlert, anIncident } from '../../../test/support/alerts.js';
import type { RateAlert } from '../../model/rate-alert.js';
import { contributors, crossing, howOften, inARow, resetsAt, standing, times } from './alert-words.js';
import { categoryLabel, PLAIN, tenantLabel } from './names.js';

const AT = new Date('2026-01-01T12:00:00Z');
const MINUTE = 60_000;
const dialect = { ...PLAIN, time: (at: Date): string => at.toISOString().slice(11, 16) };

describe('words about an alert', () => {
  it('call a count at or below the threshold near', () => {
    expect([14, 15, 16].map((count) => standing(anAlert({ count })))).toEqual(['near', 'near', 'over']);
    expect([46, 47, 48].map((threshold) => standing(anIncident('resolved', { threshold })))).toEqual([
      ...['back under', 'no longer near', 'no longer near'],
    ]);
    expect(standing(anIncident('reminded', { count: 15 }))).toBe('still near');
  });

  it('have no ratio to a threshold of 0', () => expect([times(5, 0), times(5, 2)]).toEqual(['', ', 2.5x']));

  it('include the count at the crossing only if it differs', () => {
    expect([undefined, 47, 16].map((countAtCrossing) => crossing(anAlert({ countAtCrossing })))).toEqual([
      ...[undefined, undefined, '16 when it crossed'],
    ]);
  });

  it('count windows in a row from the second one on', () => {
    const row = (windows: number): string | undefined => inARow(anAlert({ streak: { windows, since: AT } }), dialect);
    expect([row(1), row(2)]).toEqual([undefined, '2nd window in a row, since 12:00']);
    expect([3, 4, 11, 12, 13, 21, 102, 111].map((n) => row(n)?.split(' ')[0])).toEqual([
      ...['3rd', '4th', '11th', '12th', '13th', '21st', '102nd', '111th'],
    ]);
  });

  it('state how often a tenant that came and went was over, or near', () => {
    const often = (threshold: number, windowsOver: number): string | undefined => {
      const alert = anIncident('reminded', { threshold });
      return howOften({ ...alert, incident: { ...alert.incident, windowsOver, windows: 15 } as RateAlert['incident'] });
    };
    expect([often(46, 3), often(47, 3), often(15, 15)]).toEqual([
      ...['over in 3 of the last 15 windows', 'near in 3 of the last 15 windows', undefined],
    ]);
  });

  it('have the time at which a window of ten minutes or more ends', () => {
    const resets = (windowMs: number): string | undefined => resetsAt(anAlert({ windowMs, windowEnd: AT }));
    expect([resets(10 * MINUTE - 1), resets(10 * MINUTE)]).toEqual([undefined, 'resets at 2026-01-01 12:00 UTC']);
  });

  it('create one time formatter per time zone, however many alerts there are', () => {
    const made = jest.spyOn(Intl, 'DateTimeFormat');
    const resets = ['Asia/Tokyo', 'America/Lima', 'Asia/Tokyo', 'America/Lima'].map((timeZone) =>
      resetsAt(anAlert({ windowMs: 10 * MINUTE, windowEnd: AT, timeZone })),
    );
    expect(made).toHaveBeenCalledTimes(2);
    made.mockRestore();
    expect(resets.slice(2)).toEqual([
      'resets at 2026-01-01 21:00 Asia/Tokyo',
      'resets at 2026-01-01 07:00 America/Lima',
    ]);
  });

  it('name five contributors at most', () => {
    const named = (many: number): string | undefined =>
      contributors(
        anAlert({ contributors: Array.from({ length: many }, (_, i) => ({ label: `k${i}`, count: 9 })) }),
        PLAIN,
      );
    expect([named(0), named(6)]).toEqual([undefined, '"k0" 9, "k1" 9, "k2" 9, "k3" 9, "k4" 9']);
  });

  it('do not repeat an id as a name, and limit the length of a category and its window', () => {
    const room = { name: 20, id: 20, category: 20 };
    expect(tenantLabel({ id: 'acme', name: 'acme' }, PLAIN, room)).toBe('acme');
    const label = categoryLabel({ category: 'c'.repeat(40), window: 'w'.repeat(40) }, PLAIN, 30);
    expect(label).toMatch(/^c+… w+…$/);
    expect(label).toHaveLength(30);
  });
});
