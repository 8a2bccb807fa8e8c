import { setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import type { Category, CategoryWindow } from '../model/category.js';
import type { Breach } from '../model/breach.js';
import type { LiveTotal } from '../model/live-total.js';
import { MemorySharedState } from '../store/memory/memory-shared-state.js';
import { Contributors, contributorLabel } from './contributors.js';
import { fixedSpans, slidingSpans, SLIDING_PARTS } from '../model/window-spans.js';

const MINUTE = 60_000;
/** Less than an alert waits for other instances. */
const SOON_MS = 100;

/** Loses answers, and all it has, on request. */
class BrittleState extends MemorySharedState {
  away = false;
  losesAnswers = false;
  writes = 0;

  override async swap(...args: Parameters<MemorySharedState['swap']>): ReturnType<MemorySharedState['swap']> {
    if (this.away) throw new Error('away');
    this.writes++;
    const swapped = await super.swap(...args);
    if (this.losesAnswers) throw new Error('lost');
    return swapped;
  }

  override read(...args: Parameters<MemorySharedState['read']>): ReturnType<MemorySharedState['read']> {
    return this.away ? Promise.reject(new Error('away')) : super.read(...args);
  }
}

describe('contributors', () => {
  const category = {
    name: 'llm_call',
    contributor: () => undefined,
    windows: [
      { name: 'minute', levels: [], windowMs: MINUTE, spanAt: fixedSpans(MINUTE) },
      { name: 'sliding', levels: [], windowMs: MINUTE, spanAt: slidingSpans(MINUTE), parts: SLIDING_PARTS },
    ],
  } as unknown as Category;
  let state: BrittleState;
  let now: number;
  let one: Contributors;
  let other: Contributors;
  const replica = (): Contributors => new Contributors(state, new Map([['llm_call', category]]), () => now);
  const add = (to: Contributors, counts: Record<string, number>, tenant = 'p'): void => {
    for (const [label, count] of Object.entries(counts)) to.count(category, tenant, label, count);
  };
  const live = ({ name, spanAt }: CategoryWindow, tenant: string, isNear: boolean): LiveTotal => ({
    ...{ category: 'llm_call', window: name, tenant, span: spanAt(now) },
    ...{ known: isNear ? 6 : 5, threshold: 10 },
  });
  const look = async (isNear = true): Promise<void> => {
    const totals = ['p', '__proto__'].flatMap((tenant) =>
      category.windows.map((window) => live(window, tenant, isNear)),
    );
    for (const replica of [one, other]) await replica.look(totals).catch(() => undefined);
  };
  const top = async (of: Contributors, count: number, window = 'minute', tenant = 'p'): Promise<string> => {
    const end = category.windows.find(({ name }) => name === window)?.spanAt(now).end as number;
    const named = await of.top('llm_call', window, tenant, end, count);
    return named.map(({ label, count }) => `${label} ${count}`).join(', ');
  };

  beforeEach(() => {
    [state, now] = [new BrittleState(), 100 * MINUTE];
    [one, other] = [replica(), replica()];
  });

  it('of all instances are named with their shares, the largest first', async () => {
    add(one, { a: 10, b: 3 });
    add(other, { b: 9, c: 1 });
    await look();
    add(one, { a: 5 });
    expect(await top(one, 30)).toBe('a 15, b 12, c 1, other 2');
    expect(await top(other, 28)).toBe('a 15, b 12, c 1');
    expect(await top(one, 28, 'minute', 'q')).toBe('');
  });

  it('are written only if a level is near', async () => {
    add(one, { a: 10 });
    await look(false);
    expect([state.writes, await top(other, 10)]).toEqual([0, '']);
    await look(true);
    expect(await top(other, 10)).toBe('a 10');
  });

  describe('of an alert', () => {
    const breach = (count: number, own: number, window = 'minute', id = 'p'): Breach => ({
      ...{ category: 'llm_call', window, tenant: { id }, count, own, threshold: 4, countedBy: 'all' },
      ...{ level: { at: 1, severity: 'warning' }, windowStart: now },
      windowEnd: category.windows.find(({ name }) => name === window)?.spanAt(now).end as number,
    });
    const quickly = (alert: Promise<Breach>): Promise<Breach | undefined> =>
      Promise.race([alert, wait(SOON_MS, undefined)]);

    it.each(['minute', 'sliding'])(
      'are asked for, even if its tenant is near no level that others know: %s',
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
    });

    it('have no fractions that nobody counted', async () => {
      for (let i = 0; i < 100; i++) add(one, { a: 0.07, b: 0.1 });
      expect((await one.withContributors(breach(17, 17))).contributors).toEqual([
        { label: 'b', count: 10 },
        { label: 'a', count: 7 },
      ]);
    });
  });

  it('are counted once, even if answers are lost, and are put back after a loss', async () => {
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

  it('are what this instance knows while the store is away', async () => {
    add(one, { a: 10 });
    await look();
    add(other, { a: 4 });
    state.away = true;
    expect([await top(one, 14), await top(other, 14)]).toEqual(['a 10, other 4', 'a 4, other 10']);
  });

  it('beyond 16 are not told apart', async () => {
    for (let i = 0; i < 40; i++) add(one, { [`k${i}`]: 100 - i });
    for (let i = 0; i < 40; i++) add(other, { [`k${39 - i}`]: 1_000 });
    await look();
    await look();
    expect(await top(other, 50_000)).toMatch(/^k0 100, k1 99, k2 98, k3 97, k4 96, other \d+$/);
    const [text] = await state.list('contributors').then((records) => [...records.values()]);
    expect(Object.keys((JSON.parse(text as string) as { counts: object }).counts)).toHaveLength(16);
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

  it('go when their window is past, here and in the store', async () => {
    add(one, { a: 1 });
    await look();
    expect(await state.size('contributors')).toBe(2);
    now += 3 * MINUTE;
    await look();
    expect(await state.size('contributors')).toBe(0);
    expect(await top(one, 1)).toBe('');
  });

  it('take a bounded room, and those counted last keep theirs', async () => {
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
    expect(contributorLabel('a\n\u202eb')).toBe('a b');
    expect(contributorLabel('x'.repeat(1_000))).toHaveLength(60);
    expect([undefined, null, '', ' \n', {}, Promise.resolve('x')].map(contributorLabel)).toEqual(
      Array(6).fill(undefined),
    );
  });

  it('keep nothing of the headers that ids and labels were cut out of', () => {
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

  it('may be called as parts of objects are', async () => {
    one.count(category, 'p', '__proto__', 3);
    one.count(category, '__proto__', 'constructor', 2);
    await look();
    expect(await top(other, 3)).toBe('__proto__ 3');
    expect(await top(other, 2, 'minute', '__proto__')).toBe('constructor 2');
  });
});
