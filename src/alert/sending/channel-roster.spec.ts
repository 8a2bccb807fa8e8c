import { MemorySharedState } from '../../store/memory/memory-shared-state.js';
import { ChannelRoster } from './channel-roster.js';

const NOW = 1_000_000;
let state: MemorySharedState;

const roster = (key: string, wanting: object = {}): ChannelRoster =>
  new ChannelRoster(state, 'api', new Map([[key, wanting]]));

beforeEach(() => (state = new MemorySharedState()));

it('knows the channels of other replicas, whichever fields they lack', async () => {
  const nothing = { minSeverity: null, categories: null, repeatEveryMs: undefined };
  const all = { minSeverity: 'critical', categories: ['llm_call'], repeatEveryMs: 60_000 };
  await roster('nothing', nothing).look(NOW);
  await roster('all', all).look(NOW);
  const own = roster('own');
  await own.look(NOW);
  expect([...own.channels.keys()].sort()).toEqual(['all', 'nothing', 'own']);
  expect(own.channels.get('all')).toMatchObject(all);
});

it.each([
  ...['key', 'minSeverity', 'categories', 'repeatEveryMs', 'seenAt'].map((field) => ({ [field]: {} })),
  { key: undefined },
  { key: '' },
  { seenAt: undefined },
  { minSeverity: 'loud' },
  { categories: [7] },
  { repeatEveryMs: -1 },
])('ignores a malformed stored entry, with %j', async (wrong) => {
  await roster('other').look(NOW);
  const entry = JSON.stringify({ schema: 1, key: 'wrong', seenAt: NOW, ...wrong });
  await state.swap('channels:api', 'wrong', undefined, entry);
  const own = roster('own');
  await own.look(NOW);
  expect([...own.channels.keys()].sort()).toEqual(['other', 'own']);
});

it('keeps its own channels in their order, before those of others', async () => {
  await roster('other').look(NOW);
  const own = new ChannelRoster(state, 'api', new Map(['b', 'c', 'a'].map((key) => [key, {}])));
  for (let i = 0; i < 2; i++) await own.look(NOW + i);
  expect([...own.channels.keys()]).toEqual(['b', 'c', 'a', 'other']);
});

it('leaves an entry of its own channel that a newer version wrote unchanged, and continues', async () => {
  await roster('other').look(NOW);
  const entry = JSON.stringify({ schema: 2, key: 'own' });
  await state.swap('channels:api', 'own', undefined, entry);
  const own = roster('own');
  await own.look(NOW);
  expect([...own.channels.keys()].sort()).toEqual(['other', 'own']);
  expect(await state.read('channels:api', ['own'])).toEqual([entry]);
});
