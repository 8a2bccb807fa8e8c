import { anAlert, anIncident } from '../../../test/support/alerts.js';
import type { RateAlert } from '../../model/rate-alert.js';
import { batchOf } from './batch.js';
import { PLAIN } from './names.js';

const dialect = {
  ...PLAIN,
  time: (at: Date, spanMs: number): string => `${at.toISOString().slice(11, 16)}/${spanMs / 60_000}`,
};
const critical = { at: 5, severity: 'critical' } as const;
const info = { at: 0.8, severity: 'info' } as const;
const ROOM = 10_000;
const of = (id: string, more: Partial<RateAlert> = {}): RateAlert => anAlert({ tenant: { id }, ...more });
const resolved = (id: string, more: Partial<RateAlert> = {}): RateAlert =>
  anIncident('resolved', { tenant: { id }, ...more });
const batch = (alerts: readonly RateAlert[], most = ROOM, more = 0) => batchOf(alerts, undefined, dialect, most, more);
const title = (...alerts: RateAlert[]): string => batch(alerts).title;

describe('several alerts in one message', () => {
  it('have a line each, most urgent first, and those that have ended last', () => {
    const { lines, worst } = batch([
      resolved('r'),
      of('low', { level: info, count: 13 }),
      of('some', { count: 300, threshold: 250 }),
      of('most', { count: 200 }),
      of('worst', { level: critical, count: 80, test: true, window: 'day', windowMs: 86_400_000 }),
    ]);
    expect(lines).toEqual([
      '🔴 [Test] worst: llm_call day 80 of 15 in 24 h, 5.3x',
      '🟠 most: llm_call 200 of 15 in 1 min, 13.3x',
      '🟠 some: llm_call 300 of 250 in 1 min, 1.2x',
      '🔵 low: llm_call 13 of 15 in 1 min, 0.9x',
      '🟢 r: llm_call peak 47 of 15 in 1 min, 3.1x, back under after 3 min',
    ]);
    expect(worst.tenant.id).toBe('worst');
  });

  it('have a line with the reason why one ended', () => {
    const alert = resolved('r');
    const incident = { ...alert.incident, thresholdRaisedTo: 100 } as RateAlert['incident'];
    expect(batch([{ ...alert, incident }]).lines).toEqual([
      '🟢 r: llm_call peak 47 of 15 in 1 min, 3.1x, back under after 3 min, threshold raised to 100',
    ]);
  });

  it('have a title that counts them', () => {
    const near = { count: 13 };
    const calm = { threshold: 50 };
    expect(title(of('a'))).toBe('1 warning over its threshold');
    expect(title(of('a'), of('b', { level: critical }), of('c'))).toBe('1 critical, 2 warning over their thresholds');
    expect(title(of('a', near))).toBe('1 warning near its threshold');
    expect(title(of('a', near), of('b', { ...near, level: info }))).toBe('1 warning, 1 info near their thresholds');
    expect(title(of('a'), of('b', near))).toBe('2 warning over or near their thresholds');
    expect(title(of('a', { count: 15 }))).toBe('1 warning near its threshold');
    expect(title(of('a'), resolved('b'))).toBe('1 warning over its threshold, 1 back under');
    expect(title(resolved('a'), resolved('b', calm))).toBe('2 back under their thresholds');
    expect(title(resolved('a', calm))).toBe('1 no longer near its threshold');
  });

  it('state where the app runs, and from when to when', () => {
    const later = { windowStart: new Date('2026-01-01T12:05:00Z'), service: 'api' };
    const alerts = [of('a', { level: critical, service: 'api' }), of('b', later)];
    expect(batchOf(alerts, 'production', dialect, ROOM, 0).context).toBe('api, production, 12:00/6 to 12:06/6');
    expect(batch([of('a')]).context).toBe('12:00/1 to 12:01/1');
    const ofDay = of('b', { windowStart: new Date('2025-12-31T18:30:00Z'), window: 'day', windowMs: 86_400_000 });
    expect(batch([of('a'), ofDay]).context).toBe('');
    expect(batchOf([of('a'), ofDay], 'production', dialect, ROOM, 0).context).toBe('production');
  });

  it('count those for which there is no room', () => {
    const many = Array.from({ length: 27 }, (_, i) => of(`t${i + 10}`));
    const { lines } = batch([...many, resolved('r')]);
    expect(lines).toHaveLength(26);
    expect(lines.at(-1)).toBe('and 3 more: 2 warning, 1 back under');
    expect(batch([...many.slice(0, 25), resolved('r')]).lines.at(-1)).toBe('and 1 more: 1 back under');
    expect(batch(many).lines.at(-1)).toBe('and 2 more: 2 warning');
    expect(batch(many, ROOM, 100).lines.at(-1)).toBe('and 102 more');
    expect(batch(many.slice(0, 1), ROOM, 1).lines).toEqual([expect.stringContaining('t10'), 'and 1 more']);
    const length = (batch(many).lines[0] as string).length + 1;
    expect(batch(many, 2 * length).lines).toEqual([
      ...[expect.stringContaining('t10'), expect.stringContaining('t11'), 'and 25 more: 25 warning'],
    ]);
    expect(batch(many, 2 * length - 1).lines).toHaveLength(2);
  });
});
