import { anAlert, anIncident } from '../../../test/support/alerts.js';
import { alertId } from './webhook-body.js';

it('alertId is the same for the same breach, for every replica and count', () => {
  expect(alertId(anAlert())).toMatch(/^[\w-]{22}$/);
  expect(alertId(anAlert({ count: 99, countedBy: 'instance' }))).toBe(alertId(anAlert()));
});

it('alertId differs for a different alert', () => {
  const alerts = [
    anAlert(),
    anAlert({ category: 'collections' }),
    anAlert({ tenant: { id: 'proj_2' } }),
    anAlert({ windowStart: new Date(0) }),
    anAlert({ windowMs: 1_000 }),
    anAlert({ level: { at: 5, severity: 'critical' } }),
    anAlert({ test: true }),
    anIncident('opened'),
    anIncident('resolved'),
  ];
  expect(new Set(alerts.map(alertId)).size).toBe(alerts.length);
});
