import type { Category } from '../model/category.js';
import { tenantKey } from '../model/tenant.js';
import type { ThresholdChange } from '../model/threshold-override.js';
import { MemorySharedState } from '../store/memory/memory-shared-state.js';
import { Overrides } from './overrides.js';

const DAY_MS = 86_400_000;

/** State that can be away, forgets all on request, and counts what is read. */
class BrittleState extends MemorySharedState {
  away = false;
  awayWith = new Error('away');
  reads = 0;

  async forget(): Promise<void> {
    for (const kind of ['thresholds', 'thresholds-mark', 'threshold-changes'])
      for (const [id, text] of await super.list(kind)) await this.swap(kind, id, text, undefined);
  }

  /** Lets this happen between the next time that thresholds are read and what follows from it. */
  meanwhile(work: () => Promise<unknown>): void {
    jest.spyOn(this as MemorySharedState, 'list').mockImplementationOnce(async (...args) => {
      const found = await super.list(...args);
      await work();
      return found;
    });
  }

  override list(...args: Parameters<MemorySharedState['list']>): ReturnType<MemorySharedState['list']> {
    this.reads++;
    return this.away ? Promise.reject(this.awayWith) : super.list(...args);
  }
}

describe('thresholds set at run time', () => {
  const category = (name: string, ...windows: string[]): [string, Category] => [
    name,
    {
      name,
      windows: windows.map((window) => ({ name: window, lengthName: window || 'minute' })),
    } as unknown as Category,
  ];
  const categories = new Map([category('llm_call', ''), category('tokens', 'minute', 'day')]);
  const base = { category: 'llm_call', threshold: 100, reason: 'import', by: 'dana' };
  let state: BrittleState;
  let now: number;
  let lines: string[];
  let told: ThresholdChange[];
  let settled: string[];
  let one: Overrides;
  let other: Overrides;
  const logger = { log: (line: string) => lines.push(line), warn: (line: string) => lines.push(line) };
  const replica = (of: ReadonlyMap<string, Category> = categories): Overrides =>
    new Overrides({
      categories: of,
      state,
      now: () => now,
      logger,
      changed: (change) => told.push(change),
      settled: (category) =>
        state.away ? Promise.reject(new Error('away')) : Promise.resolve(void settled.push(category)),
    });
  /** From now on the store takes thresholds, but neither marks nor traces of them. */
  const takesThresholdsOnly = (): jest.SpyInstance => {
    const swap = jest.spyOn(state, 'swap');
    return swap.mockImplementation((kind, ...rest) =>
      kind === 'thresholds'
        ? MemorySharedState.prototype.swap.call(state, kind, ...rest)
        : Promise.reject(new Error('away')),
    );
  };
  const found = (overrides: Overrides, tenant: string, category = 'llm_call', window = ''): unknown =>
    overrides.exactly(category, window, tenant) ?? overrides.broadly(category, window, tenant);

  beforeEach(() => {
    [state, now, lines, told, settled] = [new BrittleState(), Date.parse('2026-11-25T12:00:00Z'), [], [], []];
    [one, other] = [replica(), replica()];
  });

  it.each([
    ...['version', 'at', 'until', 'keepUntil', 'threshold'].map((field) => ({ [field]: 'many' })),
    ...['category', 'window', 'tenant', 'by', 'reason'].map((field) => ({ [field]: 7 })),
    { tenant: undefined },
    { until: 'Infinity' },
  ])('survive a malformed stored record, with %j', async (wrong) => {
    await one.set({ ...base, tenant: 'proj_1' });
    const [[id, text]] = [...(await state.list('thresholds'))] as [[string, string]];
    const record = JSON.stringify({ ...(JSON.parse(text) as object), tenant: 'proj_2', ...wrong });
    await state.swap('thresholds', `${id}2`, undefined, record);
    const third = replica();
    expect(await third.list()).toContainEqual(expect.objectContaining({ tenant: 'proj_1' }));
    expect(found(third, 'proj_1')).toBe(100);
  });

  it('are the same for a long id and its shown form', async () => {
    const long = 'k'.repeat(500);
    await one.set({ ...base, tenant: long, threshold: 1 });
    await one.set({ ...base, tenant: tenantKey(long), threshold: 2 });
    expect([found(one, long), (await one.list()).length]).toEqual([2, 1]);
    expect(await one.remove({ ...base, tenant: long })).toBe(true);
    expect(found(one, long)).toBeUndefined();
  });

  it('written by a newer version stay unchanged, and others apply, without a new mark at each look', async () => {
    await one.set({ ...base, tenant: 'proj_1' });
    const [[id, text]] = [...(await state.list('thresholds'))] as [[string, string]];
    const newer = JSON.stringify({ ...(JSON.parse(text) as object), schema: 2 });
    await state.swap('thresholds', id, text, newer);
    await other.set({ ...base, tenant: 'proj_2' });
    const marked = await state.list('thresholds-mark');
    await one.look();
    expect([found(one, 'proj_1'), found(one, 'proj_2')]).toEqual([100, 100]);
    expect(await state.read('thresholds', [id])).toEqual([newer]);
    expect(await state.list('thresholds-mark')).toEqual(marked);
  });

  it('apply at once where they are set, and elsewhere after the next look', async () => {
    const before = [one.version, other.version] as const;
    await one.set({ ...base, tenant: 'proj_1' });
    expect([found(one, 'proj_1'), found(other, 'proj_1')]).toEqual([100, undefined]);
    await other.look();
    expect(found(other, 'proj_1')).toBe(100);
    expect(one.version).toBeGreaterThan(before[0]);
    expect(other.version).toBeGreaterThan(before[1]);
    expect(await other.remove({ ...base, tenant: 'proj_2' })).toBe(false);
    expect(await other.remove({ ...base, tenant: 'proj_1' })).toBe(true);
    await one.look();
    expect([found(one, 'proj_1'), found(other, 'proj_1')]).toEqual([undefined, undefined]);
  });

  it('are traced in a history that is restored after a loss, each change once and only the latest', async () => {
    for (let i = 0; i < 205; i++) {
      now += 1_000;
      await (i % 2 ? one : other).set({ ...base, tenant: `proj_${i % 3}`, threshold: i });
    }
    await one.remove({ ...base, tenant: 'proj_0' });
    expect(await state.size('threshold-changes')).toBe(200);
    const before = await one.changes();
    expect([before.length, before[0]?.to, before[1]?.to, before.at(-1)?.to]).toEqual([200, undefined, 204, 6]);
    await other.look();
    await state.forget();
    await Promise.all([one.look(), other.look()]);
    await one.look();
    // Also one that knew of nothing.
    expect(await replica().changes()).toEqual(before);
    expect(await state.size('threshold-changes')).toBe(200);
    // What comes next takes the place of the oldest.
    now += 1_000;
    await other.set({ ...base, threshold: 7 });
    const after = await replica().changes();
    expect([after.length, after[0]?.to, after[1], after.at(-1)?.to]).toEqual([200, 7, before[0], 7]);
  });

  it('apply by precedence: an id, its longest prefix, the whole category', async () => {
    await one.set({ ...base, threshold: 1 });
    await one.set({ ...base, tenant: 'premium_*', threshold: 2 });
    await one.set({ ...base, tenant: 'premium_eu_*', threshold: 3 });
    await one.set({ ...base, tenant: 'premium_eu_7', threshold: 4 });
    await one.set({ ...base, category: 'tokens', window: 'day', threshold: 5 });
    expect(['x', 'premium_', 'premium_us_1', 'premium_eu_1', 'premium_eu_7'].map((id) => found(one, id))).toEqual([
      1, 2, 2, 3, 4,
    ]);
    expect([found(one, 'x', 'tokens', 'day'), found(one, 'x', 'tokens', 'minute')]).toEqual([5, undefined]);
    expect([one.exactly('llm_call', '', 'premium_us_1'), one.exactly('llm_call', '', 'premium_eu_7')]).toEqual([
      undefined,
      4,
    ]);
  });

  it.each(['__proto__', '","', 'é'.repeat(900), '{x}:*y'])('apply to the tenant %s', async (tenant) => {
    await one.set({ ...base, tenant });
    await other.look();
    expect([found(other, tenant), found(other, 'a')]).toEqual([100, undefined]);
  });

  it('end everywhere at their time, without a look, and are not restored', async () => {
    await one.set({ ...base, until: new Date(now + 60_000), threshold: Infinity });
    await other.look();
    const version = other.version;
    expect([found(one, 'a'), found(other, 'a')]).toEqual([Infinity, Infinity]);
    now += 60_000;
    expect([found(one, 'a'), found(other, 'a')]).toEqual([undefined, undefined]);
    expect(other.version).toBeGreaterThan(version);
    await one.look();
    expect(await other.list()).toEqual([]);
  });

  it('keep derived levels valid until one changes or ends, however often they are read', async () => {
    await one.set(base);
    await one.set({ ...base, tenant: 'a', until: new Date(now + 60_000) });
    await other.look();
    const versions = (): number[] => [one.version, other.version];
    const before = versions();
    now += 59_999;
    await Promise.all([one.list(), other.list()]);
    expect([versions(), versions()]).toEqual([before, before]);
    now += 1;
    const after = versions();
    expect(after.map((version, i) => version > (before[i] as number))).toEqual([true, true]);
    expect(versions()).toEqual(after);
    await one.look();
    // That of all tenants has not run out.
    expect([found(one, 'a'), settled]).toEqual([100, ['llm_call']]);
    await one.set({ ...base, threshold: 7 });
    await one.look();
    expect(settled).toEqual(['llm_call']);
  });

  it('are reported once by every replica when they expire, but not when they are replaced or removed', async () => {
    await one.set({ ...base, tenant: 'a', until: new Date(now + 60_000) });
    await one.set({ ...base, category: 'tokens', window: 'day', until: new Date(now + 60_000) });
    await one.set({ ...base, category: 'tokens', window: 'minute', until: new Date(now + 30_000) });
    await one.set({ ...base, category: 'tokens', window: 'minute', until: new Date(now + DAY_MS) });
    await one.set({ ...base, tenant: 'b', until: new Date(now + 30_000) });
    await one.remove({ ...base, tenant: 'b' });
    await other.look();
    // Once by the one that set them, after the others have learned of it.
    const start = now;
    for (const at of [2_999, 3_000, 59_999]) {
      now = start + at;
      await Promise.all([one.look(), other.look()]);
      expect(settled.splice(0)).toEqual(at === 3_000 ? ['llm_call', 'tokens'] : []);
    }
    now += 1;
    state.away = true;
    // Their end is seen on the way of a request first.
    expect(found(one, 'a')).toBeUndefined();
    await expect(one.look()).rejects.toThrow('away');
    state.away = false;
    for (let i = 0; i < 2; i++) await Promise.all([one.look(), other.look()]);
    expect(settled.sort()).toEqual(['llm_call', 'llm_call', 'tokens', 'tokens']);
  });

  it('are restored after the store has lost all, except removed ones', async () => {
    await one.set({ ...base, tenant: 'kept' });
    await one.set({ ...base, tenant: 'ended', until: new Date(now + 5_000) });
    await one.set({ ...base, tenant: 'removed', until: new Date(now + DAY_MS) });
    await other.look();
    // The other has not looked since.
    await one.remove({ ...base, tenant: 'removed' });
    now += 5_000;
    await state.forget();
    await other.look();
    await one.look();
    await other.look();
    const late = replica();
    await late.look();
    for (const replica of [one, other, late])
      expect(['kept', 'removed', 'ended'].map((id) => found(replica, id))).toEqual([100, undefined, undefined]);
    // Expired ones are not restored, however often the store loses everything.
    now += 40 * DAY_MS;
    await state.forget();
    for (const replica of [one, other, late]) await replica.look();
    expect((await state.list('thresholds')).size).toBe(1);
  });

  it('are restored by the replica that set them, even if the store lost them before its next look', async () => {
    await one.set(base);
    await state.forget();
    await one.look();
    await other.look();
    expect(found(other, 'a')).toBe(100);
  });

  it('do not overwrite newer ones when they are restored', async () => {
    await one.set(base);
    await state.forget();
    now += 1_000;
    state.meanwhile(() => other.set({ ...base, threshold: 7 }));
    await one.look();
    await one.look();
    expect([found(one, 'a'), found(other, 'a')]).toEqual([7, 7]);
  });

  it('are deleted from the store a month after they ended, unless they are set again', async () => {
    await one.set({ ...base, tenant: 'a', until: new Date(now + 60_000) });
    await one.set({ ...base, tenant: 'b', until: new Date(now + 60_000) });
    now += 31 * DAY_MS;
    const late = replica();
    state.meanwhile(() => other.set({ ...base, tenant: 'b', threshold: 7 }));
    await late.look();
    expect(await state.size('thresholds')).toBe(1);
    await late.look();
    expect([found(late, 'a'), found(late, 'b')]).toEqual([undefined, 7]);
  });

  it('are known to all at the next look after the last replica has restored its own', async () => {
    await one.set({ ...base, tenant: 'a' });
    await other.look();
    await one.set({ ...base, tenant: 'b' });
    await state.forget();
    // The other puts back what it knows and reads all, before the one comes back with more.
    for (let i = 0; i < 3; i++) await other.look();
    await one.look();
    await other.look();
    expect(found(other, 'b')).toBe(100);
  });

  it('stay removed if they were set and removed while another replica was cut off, with any clock', async () => {
    await one.set({ ...base, tenant: 'a' });
    now -= 1_000;
    await one.remove({ ...base, tenant: 'a' });
    await one.set({ ...base, tenant: 'a', threshold: 7 });
    await other.look();
    expect(found(other, 'a')).toBe(7);
  });

  it('are read in full only after a change', async () => {
    await one.set(base);
    await other.look();
    const { reads } = state;
    for (let i = 0; i < 20; i++) await other.look();
    expect(state.reads - reads).toBeLessThanOrEqual(1);
    await one.set({ ...base, threshold: 7 });
    await other.look();
    expect(found(other, 'a')).toBe(7);
  });

  it('are neither read nor written while none was ever set', async () => {
    const swap = jest.spyOn(state, 'swap');
    for (let i = 0; i < 29; i++) await one.look();
    expect(state.reads).toBe(0);
    await one.look();
    expect(swap).not.toHaveBeenCalled();
  });

  it('cannot be set while the store is away, and those in force stay', async () => {
    await one.set(base);
    state.away = true;
    const why = 'the store is away (away). Try again when it is back';
    // A store on fetch fails with a TypeError, which must not pass for a wrong option.
    state.awayWith = new TypeError('away');
    await expect(one.set({ ...base, threshold: 1 })).rejects.toThrow(`The threshold was not set: ${why}`);
    await expect(one.remove(base)).rejects.toThrow(`The threshold was not removed: ${why}`);
    await expect(one.list()).rejects.toThrow(`Thresholds cannot be read: ${why}`);
    await expect(one.changes()).rejects.toThrow(`Changes of thresholds cannot be read: ${why}`);
    expect(found(one, 'a')).toBe(100);
  });

  it('record who, when, why, from and to, which is logged and reported', async () => {
    const until = new Date(now + DAY_MS);
    await one.set({ ...base, tenant: 'proj_1' });
    now += 1_000;
    await other.set({ ...base, tenant: 'proj_1', threshold: Infinity, until, reason: 'trial\nforged' });
    now += 1_000;
    expect(await one.remove({ ...base, tenant: 'proj_1', by: 'lee' })).toBe(true);
    expect(await one.remove({ ...base, tenant: 'proj_1', by: 'lee' })).toBe(false);
    const at = (before: number): Date => new Date(now - before);
    const changes = [
      { category: 'llm_call', tenant: 'proj_1', at: at(0), by: 'lee', reason: 'import', from: Infinity },
      {
        category: 'llm_call',
        tenant: 'proj_1',
        at: at(1_000),
        by: 'dana',
        reason: 'trial forged',
        from: 100,
        to: Infinity,
        until,
      },
      { category: 'llm_call', tenant: 'proj_1', at: at(2_000), by: 'dana', reason: 'import', to: 100 },
    ];
    const swap = jest.spyOn(state, 'swap');
    expect(await other.changes()).toEqual(changes);
    expect(swap).not.toHaveBeenCalled();
    expect(told).toEqual(changes.toReversed());
    expect(lines).toEqual([
      'Threshold of llm_call for tenant proj_1 is set to 100, by dana: import',
      'Threshold of llm_call for tenant proj_1 is set to Infinity (was 100) until 2026-11-26T12:00:00.000Z, by dana: trial forged',
      'Threshold of llm_call for tenant proj_1 is no longer set (was Infinity), by lee: import',
    ]);
  });

  it('are logged with a tenant that cannot pass for part of the line, and with readable counts', async () => {
    await one.set({ ...base, tenant: 'x is set to 1, by root', threshold: 12_500, by: 'dana: import, by eve' });
    expect(lines).toEqual([
      'Threshold of llm_call for tenant "x is set to 1, by root" is set to 12,500, by "dana: import, by eve": import',
    ]);
  });

  it('are logged with their window, if the category has several', async () => {
    await one.set({ ...base, category: 'tokens', window: 'day' });
    expect(lines).toEqual(['Threshold of tokens (day) for every tenant is set to 100, by dana: import']);
  });

  it('are traced in the order of the changes, even if the clocks of two replicas differ', async () => {
    await one.set({ ...base, tenant: 'first' });
    now -= 300;
    await other.set({ ...base, tenant: 'second' });
    for (const replica of [one, other])
      expect((await replica.changes()).map(({ tenant }) => tenant)).toEqual(['second', 'first']);
  });

  it('survive a deployment that adds windows, and can be removed once their window is gone', async () => {
    const withWindows = (...windows: string[]): Map<string, Category> =>
      new Map([
        [
          'llm_call',
          {
            name: 'llm_call',
            windows: windows.map((lengthName) => ({ name: windows.length > 1 ? lengthName : '', lengthName })),
          } as unknown as Category,
        ],
      ]);
    const [minute, minuteAndDay, hour] = [['minute'], ['minute', 'day'], ['hour']].map((names) =>
      replica(withWindows(...names)),
    ) as [Overrides, Overrides, Overrides];
    const look = (): Promise<unknown> => Promise.all([minute, minuteAndDay, hour].map((each) => each.look()));
    await minute.set({ ...base, tenant: 'a' });
    await look();
    expect([found(minute, 'a'), found(minuteAndDay, 'a', 'llm_call', 'minute'), found(hour, 'a')]).toEqual([
      100,
      100,
      undefined,
    ]);
    expect(found(minuteAndDay, 'a', 'llm_call', 'day')).toBeUndefined();
    const shown = await Promise.all([minute, minuteAndDay, hour].map((each) => each.list()));
    expect(shown.map(([set]) => set?.window)).toEqual([undefined, 'minute', 'minute']);
    await expect(hour.set({ ...base, tenant: 'a', window: 'minute' })).rejects.toThrow("window is 'minute'");
    await expect(hour.remove({ ...base, tenant: 'a', window: 'day' })).rejects.toThrow("window is 'day'");
    expect(await hour.remove({ ...base, tenant: 'a', window: 'minute' })).toBe(true);
    await look();
    expect([found(minute, 'a'), found(minuteAndDay, 'a', 'llm_call', 'minute')]).toEqual([undefined, undefined]);
    // Back again, with the name that it has among others.
    await minute.set({ ...base, tenant: 'a', window: 'minute', threshold: 7 });
    expect(found(minute, 'a')).toBe(7);
  });

  it('can be removed once their category is gone', async () => {
    await one.set({ ...base, category: 'tokens', window: 'day' });
    const gone = replica(new Map([category('llm_call', '')]));
    await gone.look();
    const [left] = await gone.list();
    expect(left).toMatchObject({ category: 'tokens', window: 'day' });
    await expect(gone.remove({ ...base, category: 'tokens', window: 'minute' })).rejects.toThrow(
      "category is 'tokens'",
    );
    expect(await gone.remove({ ...base, category: 'tokens', window: 'day' })).toBe(true);
    expect(await gone.list()).toEqual([]);
  });

  it('are known to a new replica however many were set and removed, and memory for those is bounded', async () => {
    await one.set({ ...base, tenant: 'first' });
    for (let i = 0; i < 6_000; i++) {
      const of = { category: 'llm_call', window: 'minute', tenant: `t${i}` };
      const ended = { version: i + 1, ...of, threshold: null, until: null, keepUntil: now + DAY_MS, at: now - i };
      const text = JSON.stringify({ schema: 1, ...ended, by: 'dana', reason: 'test' });
      await state.swap('thresholds', JSON.stringify(Object.values(of)), undefined, text);
    }
    // One that ended long ago is set again just then.
    state.meanwhile(() => replica().set({ ...base, tenant: 't5999', threshold: 7 }));
    await other.look();
    expect(found(other, 'first')).toBe(100);
    expect(await state.size('thresholds')).toBe(4_002);
    // A replica that knew more of them does not restore them, and all settle.
    await one.set({ ...base, tenant: 'another' });
    for (let i = 0; i < 3; i++) for (const each of [one, other]) await each.look();
    const { reads } = state;
    for (let i = 0; i < 10; i++) for (const each of [one, other]) await each.look();
    expect(state.reads - reads).toBeLessThanOrEqual(2);
    expect(await state.size('thresholds')).toBe(4_003);
    expect([found(one, 't5999'), found(other, 't5999')]).toEqual([7, 7]);
    expect((await state.read('thresholds', [JSON.stringify(['llm_call', 'minute', 't4000'])]))[0]).toBeUndefined();
    expect((await state.read('thresholds', [JSON.stringify(['llm_call', 'minute', 't3999'])]))[0]).toBeDefined();
  });

  it('are 1,000 at most; each may be replaced, and a removed one set again only if there is room', async () => {
    const ids = Array.from({ length: 999 }, (_, i) => `t${i}`);
    for (const [i, tenant] of ids.entries()) {
      const of = { category: 'llm_call', window: 'minute', tenant };
      const kept = {
        version: i + 1,
        ...of,
        threshold: 7,
        until: null,
        keepUntil: null,
        at: now,
        by: 'dana',
        reason: 'test',
      };
      await state.swap(
        'thresholds',
        JSON.stringify(Object.values(of)),
        undefined,
        JSON.stringify({ schema: 1, ...kept }),
      );
    }
    const full = '1000 thresholds are set, the maximum: remove one, or use a function';
    await one.set({ ...base, tenant: 'last' });
    await expect(other.set({ ...base, tenant: 'more' })).rejects.toThrow(full);
    await other.set({ ...base, tenant: 'last', threshold: 8 });
    await other.remove({ ...base, tenant: 'last' });
    await other.set({ ...base, tenant: 'more', until: new Date(now + DAY_MS) });
    await expect(other.set({ ...base, tenant: 'last' })).rejects.toThrow(full);
    expect(await one.list()).toHaveLength(1_000);
    now += DAY_MS;
    await one.set({ ...base, tenant: 'last' });
    expect(found(one, 'last')).toBe(100);
  });

  it('are found half a minute later by a replica that missed their mark', async () => {
    await one.set(base);
    await other.look();
    const swap = takesThresholdsOnly();
    // It died in between: neither a mark nor a trace.
    await one.set({ ...base, threshold: 7 });
    swap.mockRestore();
    expect([found(one, 'a'), lines.at(-1)]).toEqual([7, 'A threshold change was not added to the history (away)']);
    let looks = 0;
    while (found(other, 'a') !== 7) await other.look().then(() => looks++);
    expect(looks).toBe(30);
    // The trace is put back by the one that made the change.
    await one.changes();
    expect((await other.changes())[0]?.to).toBe(7);
  });

  it('are found by all at their next look once one has found them, even if it was the first mark', async () => {
    await other.look();
    const swap = takesThresholdsOnly();
    await one.set(base);
    swap.mockRestore();
    const finder = replica();
    while (found(finder, 'a') !== 100) await finder.look();
    await other.look();
    expect(found(other, 'a')).toBe(100);
  });

  it('are traced whatever else is in the history', async () => {
    await one.set(base);
    await state.swap('threshold-changes', 'broken', undefined, '{');
    now += 1_000;
    await other.set({ ...base, threshold: 7 });
    expect((await replica().changes()).map(({ to }) => to)).toEqual([7, 100]);
    await one.changes();
    await state.forget();
    expect((await one.changes()).map(({ to }) => to)).toEqual([7, 100]);
  });

  it('are not removed with a misspelled or undefined tenant, which would remove that of all', async () => {
    await one.set(base);
    for (const wrong of [{ tenantId: 'proj_1' }, { tenant: undefined }])
      await expect(one.remove({ ...base, ...wrong })).rejects.toThrow(TypeError);
    expect(found(one, 'proj_2')).toBe(100);
    const [listed] = await one.list();
    expect(await one.remove({ ...base, ...listed })).toBe(true);
  });

  it('are listed', async () => {
    await one.set({ ...base, category: 'tokens', window: 'day', until: new Date(now + 1) });
    expect(await other.list()).toEqual([
      { ...base, category: 'tokens', window: 'day', until: new Date(now + 1), since: new Date(now) },
    ]);
  });

  it.each<[Record<string, unknown>, string]>([
    [{ threshold: -1 }, 'threshold is -1: write a whole number, 0 or more, or Infinity'],
    [{ threshold: 1.5 }, 'threshold is 1.5'],
    [{ threshold: Number.NaN }, 'threshold is NaN'],
    [{ threshold: '7' }, "threshold is '7'"],
    [{ category: 'llm' }, "category is 'llm': write one of llm_call, tokens"],
    [{ category: 'sk_test_0123456789abcdef' }, "category is 'sk_… (24 characters)': write one of llm_call, tokens"],
    [{ category: undefined }, 'category is missing'],
    [{ window: 'day' }, "window is 'day': leave it out, the category has one"],
    [{ category: 'tokens' }, 'window is missing: write one of minute, day'],
    [{ category: 'tokens', window: 'week' }, "window is 'week': write one of minute, day"],
    [{ tenant: '' }, 'tenant is empty'],
    [{ tenant: undefined }, 'tenant is undefined: write an id'],
    [{ tenant: '*' }, "tenant is '*': leave it out for all tenants"],
    [{ tenant: 'x'.repeat(1_001) }, 'tenant has 1001 characters'],
    [{ tenant: 7 }, 'tenant is 7'],
    [{ until: new Date('2026-11-25T12:00:00Z') }, 'until is 2026-11-25T12:00:00.000Z: write a time in the future'],
    [{ until: new Date('never') }, 'until is an invalid date: write a Date'],
    [{ until: 7 }, 'until is 7: write a Date'],
    [{ reason: ' ' }, 'reason is empty: write why'],
    [{ reason: '\u200b' }, 'reason is empty: write why'],
    [{ by: '\u200b\u2800 ' }, 'by is empty: write who changes it'],
    [{ by: undefined }, 'by is empty: write who changes it'],
    [{ [Symbol('until')]: 1 }, 'Symbol(until) is not an option: write one of category, tenant,'],
    [{ untill: new Date('2026-11-26') }, 'untill is not an option: write until'],
  ])('are refused for %j', async (wrong, message) => {
    await expect(one.set({ ...base, ...wrong })).rejects.toThrow(message);
    expect([await one.list(), await one.changes(), told]).toEqual([[], [], []]);
  });
});
