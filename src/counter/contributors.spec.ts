import { setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import type { Category, CategoryWindow } from '../model/category.js';
import type { Breach } from '../model/breach.js';
import type { LiveTotal } from '../model/live-total.js';
import { MemorySharedState } from '../store/memory/memory-shared-state.js';
import { UNNAMED } from './contributor-table.js';
import { Contributors, contributorLabel } from './contributors.js';
import { fixedSpans, slidingSpans, SLIDING_PARTS } from '../model/window-spans.js';

const MINUTE = 60_000;
/** Less than an alert waits for other instances. */
const SOON_MS = 100;

/** Loses answers, all it has, or its tongue, on request. */
class BrittleState extends MemorySharedState {
  away = false;
  losesAnswers = false;
  hangs = false;
  answersAfterMs = 0;
  writes = 0;
  lists = 0;

  override async swap(...args: Parameters<MemorySharedState['swap']>): ReturnType<MemorySharedState['swap']> {
    if (this.away) throw new Error('away');
    this.writes++;
    const swapped = await super.swap(...args);
    if (this.losesAnswers) throw new Error('lost');
    return swapped;
  }

  override async read(...args: Parameters<MemorySharedState['read']>): ReturnType<MemorySharedState['read']> {
    if (this.hangs) return new Promise(() => undefined);
    if (this.answersAfterMs > 0) await wait(this.answersAfterMs);
    return this.away ? Promise.reject(new Error('away')) : super.read(...args);
  }

  override list(...args: Parameters<MemorySharedState['list']>): ReturnType<MemorySharedState['list']> {
    this.lists++;
    return super.list(...args);
  }
}

describe('contributors', () => {
  const HALF = 0.5;
  const category = {
    name: 'llm_call',
    maxCost: 100,
    contributor: () => undefined,
    windows: [
      { name: 'minute', levels: [], windowMs: MINUTE, spanAt: fixedSpans(MINUTE) },
      { name: 'sliding', levels: [{ at: HALF }, { at: 1 }], spanAt: slidingSpans(MINUTE), parts: SLIDING_PARTS },
    ],
  } as unknown as Category;
  const day = {
    name: 'day',
    contributor: () => undefined,
    windows: [{ name: '', levels: [], spanAt: fixedSpans(24 * 60 * MINUTE) }],
  } as unknown as Category;
  const unnamed = { ...day, name: 'unnamed', contributor: undefined } as unknown as Category;
  let state: BrittleState;
  let now: number;
  let one: Contributors;
  let other: Contributors;
  const categories = new Map([category, day, unnamed].map((one) => [one.name, one]));
  const replica = (): Contributors => new Contributors(state, categories, () => now);
  const add = (to: Contributors, counts: Record<string, number>, tenant = 'p'): void => {
    for (const [label, count] of Object.entries(counts)) to.count(category, tenant, label, count);
  };
  const live = ({ name, spanAt }: CategoryWindow, tenant: string, isNear: boolean): LiveTotal => ({
    category: 'llm_call',
    window: name,
    tenant,
    span: spanAt(now),
    known: isNear ? 6 : 5,
    threshold: name === 'sliding' ? 10 / HALF : 10,
  });
  const totals = (isNear = true, tenants = ['p', '__proto__']): LiveTotal[] =>
    tenants.flatMap((tenant) => category.windows.map((window) => live(window, tenant, isNear)));
  const look = async (isNear = true): Promise<void> => {
    for (const replica of [one, other]) await replica.look(totals(isNear)).catch(() => undefined);
  };
  const breach = (count: number, own: number, window = 'minute', id = 'p'): Breach => ({
    category: 'llm_call',
    window,
    tenant: { id },
    count,
    own,
    threshold: 4,
    countedBy: 'all',
    level: { at: 1, severity: 'warning' },
    windowStart: now,
    windowEnd: category.windows.find(({ name }) => name === window)?.spanAt(now).end as number,
  });
  const alerted = async (of: Contributors, breach: Breach): Promise<string> => {
    const { contributors = [] } = await of.withContributors(breach);
    return contributors.map(({ label, count }) => `${label} ${count}`).join(', ');
  };
  const tellNear = (of: Contributors, tenant = 'p', category = 'llm_call'): void => {
    const windows = categories.get(category)?.windows ?? [];
    for (const { name: window, spanAt } of windows) of.near({ category, window, tenant, span: spanAt(now) });
  };
  const shared = async (): Promise<number> => state.size('contributors');
  const top = async (of: Contributors, count: number, window = 'minute', tenant = 'p'): Promise<string> => {
    const end = category.windows.find(({ name }) => name === window)?.spanAt(now).end as number;
    const named = await of.top('llm_call', window, tenant, end, count);
    return named.map(({ label, count }) => `${label} ${count}`).join(', ');
  };

  beforeEach(() => {
    [state, now] = [new BrittleState(), 100 * MINUTE];
    [one, other] = [replica(), replica()];
  });

  it.each([
    { counts: undefined },
    { counts: { a: 'many' } },
    { counts: 7 },
    { writes: undefined },
    { writes: { one: 'many' } },
    { until: 'soon' },
    { forgot: 7 },
  ])('are named and shared despite a malformed stored record, with %j', async (wrong) => {
    add(one, { a: 10 });
    add(one, { b: 5 }, '__proto__');
    await one.look(totals());
    for (const [id, text] of await state.list('contributors')) {
      if (!id.includes('"p"')) continue;
      await state.swap('contributors', id, text, JSON.stringify({ ...(JSON.parse(text) as object), ...wrong }));
    }
    add(other, { a: 3 });
    add(other, { c: 2 }, '__proto__');
    await other.look(totals());
    expect(await top(other, 7, 'minute', '__proto__')).toBe('b 5, c 2');
    expect(await top(other, 3)).toBe('a 3');
  });

  it('are shared and forgotten beside records of a newer version, which stay unchanged', async () => {
    add(one, { a: 10 });
    add(one, { b: 5 }, '__proto__');
    await one.look(totals());
    const newer = [...(await state.list('contributors'))].filter(([id]) => id.includes('"p"'));
    for (const [id, text] of newer)
      await state.swap('contributors', id, text, JSON.stringify({ ...(JSON.parse(text) as object), schema: 2 }), now);
    add(one, { a: 1 });
    add(one, { b: 1 }, '__proto__');
    await one.look(totals());
    expect([await top(other, 6, 'minute', '__proto__'), await top(one, 11)]).toEqual(['b 6', 'a 11']);
    now += 60 * MINUTE;
    await one.look([]);
    expect([...(await state.list('contributors')).keys()].sort()).toEqual(newer.map(([id]) => id).sort());
  });

  it('of all instances are named with their counts, largest first', async () => {
    add(one, { a: 10, b: 3 });
    add(other, { b: 9, c: 1 });
    await look();
    add(one, { a: 5 });
    expect(await top(one, 30)).toBe('a 15, b 12, c 1, other 2');
    expect(await top(other, 28)).toBe('a 15, b 12, c 1');
    expect(await top(one, 28, 'minute', 'q')).toBe('');
    expect(await one.top('unknown', '', 'p', now, 1)).toEqual([]);
    add(one, { d: 40 });
    expect(await top(one, 68)).toBe('d 40, a 15, b 12, c 1');
  });

  it('are added up without binary rounding errors', async () => {
    for (let i = 0; i < 10; i++) add(one, { a: 0.1 });
    add(other, { a: 0.2 });
    await look();
    for (let i = 0; i < 3; i++) add(one, { b: 0.1 });
    await look();
    expect(await top(one, 1.5)).toBe('a 1.2, b 0.3');
    expect(await top(one, 1.6)).toBe('a 1.2, b 0.3, other 0.1');
    expect(await top(one, 1.5, 'sliding')).toBe('a 1.2, b 0.3');
  });

  it('of requests that cost nothing are not counted', async () => {
    for (let i = 0; i < 16; i++) add(one, { [`k${i}`]: 0, [`l${i}`]: -0 });
    add(one, { a: 5 });
    expect(await top(one, 5)).toBe('a 5');
  });

  it('of an invalid or excessive cost are named with the cost that the tenant is charged', async () => {
    for (const cost of [-1, NaN, '3', 5n, [3], {}, null]) add(one, { a: cost as number });
    for (const cost of [Infinity, 101]) add(one, { b: cost });
    expect(await top(one, 207)).toBe('b 200, a 7');
  });

  it('of the previous window are not those of this one', async () => {
    add(one, { a: 5 });
    await look();
    now += MINUTE;
    add(one, { b: 1 });
    await look();
    expect(await top(one, 1)).toBe('b 1');
    expect(await top(one, 6, 'sliding')).toBe('b 1, other 5');
  });

  it('are written only if a level is near', async () => {
    add(one, { a: 10 });
    await look(false);
    expect([state.writes, await top(other, 10)]).toEqual([0, '']);
    await look(true);
    expect(await top(other, 10)).toBe('a 10');
    const { writes } = state;
    await look(true);
    expect(state.writes).toBe(writes);
  });

  it('of a tenant are not written because another tenant is near a level', async () => {
    add(one, { a: 10 }, 'p');
    add(one, { a: 10 }, 'q');
    await one.look([...totals(true, ['p']), ...totals(false, ['q'])]);
    expect([...(await state.list('contributors')).keys()].filter((id) => id.includes('"q"'))).toEqual([]);
    expect(await shared()).toBe(2);
  });

  it('are not written for tenants with an unknown threshold, or that this instance did not count', async () => {
    add(one, { a: 10 });
    await one.look(totals().map((total) => ({ ...total, threshold: undefined })));
    await one.look(totals().map((total) => ({ ...total, category: 'unknown' })));
    expect(state.writes).toBe(0);
  });

  it('are read from the store only by an instance that counted some', async () => {
    await look();
    expect(state.lists).toBe(0);
    add(one, { a: 1 });
    await look();
    expect(state.lists).toBe(1);
  });

  it('of very many tenants near a level are written 200 at a time', async () => {
    const tenants = Array.from({ length: 150 }, (_, i) => `t${i}`);
    for (const tenant of tenants) add(one, { a: 1 }, tenant);
    await one.look(totals(true, tenants));
    expect(await shared()).toBe(200);
    await one.look(totals(true, tenants));
    expect(await shared()).toBe(300);
  });

  it('take bounded space in the store', async () => {
    const tenants = Array.from({ length: 1_050 }, (_, i) => `t${i}`);
    for (const tenant of tenants) add(one, { a: 1 }, tenant);
    for (let looks = 1; looks < 60; looks++) await one.look(looks <= 11 ? totals(true, tenants) : []);
    expect(await shared()).toBe(2_100);
    await one.look([]);
    expect(await shared()).toBe(2_000);
  });

  describe('of an alert', () => {
    const quickly = (alert: Promise<Breach>): Promise<Breach | undefined> =>
      Promise.race([alert, wait(SOON_MS, undefined)]);
    afterEach(() => jest.useRealTimers());

    it.each(['minute', 'sliding'])(
      'are requested, even if its tenant is near no level that others know: %s',
      async (window) => {
        add(other, { b: 4 });
        now += MINUTE / SLIDING_PARTS;
        add(other, { b: 1, c: 1 });
        const alert = one.withContributors(breach(6, 0, window));
        await wait(SOON_MS);
        await look(false);
        expect((await alert).contributors).toEqual([
          { label: 'b', count: 5 },
          { label: 'c', count: 1 },
        ]);
      },
    );

    it('are not waited for if this instance has counted all of it', async () => {
      add(one, { a: 1 });
      expect((await quickly(one.withContributors(breach(6, 6))))?.contributors).toEqual([
        { label: 'a', count: 1 },
        { label: 'other', count: 5 },
      ]);
    });

    it('are not waited for in a storm', async () => {
      const alerts = Array.from({ length: 100 }, (_, i) => one.withContributors(breach(6, 0, 'minute', `t${i}`)));
      await wait(SOON_MS);
      expect(await quickly(one.withContributors(breach(6, 0)))).toEqual(breach(6, 0));
      expect(await quickly(alerts[0] as Promise<Breach>)).toBeUndefined();
      await Promise.all(alerts);
      expect(await quickly(one.withContributors(breach(6, 0)))).toBeUndefined();
    });

    it('have no rounding errors', async () => {
      for (let i = 0; i < 100; i++) add(one, { a: 0.07, b: 0.1 });
      expect((await one.withContributors(breach(17, 17))).contributors).toEqual([
        { label: 'b', count: 10 },
        { label: 'a', count: 7 },
      ]);
    });

    it('are complete once the others have shared their part', async () => {
      add(one, { a: 6 });
      add(other, { b: 5 });
      tellNear(other);
      expect(await alerted(one, breach(11, 6))).toBe('a 6, b 5');
      expect((await quickly(one.withContributors(breach(11, 6))))?.contributors).toHaveLength(2);
    });

    it('are those known after 2 s, if the others do not share theirs', async () => {
      add(one, { a: 6 });
      const since = performance.now();
      expect(await alerted(one, breach(11, 6))).toBe('a 6, other 5');
      expect(performance.now() - since).toBeGreaterThan(1_900);
    });

    it('are those that are known, even if the store answers slowly', async () => {
      state.answersAfterMs = 25;
      add(one, { a: 6 });
      expect(await alerted(one, breach(11, 6, 'sliding'))).toBe('a 6, other 5');
    });

    it('are those known after 2 s, if the store hangs meanwhile', async () => {
      jest.useFakeTimers();
      add(one, { a: 6 });
      let named: string | undefined;
      void alerted(one, breach(11, 6)).then((known) => (named = known));
      await jest.advanceTimersByTimeAsync(0);
      state.hangs = true;
      await jest.advanceTimersByTimeAsync(1_999);
      expect(named).toBeUndefined();
      await jest.advanceTimersByTimeAsync(1);
      expect(named).toBe('a 6, other 5');
    });

    it('are not waited for if there are more than can be distinguished', async () => {
      for (let i = 0; i < 16; i++) add(one, { [`k${i}`]: 16 - i });
      const alert = await quickly(one.withContributors(breach(200, 6)));
      expect(alert?.contributors).toContainEqual({ label: 'k0', count: 16 });
      expect(alert?.contributors).toContainEqual({ label: 'other', count: 130 });
    });

    it('are left out if the category names none, or no instance knows it', async () => {
      for (const name of ['unnamed', 'unknown']) {
        const given = { ...breach(11, 6), category: name, window: '' };
        one.count(unnamed, 'p', 'a', 11);
        expect(await one.withContributors(given)).toBe(given);
        expect(await one.top(name, '', 'p', given.windowEnd, 11)).toEqual([]);
      }
      const given = breach(11, 6, 'minute', 'q');
      expect(await one.withContributors(given)).toEqual(given);
    });

    it('are left out if the store hangs', async () => {
      state.hangs = true;
      const given = breach(11, 6);
      add(one, { a: 11 });
      expect(await Promise.all([one.withContributors(given), top(one, 11)])).toEqual([given, '']);
    });
  });

  it('are counted once, even if answers are lost, and are restored after a loss', async () => {
    add(one, { a: 10 });
    state.losesAnswers = true;
    await look();
    add(one, { a: 1 });
    await look();
    state.losesAnswers = false;
    await look();
    await look();
    expect(await top(other, 11)).toBe('a 11');
    add(other, { b: 2 });
    await look();
    await state.trim('contributors', 0);
    add(one, { a: 1 });
    add(other, { b: 1 });
    await look();
    expect(await top(one, 15)).toBe('a 12, b 3');
  });

  it('are counted once if a look and an alert write them at the same time', async () => {
    add(one, { a: 10 });
    await Promise.all([one.look(totals()), one.withContributors(breach(10, 10))]);
    add(one, { a: 1 });
    await look();
    expect(await top(other, 11)).toBe('a 11');
  });

  it('are counted once if an alert finishes its write after the next write', async () => {
    add(one, { a: 10 });
    const read = state.read.bind(state);
    let goOn: (() => void) | undefined;
    state.read = async (...args) => {
      const found = await read(...args);
      await new Promise<void>((resolve) => (goOn = resolve));
      return found;
    };
    const slow = one.withContributors(breach(10, 10));
    state.read = read;
    await one.look(totals());
    add(one, { a: 1 });
    state.losesAnswers = true;
    await look();
    state.losesAnswers = false;
    goOn?.();
    await slow;
    add(one, { a: 1 });
    await look();
    await look();
    expect(await top(other, 12)).toBe('a 12');
  });

  describe('of many instances', () => {
    /** What has the last writes of 64 of them. */
    const MANY = 65;
    const write = (of: Contributors): Promise<void> => of.look(totals()).catch(() => undefined);

    it('are counted once by instances that the record has forgotten, too', async () => {
      const all = Array.from({ length: MANY }, replica);
      for (const round of [1, 2])
        for (const one of all) {
          add(one, { a: round });
          await write(one);
        }
      expect(await top(one, 3 * MANY)).toBe(`a ${3 * MANY}`);
      for (const text of (await state.list('contributors')).values())
        expect(Object.keys((JSON.parse(text) as { writes: object }).writes)).toHaveLength(64);
    });

    it('are counted once by one that wrote lately and lost the answer', async () => {
      const all = Array.from({ length: MANY }, replica);
      const [first = one, second = one] = all;
      const late = all.splice(-2);
      const count = async (of: Contributors): Promise<void> => {
        add(of, { a: 1 });
        await write(of);
      };
      for (const of of all) await count(of);
      await count(second);
      state.losesAnswers = true;
      await count(first);
      state.losesAnswers = false;
      for (const of of late) await count(of);
      await write(first);
      expect(await top(one, MANY + 2)).toBe(`a ${MANY + 2}`);
    });
  });

  describe('of a tenant that comes near a level', () => {
    const soon = (): Promise<void> => jest.advanceTimersByTimeAsync(150);
    beforeEach(() => jest.useFakeTimers());
    afterEach(() => jest.useRealTimers());

    it('are shared without waiting for the next look, repeatedly', async () => {
      for (const count of [6, 7]) {
        add(one, { a: count });
        tellNear(one);
        await soon();
      }
      expect(await top(other, 13)).toBe('a 13');
      const { writes } = state;
      tellNear(one);
      tellNear(one, 'nobody');
      await soon();
      expect(state.writes).toBe(writes);
    });

    it('are shared once the store is back', async () => {
      add(one, { a: 6 });
      state.away = true;
      tellNear(one);
      await soon();
      state.away = false;
      tellNear(one);
      await soon();
      expect(await top(other, 6)).toBe('a 6');
    });

    it('are shared after those being written', async () => {
      add(one, { a: 1 }, 'p');
      add(one, { a: 1 }, 'q');
      const swap = state.swap.bind(state);
      state.swap = async (...args) => {
        if (state.writes === 0) tellNear(one, 'q');
        return swap(...args);
      };
      tellNear(one, 'p');
      await soon();
      await soon();
      expect(await shared()).toBe(4);
      expect(jest.getTimerCount()).toBe(0);
    });

    it('are not shared if the category names none', async () => {
      unnamed.windows.forEach(() => one.count(unnamed, 'p', 'a', 1));
      tellNear(one, 'p', 'unnamed');
      one.near({ category: 'unknown', window: '', tenant: 'p', span: fixedSpans(MINUTE)(now) });
      await soon();
      expect(state.writes).toBe(0);
    });

    it('are shared with the next look if there are more than 50 such tenants', async () => {
      const tenants = Array.from({ length: 30 }, (_, i) => `t${i}`);
      for (const tenant of tenants) {
        add(one, { a: 1 }, tenant);
        tellNear(one, tenant);
      }
      await soon();
      expect(await shared()).toBe(50);
      await one.look(totals(true, tenants));
      expect(await shared()).toBe(60);
    });
  });

  it('are what this instance knows while the store is away', async () => {
    add(one, { a: 10 });
    await look();
    add(other, { a: 4 });
    state.away = true;
    expect([await top(one, 14), await top(other, 14)]).toEqual(['a 10, other 4', 'a 4, other 10']);
  });

  it('beyond 16 are not distinguished', async () => {
    for (let i = 0; i < 40; i++) add(one, { [`k${i}`]: 100 - i });
    for (let i = 0; i < 40; i++) add(other, { [`k${39 - i}`]: 1_000 });
    await look();
    await look();
    expect(await top(other, 50_000)).toMatch(/^k0 100, k1 99, k2 98, k3 97, k4 96, other \d+$/);
    const [text] = await state.list('contributors').then((records) => [...records.values()]);
    expect(Object.keys((JSON.parse(text as string) as { counts: object }).counts)).toHaveLength(16);
    add(one, { k0: 50, k20: 1_000 });
    await look();
    expect(await top(other, 50_000)).toMatch(/^k0 150, k1 99, k2 98, k3 97, k4 96, other \d+$/);
  });

  it('that are unknown take no room, and count as other', async () => {
    add(one, { [UNNAMED]: 100 });
    for (let i = 0; i < 15; i++) add(one, { [`k${i}`]: 1 });
    add(one, { big: 40 });
    await look();
    expect(await top(other, 155)).toBe('big 40, k0 1, k1 1, k2 1, k3 1, other 111');
    add(one, { [UNNAMED]: 7 }, 'q');
    expect(await top(one, 7, 'minute', 'q')).toBe('');
  });

  it('of a sliding window are those of its parts', async () => {
    for (let part = 0; part < 8; part++) {
      add(one, { a: 1 });
      now += MINUTE / SLIDING_PARTS;
      await look();
    }
    now -= 1;
    expect(await top(one, 6, 'sliding')).toBe('a 6');
    expect(await top(other, 6, 'sliding')).toBe('a 6');
  });

  it('of a sliding window are those of its last six parts, even if an older one is still known', async () => {
    for (let part = 0; part < 7; part++) {
      add(one, { a: 1 });
      now += MINUTE / SLIDING_PARTS;
    }
    now -= 1;
    state.away = true;
    expect(await top(one, 6, 'sliding')).toBe('a 6');
  });

  it('of a sliding window are named, even if some of its parts have none', async () => {
    add(one, { a: 2 });
    now += MINUTE / 2;
    expect(await top(one, 2, 'sliding')).toBe('a 2');
    state.away = true;
    expect(await top(one, 2, 'sliding')).toBe('a 2');
  });

  it('are removed after their window, here and in the store', async () => {
    add(one, { a: 1 });
    await look();
    expect(await state.size('contributors')).toBe(2);
    now += 3 * MINUTE;
    await look();
    expect(await state.size('contributors')).toBe(0);
    expect(await top(one, 1)).toBe('');
  });

  it.each([
    ['a minute after a window of a minute', category, MINUTE],
    ['ten minutes after a longer one', day, 10 * MINUTE],
  ])('are kept for %s, and no longer', async (_, of, keptMs) => {
    const [window] = of.windows as [CategoryWindow];
    const { end } = window.spanAt(now);
    one.count(of, 'p', 'a', 1);
    state.away = true;
    const known = async (): Promise<number> => {
      await one.look([]).catch(() => undefined);
      return (await one.top(of.name, window.name, 'p', end, 1)).length;
    };
    now = end + keptMs - 1;
    expect(await known()).toBe(1);
    now++;
    expect(await known()).toBe(0);
  });

  it('take bounded space, and those counted last keep theirs', async () => {
    for (let i = 0; i < 12_000; i++) {
      add(one, { a: 1 }, `t${i}`);
      if (i % 1_000 === 0) add(one, { a: 1 }, 'hot');
    }
    expect((one as unknown as { tables: Map<string, unknown> }).tables.size).toBe(10_000);
    expect(await top(one, 12, 'minute', 'hot')).toBe('a 12');
  });

  it('have labels on one line, of a bounded length', () => {
    expect(contributorLabel('sk-****wxyz')).toBe('sk-****wxyz');
    expect(contributorLabel(7)).toBe('7');
    expect(contributorLabel('other')).toBe('other [name]');
    expect(contributorLabel('other [name]')).toBe('other [name] [name]');
    expect(contributorLabel('a\n\u202eb')).toBe('a b');
    expect(contributorLabel('x'.repeat(1_000))).toHaveLength(60);
    expect([undefined, null, '', ' \n', {}, Promise.resolve('x')].map(contributorLabel)).toEqual(
      Array(6).fill(undefined),
    );
  });

  it('do not keep the headers that ids and labels were cut from', () => {
    const [tenants, headerBytes] = [3_000, 12_000];
    setFlagsFromString('--expose-gc');
    const heap = (): number => {
      (runInNewContext('gc') as () => void)();
      return process.memoryUsage().heapUsed;
    };
    const before = heap();
    for (let i = 0; i < tenants; i++) {
      const header = Buffer.from(`tenant-of-a-header-${i}`.padEnd(headerBytes, '.')).toString('latin1');
      one.count(category, header.slice(0, 36), contributorLabel(header.slice(5, 45)) as string, 1);
    }
    // Each has a table for each of two windows; the headers take 36 MB.
    expect(heap() - before).toBeLessThan((tenants * headerBytes) / 2);
  });

  it('may have names such as those of object members', async () => {
    one.count(category, 'p', '__proto__', 3);
    one.count(category, '__proto__', 'constructor', 2);
    await look();
    expect(await top(other, 3)).toBe('__proto__ 3');
    expect(await top(other, 2, 'minute', '__proto__')).toBe('constructor 2');
  });
});
