import type { Breach } from '../model/breach.js';
import { alertRecord } from './history-entry.js';
import { withBreach } from './incident/incident.js';

const START = 29_000_000 * 60_000;
const breach: Breach = {
  category: 'llm_call',
  window: '',
  tenant: { id: 'proj_1' },
  count: 20,
  threshold: 15,
  level: { at: 1, severity: 'warning' },
  windowStart: START,
  windowEnd: START + 60_000,
  countedBy: 'all',
};

it.each([
  ['what is not seen', 'proj_1\u200b'],
  ['a line break', 'proj\n1'],
  ['spaces around it', ' proj_1 '],
  ['1,000 characters', 'x'.repeat(1_000)],
])('the history has an id with %s as it is, not as that of another tenant', (_, id) => {
  const incident = withBreach(undefined, { ...breach, tenant: { id } }, false, START + 1_000);
  expect(alertRecord(incident, {}, new Map(), START + 1_000).alert.tenant.id).toBe(id);
});
