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

it('reports once which of its channels are new, when all replicas know them', async () => {
  await roster('old').look(NOW);
  const own = new ChannelRoster(state, 'api', new Map(['old', 'new'].map((key) => [key, {}])));
  const introduced = [];
  for (const laterMs of [0, 1_999, 2_000, 3_000]) introduced.push(await own.look(NOW + laterMs));
  expect(introduced).toEqual([[], [], ['new'], []]);
});

const seenAt = async (key: string): Promise<unknown> => {
  const [text] = await state.read('channels:api', [key]);
  return text && (JSON.parse(text) as { seenAt: number }).seenAt;
};

it('writes its channels every five seconds, unless another replica with them has', async () => {
  const [one, other] = [roster('chat'), roster('chat')];
  await one.look(NOW);
  for (const roster of [one, other]) await roster.look(NOW + 4_999);
  expect(await seenAt('chat')).toBe(NOW);
  await other.look(NOW + 5_000);
  await one.look(NOW + 9_999);
  expect(await seenAt('chat')).toBe(NOW + 5_000);
});

it('forgets a channel that no replica has written for 20 s, and not one that was written again meanwhile', async () => {
  await roster('gone').look(NOW);
  const own = roster('own');
  await own.look(NOW + 19_999);
  expect([...own.channels.keys()]).toEqual(['own', 'gone']);
  const list = jest.spyOn(state, 'list');
  const read = await state.list('channels:api');
  await roster('gone').look(NOW + 20_000);
  list.mockResolvedValueOnce(read);
  await own.look(NOW + 20_000);
  expect(await seenAt('gone')).toBe(NOW + 20_000);
  await own.look(NOW + 40_000);
  expect([...own.channels.keys()]).toEqual(['own']);
  expect(await seenAt('gone')).toBeUndefined();
});

it('knows no channels of another service or environment', async () => {
  await new ChannelRoster(state, 'elsewhere', new Map([['other', {}]])).look(NOW);
  const own = roster('own');
  await own.look(NOW);
  expect([...own.channels.keys()]).toEqual(['own']);
});

it('fails if the store refuses what it writes', async () => {
  jest.spyOn(state, 'swap').mockRejectedValue(new Error('NOPERM'));
  await expect(roster('own').look(NOW)).rejects.toThrow('NOPERM');
});
