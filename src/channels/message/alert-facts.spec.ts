import { anAlert, anIncident } from '../../../test/support/alerts.js';
import type { RateAlert } from '../../model/rate-alert.js';
import { factsOf } from './alert-facts.js';
import { PLAIN } from './names.js';

const dialect = {
  ...PLAIN,
  time: (at: Date, spanMs: number): string => `${at.toISOString().slice(11, 16)}/${spanMs / 60_000}`,
};
const facts = (alert: RateAlert, environment?: string): Record<string, string> =>
  Object.fromEntries(factsOf(alert, environment, dialect).map(({ label, value }) => [label, value]));

const ROUTE = 'POST /llm/call (LlmController.call)';

describe('the facts of', () => {
  it('a breach are those that are known, the most important first', () => {
    expect(factsOf(anAlert(), undefined, dialect)).toEqual([
      { label: 'Severity', value: 'warning' },
      { label: 'Count', value: '47 in 1 min, threshold 15, 3.1x' },
      { label: 'Route', value: ROUTE },
      { label: 'Window', value: '12:00/1 to 12:01/1' },
      { label: 'Tenant id', value: 'proj_1' },
    ]);
  });

  it('an alert about which all is known', () => {
    const attributes = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`field${i}`, String(i)]));
    const alert = anAlert({
      count: 5_000,
      countAtCrossing: 16,
      windowMs: 86_400_000,
      windowEnd: new Date('2026-01-02T12:00:00Z'),
      streak: { windows: 3, since: new Date('2025-12-30T12:00:00Z') },
      contributors: [{ label: 'alice', count: 3_000 }],
      service: 'api',
      countedBy: 'instance',
      tenant: { id: 'proj_1', name: 'Acme', attributes },
    });
    const shown = facts(alert, 'production');
    expect(shown).toMatchObject({
      Count: '5,000 in 24 h, threshold 15, 333.3x (16 when it crossed)',
      'In a row': '3rd window in a row, since 12:00/4320',
      Mostly: '"alice" 3,000',
      Window: '12:00/1440 to 12:00/1440, resets at 2026-01-02 12:00 UTC',
      'tenant.field0': '0',
      'Not shown': expect.stringMatching(/^\d more attributes?$/),
      Service: 'api, production',
      'Counted by': 'one instance alone, without the store: at least this many',
    });
    expect(Object.keys(shown).length).toBeLessThanOrEqual(24);
  });

  it.each([
    ['opened', { Incident: 'opened', Severity: 'warning' }],
    ['escalated', { Incident: 'escalated to warning', Lasted: '3 min from 12:00/3' }],
    ['reminded', { Incident: 'reminded', Lasted: '3 min from 12:00/3', Count: '47 in 1 min, threshold 15, 3.1x' }],
    ['resolved', { Incident: 'resolved', Lasted: '3 min from 12:00/3', Severity: 'warning at worst' }],
  ] as const)('an incident that is %s', (status, expected) => {
    const shown = facts(anIncident(status));
    expect(shown).toMatchObject({
      ...expected,
      Peak: '47 in 1 min, threshold 15, 3.1x, at 12:00/3',
      Total: '120 in all',
    });
    expect('Lasted' in shown).toBe(status !== 'opened');
    // The last count and window of one that is over are those of its peak.
    expect(['Count' in shown, 'Window' in shown]).toEqual(Array(2).fill(status !== 'resolved'));
  });

  it('an incident that came and went until its threshold was raised', () => {
    const alert = anIncident('resolved');
    const incident = {
      ...alert.incident,
      windowsOver: 3,
      windows: 15,
      thresholdRaisedTo: 100,
    } as RateAlert['incident'];
    expect(facts({ ...alert, incident })).toMatchObject({
      Ended: 'threshold raised to 100',
      Lasted: '3 min from 12:00/3, over in 3 of the last 15 windows',
    });
  });
});
