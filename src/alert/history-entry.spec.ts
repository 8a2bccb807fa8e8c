import { NOWHERE } from '../../test/support/alert-settings.js';
import { aBreach } from '../../test/support/a-breach.js';
import { alertRecord } from './history-entry.js';
import { withBreach } from './incident/incident.js';

const START = 29_000_000 * 60_000;

it.each([
  ['what is not seen', 'proj_1\u200b'],
  ['a line break', 'proj\n1'],
  ['spaces around it', ' proj_1 '],
  ['1,000 characters', 'x'.repeat(1_000)],
])('the history shows an id with %s unchanged, not as that of another tenant', (_, id) => {
  const incident = withBreach(undefined, aBreach(START, { tenant: { id } }), false, START + 1_000);
  expect(alertRecord(incident, NOWHERE, new Map(), START + 1_000).alert.tenant.id).toBe(id);
});
