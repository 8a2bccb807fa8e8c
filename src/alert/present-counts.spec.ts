import { aBreach } from '../../test/support/a-breach.js';
import type { CountRead } from '../model/window.js';
import { withBreach, type Incident } from './incident/incident.js';
import type { IncidentRecords } from './incident/incident-records.js';
import { PresentCounts, type CountSource } from './present-counts.js';
import { Sight } from './sight.js';

const START = 1_764_000_000_000;
const incident = withBreach(undefined, aBreach(START), true, START + 1_000);

const KEYS = [{ label: 'sk-1', count: 99 }];

/** What channels would show of an incident, and what was asked for it. */
async function shown({
  isAway = false,
  isStoreAway = false,
  contributors = () => Promise.resolve(KEYS),
  of = incident,
  countedMsAgo = [Infinity, Infinity],
}) {
  const asked: unknown[] = [];
  const noted: unknown[] = [];
  const records = {
    isAway,
    countedAt: (id: string) => START - (countedMsAgo['ab'.indexOf(id)] as number),
    lastSeen: (id: string) => (id === 'a' ? incident : undefined),
    read: () => Promise.resolve([of, undefined]),
    noteCounted: (...args: unknown[]) => void noted.push(args),
  };
  const source = {
    counts: (reads: readonly CountRead[]) => Promise.resolve(reads.map(() => (asked.push('counts'), 99))),
    contributors: ({ category, window, tenant }: Incident, end: number, count: number) => {
      asked.push({ category, window, tenant, end, count });
      return contributors();
    },
    isStoreAway: () => isStoreAway,
    windowOf: () => ({}),
    now: () => START,
  };
  const present = new PresentCounts(
    records as unknown as IncidentRecords,
    new Sight(records as unknown as IncidentRecords, { isOne: false, areOthers: false, done: undefined }, source),
    source as unknown as CountSource,
  );
  const [found, missing] = await present.refreshed(['a', 'b']);
  return {
    found,
    count: found?.windows[0]?.count,
    contributors: found?.windows[0]?.contributors,
    missing,
    asked,
    noted,
  };
}

it('an incident has its current count and contributors, which are noted for others', async () => {
  const { found, ...rest } = await shown({});
  expect(rest).toEqual({
    count: 99,
    contributors: KEYS,
    missing: undefined,
    asked: ['counts', { category: 'llm_call', window: '', tenant: { id: 'proj_1' }, end: START + 60_000, count: 99 }],
    noted: [['a', found, START]],
  });
});

it('nothing is read again if all incidents were counted a moment ago', async () => {
  const ago = (ms: number) => shown({ countedMsAgo: [0, ms] });
  expect(await ago(249)).toMatchObject({ found: incident, missing: undefined, asked: [], noted: [] });
  expect(await ago(250)).toMatchObject({ count: 99 });
});

it('contributors are read by the window name that all replicas share', async () => {
  const of = withBreach(undefined, { ...aBreach(START), window: 'per minute', lengthName: '1m' }, true, START);
  expect((await shown({ of })).asked).toMatchObject(['counts', { window: '1m' }]);
});

it.each<[string, () => Promise<typeof KEYS>]>([
  ['there are none', () => Promise.resolve([])],
  ['they cannot be read', () => Promise.reject(new Error('WRONGTYPE'))],
])('an incident keeps its earlier contributors if %s', async (_what, contributors) => {
  const before = [{ label: 'sk-0', count: 20 }];
  const of = withBreach(undefined, aBreach(START, { contributors: before }), true, START);
  expect(await shown({ of, contributors })).toMatchObject({ count: 99, contributors: before });
});

it('contributors are not read while records are away, because they are records too', async () => {
  expect(await shown({ isAway: true })).toMatchObject({ count: 99, asked: ['counts'] });
});

it('nothing is read while the store is away, too', async () => {
  expect(await shown({ isAway: true, isStoreAway: true })).toMatchObject({
    count: incident.windows[0]?.count,
    asked: [],
  });
});

describe('counts', () => {
  const END = START + 60_000;
  const hourly = withBreach(undefined, { ...aBreach(START), lengthName: '1h' }, true, START);
  const sliding = withBreach(undefined, { ...aBreach(START), lengthName: '1m', lengthMs: 40_000 }, true, START);
  const span = { start: START, end: END };
  let asked: CountRead[];
  let reply: (reads: readonly CountRead[]) => Promise<number[]>;
  const counts = (...wanted: Parameters<PresentCounts['of']>[0]) => {
    const source = {
      counts: (reads: readonly CountRead[]) => (asked.push(...reads), reply(reads)),
      windowOf: (category: string, window: string) => (category === 'llm_call' && window === '1m' ? {} : undefined),
    };
    return new PresentCounts(
      { isAway: false } as IncidentRecords,
      { isBlind: false },
      source as unknown as CountSource,
    ).of(wanted);
  };
  beforeEach(() => {
    asked = [];
    reply = (reads) => Promise.resolve(reads.map((_, i) => 10 + i));
  });

  it('come in the requested order, with undefined for those that have none', async () => {
    expect(await counts([incident, span], undefined, [hourly, span], [sliding, span])).toEqual([
      10,
      undefined,
      undefined,
      11,
    ]);
  });

  it('are read in the middle of a span, and at the last moment of a sliding window', async () => {
    await counts([incident, { start: START, end: END + 1 }], [sliding, span]);
    expect(asked).toEqual([
      { category: 'llm_call', window: '', tenantId: 'proj_1', at: START + 30_000 },
      { category: 'llm_call', window: '1m', tenantId: 'proj_1', at: END - 1 },
    ]);
  });

  it('are not read if this replica has none of the windows', async () => {
    expect(await counts([hourly, span], undefined)).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it('are undefined if the store cannot be read', async () => {
    reply = () => Promise.reject(new Error('away'));
    expect(await counts([incident, span])).toBeUndefined();
  });

  it('are not awaited for longer than half a second', async () => {
    jest.useFakeTimers();
    reply = () => new Promise(() => undefined);
    const given = counts([incident, span]);
    await jest.advanceTimersByTimeAsync(500);
    jest.useRealTimers();
    expect(await given).toBeUndefined();
  });
});
