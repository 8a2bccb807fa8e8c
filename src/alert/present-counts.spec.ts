import { aBreach } from '../../test/support/a-breach.js';
import type { CountRead } from '../model/window.js';
import { withBreach } from './incident/incident.js';
import type { IncidentRecords } from './incident/incident-records.js';
import { PresentCounts, type CountSource } from './present-counts.js';

const START = 1_764_000_000_000;
const incident = withBreach(undefined, aBreach(START), true, START + 1_000);

/** What channels would show of an incident, and what was asked for it. */
async function shown({ isAway, isStoreAway = false }: { isAway: boolean; isStoreAway?: boolean }) {
  const asked: string[] = [];
  const records = { isAway, read: () => Promise.resolve([incident, undefined]), noteCounted: () => undefined };
  const source = {
    counts: (reads: readonly CountRead[]) => Promise.resolve(reads.map(() => (asked.push('counts'), 99))),
    contributors: () => Promise.resolve((asked.push('contributors'), [{ label: 'sk-1', count: 99 }])),
    isStoreAway: () => isStoreAway,
    windowOf: () => ({}),
    now: () => START,
  };
  const present = new PresentCounts(records as unknown as IncidentRecords, source as unknown as CountSource);
  const [found, missing] = await present.refreshed(['a', 'b']);
  return { count: found?.windows[0]?.count, contributors: found?.windows[0]?.contributors, missing, asked };
}

it('shows an incident with its count and its contributors as they are now', async () => {
  expect(await shown({ isAway: false })).toEqual({
    count: 99,
    contributors: [{ label: 'sk-1', count: 99 }],
    missing: undefined,
    asked: ['counts', 'contributors'],
  });
});

it('asks for no contributors while records are away, as they are records too', async () => {
  expect(await shown({ isAway: true })).toMatchObject({ count: 99, asked: ['counts'] });
});

it('asks for nothing while the store is away too', async () => {
  expect(await shown({ isAway: true, isStoreAway: true })).toMatchObject({
    count: incident.windows[0]?.count,
    asked: [],
  });
});
