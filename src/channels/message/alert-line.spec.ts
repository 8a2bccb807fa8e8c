import { anAlert, anIncident } from '../../../test/support/alerts.js';
import type { AlertIncident, RateAlert } from '../../model/rate-alert.js';
import { alertLine } from './alert-line.js';

const WHERE = 'POST /llm/call (LlmController.call) | 1 min from 2026-01-01T12:00:00.000Z';

function anIncidentWith(status: 'reminded' | 'resolved', more: Partial<AlertIncident>): RateAlert {
  const alert = anIncident(status);
  return { ...alert, incident: { ...(alert.incident as AlertIncident), ...more } };
}
const flapping = { windowsOver: 3, windows: 15 };

it.each([
  ['a breach', anAlert(), `"Acme" (proj_1) is over the llm_call threshold: 47 in 1 min, threshold 15 | ${WHERE}`],
  [
    'a level below the threshold',
    anAlert({ count: 13 }),
    `"Acme" (proj_1) is near the llm_call threshold: 13 in 1 min, threshold 15 | ${WHERE}`,
  ],
  [
    'a test',
    anAlert({ test: true }),
    `[Test] "Acme" (proj_1) is over the llm_call threshold: 47 in 1 min, threshold 15 | ${WHERE}`,
  ],
  [
    'a name of nothing that can be seen',
    anAlert({ tenant: { id: 'p1', name: '\u200B' } }),
    `p1 is over the llm_call threshold: 47 in 1 min, threshold 15 | ${WHERE}`,
  ],
  [
    'an incident opened',
    anIncident('opened'),
    `"Acme" (proj_1) is over the llm_call threshold: 47 in 1 min, threshold 15 | incident opened | ${WHERE}`,
  ],
  [
    'an incident escalated',
    anIncident('escalated', { level: { at: 5, severity: 'critical' } }),
    '"Acme" (proj_1) is over the llm_call threshold: 47 in 1 min, threshold 15' +
      ` | escalated to critical, 3 min from 2026-01-01T12:00:00.000Z, peak 47, 120 in all | ${WHERE}`,
  ],
  [
    'an incident that goes on',
    anIncident('reminded'),
    '"Acme" (proj_1) is still over the llm_call threshold: 47 in 1 min, threshold 15' +
      ` | for 3 min, peak 47, 120 in all | ${WHERE}`,
  ],
  [
    'an incident resolved',
    anIncident('resolved'),
    '"Acme" (proj_1) is back under the llm_call threshold after 3 min' +
      ' | peak 47 in 1 min from 2026-01-01T12:00:00.000Z, threshold 15 | 120 in all',
  ],
  [
    'an incident resolved of which the store lost some counts',
    anIncidentWith('resolved', { isPartial: true }),
    '"Acme" (proj_1) is back under the llm_call threshold after 3 min' +
      ' | peak 47 in 1 min from 2026-01-01T12:00:00.000Z, threshold 15 | at least 120 in all',
  ],
  [
    'an incident resolved that was never over',
    anIncident('resolved', { threshold: 50 }),
    '"Acme" (proj_1) is no longer near the llm_call threshold after 3 min' +
      ' | peak 47 in 1 min from 2026-01-01T12:00:00.000Z, threshold 50 | 120 in all',
  ],
  [
    'a long window, with all there is to know',
    anAlert({
      count: 5_000,
      countAtCrossing: 16,
      window: 'day',
      windowMs: 86_400_000,
      windowEnd: new Date('2026-01-02T12:00:00Z'),
      streak: { windows: 22, since: new Date('2025-12-11T12:00:00Z') },
      contributors: [
        { label: 'alice', count: 3_000.1 },
        { label: 'other', count: 1_999.9 },
      ],
      service: 'api',
      environment: 'production',
      threshold: 1.0999999999999999,
      tenant: { id: 'proj_1' },
    }),
    'proj_1 is over the llm_call day threshold: 5,000 in 24 h (16 when it crossed), threshold 1.1' +
      ' | 22nd window in a row, since 2025-12-11T12:00:00.000Z | mostly "alice" 3,000.1, "other" 1,999.9' +
      ' | POST /llm/call (LlmController.call) | 24 h from 2026-01-01T12:00:00.000Z, resets at 2026-01-02 12:00 UTC' +
      ' | api, production',
  ],
  [
    'a day in a time zone',
    anAlert({
      windowStart: new Date('2026-11-25T18:30:00Z'),
      windowMs: 86_400_000,
      windowEnd: new Date('2026-11-26T18:30:00Z'),
      timeZone: 'Asia/Kolkata',
      route: undefined as never,
    }),
    '"Acme" (proj_1) is over the llm_call threshold: 47 in 24 h, threshold 15' +
      ' | 24 h from 2026-11-25T18:30:00.000Z, resets at 2026-11-27 00:00 Asia/Kolkata',
  ],
  [
    'a zone that there is not',
    anAlert({
      windowMs: 86_400_000,
      windowEnd: new Date('2026-01-02T12:00:00Z'),
      timeZone: 'Mars/Olympus',
      route: undefined as never,
    }),
    '"Acme" (proj_1) is over the llm_call threshold: 47 in 24 h, threshold 15' +
      ' | 24 h from 2026-01-01T12:00:00.000Z, resets at 2026-01-02 12:00 UTC',
  ],
  [
    'a sliding hour, which never begins again',
    anAlert({ windowMs: 3_600_000, route: undefined as never }),
    '"Acme" (proj_1) is over the llm_call threshold: 47 in 1 h, threshold 15 | 1 h from 2026-01-01T12:00:00.000Z',
  ],
  [
    'costs that are almost nothing, and not 0',
    anAlert({ count: 0.0006, countAtCrossing: 0.00035, threshold: 0, route: undefined as never }),
    '"Acme" (proj_1) is over the llm_call threshold: 0.0006 in 1 min (0.00035 when it crossed), threshold 0' +
      ' | 1 min from 2026-01-01T12:00:00.000Z',
  ],
  [
    'an incident that comes and goes',
    anIncidentWith('reminded', flapping),
    '"Acme" (proj_1) is still over the llm_call threshold: 47 in 1 min, threshold 15' +
      ` | for 3 min, peak 47, 120 in all | over in 3 of the last 15 windows | ${WHERE}`,
  ],
  [
    'an incident that ended since its threshold was raised',
    anIncidentWith('resolved', { thresholdRaisedTo: 100 }),
    '"Acme" (proj_1) is back under the llm_call threshold after 3 min: threshold raised to 100' +
      ' | peak 47 in 1 min from 2026-01-01T12:00:00.000Z, threshold 15 | 120 in all',
  ],
  [
    'an incident that came and went',
    anIncidentWith('resolved', flapping),
    '"Acme" (proj_1) is back under the llm_call threshold after 3 min' +
      ' | peak 47 in 1 min from 2026-01-01T12:00:00.000Z, threshold 15 | 120 in all | over in 3 of the last 15 windows',
  ],
])('the message of %s', (_, alert, message) => expect(alertLine(alert)).toBe(message));
