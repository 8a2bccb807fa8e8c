import { MemorySharedState } from '../store/memory/memory-shared-state.js';
import { KEPT_FOR_MS, type V01State } from '../store/shared-state.js';
import { tenantKey } from '../model/tenant.js';
import { Mutes, type MuteOptions } from './mutes.js';

const LONG = 'k'.repeat(2_000);
const START = Date.parse('2026-11-26T12:00:00Z');
const MINUTE = 60_000;

/** A store that loses its data, is away, or lets another replica act between a read and what follows it. */
class State extends MemorySharedState {
  isAway = false;
  onceListed: (() => Promise<unknown>) | undefined;
  /** Where 0.1 keeps its mutes. */
  readonly old = new Map<string, string>();
  readonly v01: V01State = {
    isAlive: () => Promise.resolve(true),
    list: () => Promise.resolve(new Map(this.old)),
    write: (_, id, text) => Promise.resolve(void this.old.set(id, text)),
    remove: (_, id, isIt) => Promise.resolve(void (isIt(this.old.get(id) ?? '') && this.old.delete(id))),
  };

  override async list(kind: string, most?: number): Promise<Map<string, string>> {
    const listed = await super.list(kind, most);
    const { onceListed } = this;
    this.onceListed = undefined;
    await onceListed?.();
    return listed;
  }

  override swap(...args: Parameters<MemorySharedState['swap']>): ReturnType<MemorySharedState['swap']> {
    return this.isAway ? Promise.reject(new Error('Connection is closed.')) : super.swap(...args);
  }

  async lose(): Promise<void> {
    await this.trim('mutes:here', 0);
    this.old.clear();
  }
}

let now: number;
let state: State;
let lines: string[];
const replica = (scope = 'here'): Mutes =>
  new Mutes(state, scope, ['llm_call', 'evaluations'], () => now, { log: (line: string) => void lines.push(line) });
const forAMinute = { tenant: 'a', forMs: MINUTE, reason: 'a migration' };
const heldBackTimes = (mutes: Mutes, times: number): void => {
  for (let i = 0; i < times; i++) mutes.holdBack({ tenant: 'a' });
};
/** The mutes as 0.1 sees them, without the mark. */
const idsOfOld = (): string[] => [...state.old.keys()].filter((id) => id !== '');
const overLines = (): string[] => lines.filter((line) => line.includes('is over'));

beforeEach(() => {
  now = START;
  state = new State();
  lines = [];
});

it('alerts that a mute held back are released once after it ends or is shortened, and again if that failed', async () => {
  const mutes = replica();
  const release = jest.fn(() => Promise.resolve());
  await mutes.mute(forAMinute);
  await mutes.releaseHeld(release);
  expect(release).not.toHaveBeenCalled();
  await mutes.unmute({ tenant: 'a' });
  await mutes.releaseHeld(() => Promise.reject(new Error('away')));
  for (let i = 0; i < 2; i++) await mutes.releaseHeld(release);
  expect(release).toHaveBeenCalledTimes(1);
});

it('a mute without a visible reason is refused', async () => {
  const mutes = replica();
  for (const reason of ['', ' ', '\u200b', '\u2800 \u200b'])
    await expect(mutes.mute({ forMs: 1_000, reason })).rejects.toThrow('reason is empty');
  expect((await mutes.mute({ forMs: 1_000, reason: ' \u200bimport' })).reason).toBe('import');
});

it.each([
  ['its id', LONG],
  ['what is shown of it', tenantKey(LONG)],
])('a mute holds back alerts of a tenant with a long id, given %s', async (_, tenant) => {
  const mutes = replica();
  await mutes.mute({ tenant, forMs: 1_000, reason: 'x' });
  expect(mutes.of('llm_call', tenantKey(LONG))).toBeDefined();
  expect(mutes.of('llm_call', `${LONG}x`)).toBeUndefined();
  expect(await mutes.unmute({ tenant: LONG })).toBe(true);
  expect(mutes.of('llm_call', LONG)).toBeUndefined();
});

it('a mute of a long id replaces one of its shown form', async () => {
  const mutes = replica();
  for (const tenant of [tenantKey(LONG), LONG]) await mutes.mute({ tenant, forMs: 1_000, reason: 'x' });
  expect(await mutes.list()).toHaveLength(1);
});

it('a new mute is returned as it was set, and the log says who muted whom until when', async () => {
  const mutes = replica();
  expect(await mutes.mute({ ...forAMinute, category: 'llm_call', by: 'Ann\nof support' })).toStrictEqual({
    tenant: 'a',
    category: 'llm_call',
    until: new Date(START + MINUTE),
    reason: 'a migration',
    by: 'Ann of support',
    heldBack: 0,
  });
  expect(await mutes.mute({ forMs: MINUTE, reason: 'x' })).toStrictEqual({
    until: new Date(START + MINUTE),
    reason: 'x',
    heldBack: 0,
  });
  expect(lines).toEqual([
    'Muted a, llm_call by "Ann of support" until 2026-11-26T12:01:00.000Z (a migration)',
    'Muted every tenant, every category until 2026-11-26T12:01:00.000Z (x)',
  ]);
});

it('a mute applies to its tenant and category until its time is over', async () => {
  const mutes = replica();
  await mutes.mute({ ...forAMinute, category: 'llm_call' });
  now += MINUTE - 1;
  await mutes.refresh();
  expect([mutes.of('llm_call', 'a'), mutes.of('evaluations', 'a'), mutes.of('llm_call', 'b')]).toEqual([
    expect.objectContaining({ reason: 'a migration' }),
    undefined,
    undefined,
  ]);
  now += 1;
  expect([mutes.of('llm_call', 'a'), await mutes.list()]).toEqual([undefined, []]);
});

it('of several mutes, the one that lasts longest holds back an alert', async () => {
  const mutes = replica();
  await mutes.mute({ ...forAMinute, reason: 'short' });
  await mutes.mute({ category: 'llm_call', forMs: 3 * MINUTE, reason: 'longest' });
  await mutes.mute({ forMs: 2 * MINUTE, reason: 'longer' });
  expect(mutes.of('llm_call', 'a')?.reason).toBe('longest');
  expect(mutes.of('evaluations', 'a')?.reason).toBe('longer');
});

it.each([
  [{ forMs: NaN, reason: 'x' }, 'forMs is NaN: write a number of milliseconds above 0'],
  [{ forMs: '60000', reason: 'x' }, 'forMs is 60000: write a number of milliseconds above 0'],
  [{ forMs: 0, reason: 'x' }, 'forMs is 0: write a number of milliseconds above 0'],
  [{ forMs: KEPT_FOR_MS + 1, reason: 'x' }, 'forMs is 2592000001: write 2592000000 (30 days) at most'],
  [{ forMs: -1, reason: 'x' }, 'forMs is -1: write a number of milliseconds above 0'],
  [{ forMs: MINUTE, reason: 7 }, 'reason is empty: write why, for those who read the log'],
  [{ forMs: MINUTE, reason: 'x', by: 7 }, 'by is not a string: write who mutes'],
  [{ forMs: MINUTE, reason: 'x', tenant: 7 }, 'tenant is not a string: write its id, or leave it out for all'],
  [{ forMs: MINUTE, reason: 'x', category: '' }, 'category is empty: write its name, or leave it out for all'],
  [
    { forMs: MINUTE, reason: 'x', category: 'llm' },
    "category is 'llm', which is not configured: write one of llm_call, evaluations, or add it to categories",
  ],
  [
    { forMs: MINUTE, reason: 'x', category: 'sk_test_0123456789abcdef' },
    "category is 'sk_… (24 characters)', which is not",
  ],
  [null, 'the options are null: write an object with tenant, category, forMs, reason, by'],
  ['a', 'the options are a string: write an object with tenant, category, forMs, reason, by'],
])('a mute with %j is refused', async (options, message) => {
  await expect(replica().mute(options as MuteOptions)).rejects.toThrow(message);
});

it('a mute can last 30 days', async () => {
  expect((await replica().mute({ forMs: KEPT_FOR_MS, reason: 'x' })).until).toEqual(new Date(START + KEPT_FOR_MS));
});

it('a mute is not ended by a misspelled scope', async () => {
  await expect(replica().unmute({ [Symbol('tenant')]: 'a' })).rejects.toThrow(
    'Symbol(tenant) is not an option: write one of tenant, category',
  );
  await expect(replica().unmute({ tenantId: 'a' } as never)).rejects.toThrow('tenantId is not an option: write tenant');
});

it.each([
  ...['tenant', 'category', 'by', 'reason'].map((field) => ({ [field]: 7 })),
  ...['until', 'heldBack', 'version'].map((field) => ({ [field]: 'many' })),
])('mutes survive a malformed stored record, with %j', async (wrong) => {
  await replica().mute({ ...forAMinute, category: 'llm_call' });
  const [[id, text]] = [...(await state.list('mutes:here'))] as [[string, string]];
  const record = JSON.stringify({ ...(JSON.parse(text) as object), tenant: 'b', ...wrong });
  await state.swap('mutes:here', `${id}2`, undefined, record);
  const other = replica();
  expect(await other.list()).toContainEqual(expect.objectContaining({ tenant: 'a' }));
  expect(other.of('llm_call', 'a')).toMatchObject({ tenant: 'a' });
});

it('a mute counts what all replicas have held back', async () => {
  const [one, other] = [replica(), replica()];
  await one.mute(forAMinute);
  await other.refresh();
  heldBackTimes(one, 2);
  heldBackTimes(other, 3);
  await one.flush();
  await other.flush();
  await one.flush();
  expect((await one.list()).map(({ heldBack }) => heldBack)).toEqual([5]);
});

it('a mute counts what was held back while the store was away, once it is back', async () => {
  const mutes = replica();
  await mutes.mute(forAMinute);
  heldBackTimes(mutes, 2);
  state.isAway = true;
  await expect(mutes.flush()).rejects.toThrow();
  heldBackTimes(mutes, 1);
  await expect(mutes.flush()).rejects.toThrow();
  expect(await mutes.list()).toHaveLength(1);
  state.isAway = false;
  expect((await mutes.list())[0]?.heldBack).toBe(3);
});

it('a mute that is set again keeps its count if it still applies, and starts at 0 if it had ended', async () => {
  const mutes = replica();
  await mutes.mute(forAMinute);
  heldBackTimes(mutes, 2);
  await mutes.flush();
  expect((await mutes.mute({ ...forAMinute, forMs: 2 * MINUTE })).heldBack).toBe(2);
  expect(await mutes.list()).toEqual([expect.objectContaining({ until: new Date(START + 2 * MINUTE), heldBack: 2 })]);
  await mutes.unmute({ tenant: 'a' });
  expect((await mutes.mute(forAMinute)).heldBack).toBe(0);
});

it('a mute is ended once, in every replica, and logged with what it held back', async () => {
  const [one, other] = [replica(), replica()];
  await one.mute(forAMinute);
  await other.refresh();
  heldBackTimes(one, 1);
  expect(await one.unmute({ tenant: 'a' })).toBe(true);
  expect(await one.unmute({ tenant: 'a' })).toBe(false);
  await other.refresh();
  expect([one.of('llm_call', 'a'), other.of('llm_call', 'a')]).toEqual([undefined, undefined]);
  expect(overLines()).toEqual(['The mute of a, every category (a migration) is over: it held back 1 alert']);
  now += MINUTE + 2_000;
  await one.refresh();
  await other.refresh();
  expect(overLines()).toHaveLength(1);
  expect(await state.size('mutes:here')).toBe(0);
});

it('the end of a mute is logged once, even if a replica whose clock is behind restores the mute', async () => {
  const [one, other] = [replica(), replica()];
  await one.mute(forAMinute);
  await other.refresh();
  now += MINUTE + 2_000;
  await one.refresh();
  now -= 500;
  await other.refresh();
  now += 500;
  for (const mutes of [one, other]) await mutes.refresh();
  expect(await state.size('mutes:here')).toBe(0);
  expect(overLines()).toHaveLength(1);
});

it('a mute that has expired cannot be ended, and one replica logs its end two seconds later', async () => {
  const [one, other] = [replica(), replica()];
  await one.mute(forAMinute);
  await other.refresh();
  now += MINUTE;
  expect(await one.unmute({ tenant: 'a' })).toBe(false);
  now += 1_999;
  heldBackTimes(other, 2);
  await other.refresh();
  expect(overLines()).toEqual([]);
  now += 1;
  await Promise.all([one.refresh(), other.refresh()]);
  expect(overLines()).toEqual(['The mute of a, every category (a migration) is over: it held back 2 alerts']);
  expect(await state.size('mutes:here')).toBe(0);
  // Nothing puts it back, and an alert that came late is counted nowhere.
  heldBackTimes(other, 1);
  await Promise.all([one.refresh(), other.refresh()]);
  expect(await state.size('mutes:here')).toBe(0);
  expect(overLines()).toHaveLength(1);
});

it('a mute that is prolonged while a replica is ending it continues', async () => {
  const [one, other] = [replica(), replica()];
  await one.mute(forAMinute);
  now += MINUTE + 2_000;
  state.onceListed = () => other.mute({ ...forAMinute, forMs: 1_000, reason: 'still' });
  await one.refresh();
  expect(one.of('llm_call', 'a')?.reason).toBe('still');
  expect(overLines()).toEqual([]);
});

describe('a mute, if the store loses its data', () => {
  it('is restored with what was held back meanwhile', async () => {
    const [one, other] = [replica(), replica()];
    await one.mute(forAMinute);
    heldBackTimes(one, 1);
    await one.flush();
    now += MINUTE - 1;
    await state.lose();
    heldBackTimes(one, 2);
    await one.refresh();
    expect(await other.list()).toEqual([expect.objectContaining({ tenant: 'a', heldBack: 3 })]);
    expect(idsOfOld()).toEqual(['[null,"a"]']);
  });

  it('is restored as it was last set, even within the same millisecond', async () => {
    const [one, other] = [replica(), replica()];
    await one.mute(forAMinute);
    await other.refresh();
    await one.mute({ ...forAMinute, reason: 'longer', forMs: 2 * MINUTE });
    await state.lose();
    await other.refresh();
    await one.refresh();
    await other.refresh();
    expect((await other.list()).map(({ reason }) => reason)).toEqual(['longer']);
  });

  it('is restored by two replicas at once as it was last set', async () => {
    const [one, other] = [replica(), replica()];
    await one.mute(forAMinute);
    await other.refresh();
    now += 1;
    await one.mute({ ...forAMinute, reason: 'longer' });
    await state.lose();
    state.onceListed = () => one.refresh();
    await other.refresh();
    expect([one, other].map((mutes) => mutes.of('llm_call', 'a')?.reason)).toEqual(['longer', 'longer']);
    expect((await replica().list()).map(({ reason }) => reason)).toEqual(['longer']);
  });

  it('keeps what another replica that restored it first has held back since', async () => {
    const [one, other] = [replica(), replica()];
    await one.mute(forAMinute);
    await other.refresh();
    await state.lose();
    state.onceListed = async () => {
      await other.refresh();
      heldBackTimes(other, 1);
      await other.flush();
    };
    await one.refresh();
    expect((await replica().list())[0]?.heldBack).toBe(1);
  });

  it('stays ended once its end is known again', async () => {
    const [one, other] = [replica(), replica()];
    await one.mute(forAMinute);
    await other.refresh();
    await one.unmute({ tenant: 'a' });
    await state.lose();
    await other.refresh();
    expect(other.of('llm_call', 'a')).toBeDefined();
    await one.refresh();
    await other.refresh();
    expect(other.of('llm_call', 'a')).toBeUndefined();
    // A replica of 0.1 is not given it back either.
    await state.lose();
    await one.refresh();
    expect(idsOfOld()).toEqual([]);
  });

  it('and it is set again, is not ended by the end of its predecessor', async () => {
    const [one, other] = [replica(), replica()];
    await one.mute(forAMinute);
    await one.unmute({ tenant: 'a' });
    await other.refresh();
    await state.lose();
    now += 1_000;
    await one.mute({ ...forAMinute, reason: 'again' });
    await other.refresh();
    expect((await other.list()).map(({ reason }) => reason)).toEqual(['again']);
  });

  it('is logged as over by one replica, unless it had been ended before', async () => {
    const [one, other] = [replica(), replica()];
    await one.mute(forAMinute);
    await one.mute({ ...forAMinute, tenant: 'b' });
    await other.refresh();
    await one.unmute({ tenant: 'b' });
    await other.refresh();
    now += MINUTE + 2_000;
    await state.lose();
    await one.refresh();
    await other.refresh();
    expect(overLines()).toEqual([
      'The mute of b, every category (a migration) is over: it held back 0 alerts',
      'The mute of a, every category (a migration) is over: it held back 0 alerts',
    ]);
    expect(await state.size('mutes:here')).toBe(0);
  });
});

it('a mute that a newer version wrote stays unchanged, and mutes of other replicas still arrive', async () => {
  const [one, other] = [replica(), replica()];
  await one.mute(forAMinute);
  const [[id, text] = ['', '']] = [...(await state.list('mutes:here'))];
  const newer = JSON.stringify({ ...(JSON.parse(text) as object), schema: 2, version: 0 });
  await state.swap('mutes:here', id, text, newer);
  await other.mute({ ...forAMinute, tenant: 'b' });
  await one.refresh();
  expect([one.of('llm_call', 'a'), one.of('llm_call', 'b')]).toEqual([expect.anything(), expect.anything()]);
  expect(await state.read('mutes:here', [id])).toEqual([newer]);
});

describe('beside replicas of 0.1', () => {
  const ofOld = (text: Record<string, unknown>): void =>
    void state.old.set(
      JSON.stringify([text.category ?? null, text.tenant ?? null]),
      JSON.stringify({ heldBack: 0, ...text }),
    );

  it('a mute that one of them sets applies here, and keeps its count while it is unchanged', async () => {
    const mutes = replica();
    ofOld({ tenant: 'a', category: 'llm_call', until: START + MINUTE, reason: 'by 0.1' });
    expect(await mutes.list()).toStrictEqual([
      { tenant: 'a', category: 'llm_call', until: new Date(START + MINUTE), reason: 'by 0.1', heldBack: 0 },
    ]);
    mutes.holdBack({ tenant: 'a', category: 'llm_call' });
    await mutes.refresh();
    expect((await replica().list())[0]?.heldBack).toBe(1);
    ofOld({ tenant: 'a', category: 'llm_call', until: START + 2 * MINUTE, reason: 'longer' });
    expect((await mutes.list())[0]).toMatchObject({ reason: 'longer', heldBack: 0 });
  });

  it('a mute that another replica has adopted first keeps what that has held back', async () => {
    const [one, other] = [replica(), replica()];
    ofOld({ tenant: 'a', until: START + MINUTE, reason: 'by 0.1' });
    state.onceListed = async () => {
      await other.refresh();
      heldBackTimes(other, 1);
      await other.flush();
    };
    await one.refresh();
    expect((await one.list()).map(({ heldBack }) => heldBack)).toEqual([1]);
  });

  it('a mute that has expired there is not set here', async () => {
    ofOld({ tenant: 'a', until: START, reason: 'over' });
    const mutes = replica();
    await mutes.refresh();
    expect(await state.size('mutes:here')).toBe(0);
  });

  it('a mute that they set again after it was ended here applies', async () => {
    const [one, other] = [replica(), replica()];
    await one.mute(forAMinute);
    await other.refresh();
    await one.unmute({ tenant: 'a' });
    await other.refresh();
    ofOld({ tenant: 'a', until: START + 2 * MINUTE, reason: 'by 0.1' });
    await one.refresh();
    await other.refresh();
    expect([one, other].map((mutes) => mutes.of('llm_call', 'a')?.reason)).toEqual(['by 0.1', 'by 0.1']);
  });

  it('a mute that they set as ours expires is not overwritten by a replica that still knows ours', async () => {
    const [one, other] = [replica(), replica()];
    await one.mute(forAMinute);
    await other.refresh();
    now += MINUTE + 2_000;
    await one.refresh();
    ofOld({ tenant: 'a', until: now + MINUTE, reason: 'by 0.1' });
    await other.refresh();
    expect(other.of('llm_call', 'a')?.reason).toBe('by 0.1');
  });

  it('a mute that has not changed is not read again', async () => {
    const mutes = replica();
    ofOld({ tenant: 'a', until: START + MINUTE, reason: 'by 0.1' });
    await mutes.refresh();
    const read = jest.spyOn(state, 'read');
    await mutes.refresh();
    expect(read).not.toHaveBeenCalled();
  });

  it('a mute is also set and ended there, and one that they end ends here', async () => {
    const mutes = replica();
    await mutes.mute(forAMinute);
    await mutes.mute({ ...forAMinute, tenant: 'b' });
    expect(idsOfOld()).toEqual(['[null,"a"]', '[null,"b"]']);
    await mutes.unmute({ tenant: 'a' });
    expect(idsOfOld()).toEqual(['[null,"b"]']);
    await mutes.refresh();
    state.old.delete('[null,"b"]');
    expect(await mutes.list()).toEqual([]);
    expect(overLines()).toHaveLength(2);
  });

  it.each([undefined, 'of another replica, which was faster'])(
    'a mute continues if Redis evicts all of them there, mark: %s',
    async (mark) => {
      const mutes = replica();
      await mutes.mute(forAMinute);
      await mutes.refresh();
      state.old.clear();
      if (mark !== undefined) state.old.set('', mark);
      expect(await mutes.list()).toEqual([expect.objectContaining({ tenant: 'a' })]);
      expect([idsOfOld(), overLines()]).toEqual([['[null,"a"]'], []]);
    },
  );
});
