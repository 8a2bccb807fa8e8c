import { aBreach } from '../../../test/support/a-breach.js';
import { mostInATurn } from '../../../test/support/most-in-a-turn.js';
import { MemorySharedState } from '../../store/memory/memory-shared-state.js';
import type { DueRecords } from '../../store/shared-state.js';
import { withBreach, type Incident } from './incident.js';
import { IncidentRecords } from './incident-records.js';

/** State whose due times can be lost, as if evicted: the next look begins a generation. It can also be away. */
class BrittleState extends MemorySharedState {
  away = false;
  writes = 0;
  reads = 0;
  private generation = 0;
  private isNew = true;

  async loseDueTimes(kind: string): Promise<void> {
    for (const [id, text] of await super.list(kind)) await this.swap(kind, id, text, text);
    this.generation++;
    this.isNew = true;
  }

  override async due(...args: Parameters<MemorySharedState['due']>): Promise<DueRecords> {
    const isNew = this.isNew ? ({ isNew: true } as const) : {};
    this.isNew = false;
    return { ...(await super.due(...args)), generation: `${this.generation}`, ...isNew };
  }

  override swap(...args: Parameters<MemorySharedState['swap']>): ReturnType<MemorySharedState['swap']> {
    this.writes++;
    return super.swap(...args);
  }

  override read(...args: Parameters<MemorySharedState['read']>): ReturnType<MemorySharedState['read']> {
    this.reads++;
    return this.away ? Promise.reject(new Error('away')) : super.read(...args);
  }

  override list(...args: Parameters<MemorySharedState['list']>): ReturnType<MemorySharedState['list']> {
    return this.away ? Promise.reject(new Error('away')) : super.list(...args);
  }
}

describe('a due time that the store has lost', () => {
  const incident = { ...withBreach(undefined, aBreach(0), true, 0), lookAt: 5 };
  let state: BrittleState;

  beforeEach(async () => {
    state = new BrittleState();
    const before = new IncidentRecords(state, 'app', 10);
    await before.due(0);
    await before.change('a', () => incident);
    expect(await before.due(9)).toEqual(['a']);
    await state.loseDueTimes('incidents:app');
  });

  it('is restored in parts, one per turn of the event loop, like changes that begin together', async () => {
    const records = new IncidentRecords(state, 'app', 2_000);
    await records.due(0);
    const read = mostInATurn(() => state.reads);
    await Promise.all(Array.from({ length: 999 }, (_, i) => records.change(`more ${i}`, () => incident)));
    expect(read()).toBeLessThanOrEqual(100);
    await state.loseDueTimes('incidents:app');
    const written = mostInATurn(() => state.writes);
    await records.due(9);
    expect(written()).toBeLessThanOrEqual(100);
    expect(await state.due('incidents:app', 9, 2_000)).toHaveProperty('ids.length', 1_000);
  });

  it('is restored by a replica that starts after the loss', async () => {
    const started = new IncidentRecords(state, 'app', 10);
    expect(await started.due(9)).toEqual([]);
    expect(await started.due(9)).toEqual(['a']);
  });

  it('is restored even if all incidents were listed before the first look', async () => {
    const started = new IncidentRecords(state, 'app', 10);
    for await (const some of started.some()) expect(some).toEqual([]);
    await started.due(9);
    expect(await started.due(9)).toEqual(['a']);
  });

  it('is restored later if the store goes away meanwhile', async () => {
    const started = new IncidentRecords(state, 'app', 10);
    state.away = true;
    await expect(started.due(9)).rejects.toThrow('away');
    state.away = false;
    await started.due(9);
    expect(await started.due(9)).toEqual(['a']);
  });
});

describe('incidents', () => {
  const SEEN = 1_000;
  let state: BrittleState;
  let records: IncidentRecords;
  let other: IncidentRecords;
  const of = (tenant: string, more: Partial<Incident> = {}): Incident => ({
    ...withBreach(undefined, aBreach(0, { tenant: { id: tenant } }), true, SEEN),
    ...more,
  });
  const open = (on: IncidentRecords, id: string, more: Partial<Incident> = {}): Promise<Incident | undefined> =>
    on.change(id, () => of(id, { lookAt: SEEN, ...more }));
  const all = async (on: IncidentRecords): Promise<(readonly [string, Incident])[]> => {
    const found = [];
    for await (const some of on.some()) found.push(...some);
    return found;
  };
  const stored = async (): Promise<string[]> => [...(await state.list('incidents:app')).keys()].sort();
  const archived = (): Promise<number> => state.size('history:app');
  const goAway = async (): Promise<void> => {
    state.away = true;
    for (const each of [records, other]) await each.read(['x']);
  };
  const comeBack = async (): Promise<void> => {
    state.away = false;
    for (const each of [records, other]) await each.due(0);
  };

  beforeEach(async () => {
    jest.useFakeTimers();
    state = new BrittleState();
    [records, other] = [new IncidentRecords(state, 'app', 3), new IncidentRecords(state, 'app', 3)];
    await comeBack();
  });
  afterEach(() => jest.useRealTimers());

  it('are shared by all replicas', async () => {
    expect(records.lastSeen('a')).toBeUndefined();
    const a = await open(records, 'a');
    expect([records.size, records.lastSeen('a')]).toEqual([1, a]);
    expect(await other.read(['b', 'a'])).toEqual([undefined, a]);
    expect(await all(other)).toEqual([['a', a]]);
    expect((await other.newest()).incidents).toEqual([a]);
    await other.change('a', (there) => there && { ...there, calm: 7 });
    expect([records.lastSeen('a')?.calm, (await records.read(['a']))[0]?.calm]).toEqual([0, 7]);
    await other.due(0);
    expect(other.size).toBe(1);
    expect(records.isAway).toBe(false);
  });

  it('are not written by a replica that only looks, nor considered lost by one on its first look', async () => {
    const started = new IncidentRecords(state, 'app', 3);
    await open(started, 'a');
    const { writes } = state;
    for (let i = 0; i < 3; i++) {
      await all(started);
      await started.due(0);
    }
    expect([started.unwritten(), state.writes - writes]).toEqual([[], 0]);
  });

  it('are written again, once, if the store has lost their due times', async () => {
    await open(records, 'a');
    await state.loseDueTimes('incidents:app');
    const { writes } = state;
    for (let i = 0; i < 3; i++) await records.due(0);
    expect(state.writes - writes).toBe(1);
  });

  it('are removed if a change returns nothing', async () => {
    await open(records, 'a');
    expect(await records.change('a', () => undefined)).toBeUndefined();
    expect([await stored(), records.lastSeen('a'), await records.read(['a'])]).toEqual([[], undefined, [undefined]]);
    expect(await records.due(SEEN)).toEqual([]);
  });

  it('remember when their count was last read, here or with a breach', async () => {
    expect(records.countedAt('a')).toBe(0);
    const a = await open(records, 'a');
    expect(records.countedAt('a')).toBe(SEEN);
    records.noteCounted('a', { ...(a as Incident), total: 30 }, 5_000);
    expect([records.countedAt('a'), records.lastSeen('a')?.total]).toEqual([5_000, 30]);
    await records.change('a', (there) => there && { ...there, calm: 1 });
    expect([records.countedAt('a'), records.lastSeen('a')?.calm]).toEqual([5_000, 1]);
    expect(records.size).toBe(1);
  });

  it('are listed a few at a time, each once, even if one changes meanwhile', async () => {
    const many = new IncidentRecords(state, 'app', 1_000);
    for (let i = 0; i < 120; i++) await open(many, `t${i}`);
    const sizes: number[] = [];
    const found = new Set<string>();
    for await (const some of many.some()) {
      sizes.push(some.length);
      for (const [id] of some) found.add(id);
      await many.change('t0', (there) => there && { ...there, calm: 1, lookAt: 2 * SEEN });
    }
    expect([sizes, found.size]).toEqual([[50, 50, 20], 120]);
  });

  it('are not listed if they are removed meanwhile', async () => {
    await open(records, 'a');
    const due = state.due.bind(state);
    jest.spyOn(state, 'due').mockImplementationOnce(async (...args) => {
      const found = await due(...args);
      await state.trim('incidents:app', 0);
      return found;
    });
    expect(await all(other)).toEqual([]);
  });

  it('cannot be listed if the store goes away meanwhile', async () => {
    await open(records, 'a');
    state.away = true;
    const [next] = await Promise.allSettled([other.some().next()]);
    expect(next.status).toBe('rejected');
  });

  describe('while the store is away', () => {
    it('are changed in memory, and await their write when it is back', async () => {
      const a = await open(records, 'a', { lookAt: 5 });
      await goAway();
      expect(records.isAway).toBe(true);
      expect(await records.read(['a'])).toEqual([a]);
      const b = await open(records, 'b', { lookAt: 6 });
      await records.change('a', (there) => there && { ...there, calm: 1 });
      expect(await records.read(['a', 'b'])).toEqual([{ ...a, calm: 1 }, b]);
      expect((await all(records)).map(([id]) => id)).toEqual(['a', 'b']);
      expect((await records.newest()).incidents.map(({ tenant }) => tenant.id).sort()).toEqual(['a', 'b']);
      expect([records.dueHere(4), records.dueHere(5), records.dueHere(6)]).toEqual([[], ['a'], ['a', 'b']]);
      expect(records.unwritten()).toEqual([]);
      await comeBack();
      // The store has an older one: what is here is newer until it is written.
      expect((await records.read(['a']))[0]?.calm).toBe(1);
      expect((await all(records)).map(([, { calm }]) => calm)).toEqual([1, 0]);
      const taken = records.unwritten();
      expect(taken.map(([id, { calm }]) => [id, calm])).toEqual([
        ['b', 0],
        ['a', 1],
      ]);
      for (const [id, mine] of taken) await records.change(id, () => mine);
      expect([records.unwritten(), records.dueHere(6)]).toEqual([[], []]);
      expect((await other.read(['a', 'b'])).map((each) => each?.calm)).toEqual([1, 0]);
    });

    it('are changed in memory until a look at it succeeds', async () => {
      records.storeIsAway();
      await open(records, 'a');
      expect(await stored()).toEqual([]);
      await records.due(0);
      await open(records, 'a');
      expect(await stored()).toEqual(['a']);
    });

    it('and end, stay ended once it is back', async () => {
      await open(records, 'a');
      await goAway();
      await records.change('a', (there) => there && { ...there, closedAt: 9 });
      await comeBack();
      expect(await records.change('a', (there) => there && { ...there, calm: 1 })).toMatchObject({ closedAt: 9 });
      expect((await other.read(['a']))[0]).toMatchObject({ closedAt: 9, calm: 1 });
    });

    it('are changed in memory if it goes away during a change, and await another write if that fails', async () => {
      state.away = true;
      await open(records, 'a');
      expect([records.isAway, records.lastSeen('a')?.tenant.id]).toEqual([true, 'a']);
      await comeBack();
      const [[id, mine] = ['', of('x')]] = records.unwritten();
      state.away = true;
      await records.change(id, () => mine);
      await comeBack();
      expect(records.unwritten().map(([each]) => each)).toEqual(['a']);
    });

    it('are merged with the same incident that another replica has opened', async () => {
      const told = {
        hearing: { levels: { '': 1 }, when: 2_000, delivery: { status: 'delivered' as const, attempts: 1 } },
      };
      await goAway();
      await open(records, 'a', { told });
      await comeBack();
      await other.change('a', () => of('a', { raisedAt: 9_000 }));
      await records.change('a', (there) => there && { ...there, calm: 1 });
      expect((await other.read(['a']))[0]).toMatchObject({ calm: 1, told });
    });

    describe('keep their changes', () => {
      const delivery = { status: 'delivered' as const, attempts: 1 };
      const told = { hearing: { levels: { '': 1 }, when: 2_000, delivery } };
      const tell = () => records.change('a', (there) => there && { ...there, told });
      const known = () => records.unwritten().map(([id, mine]) => [id, mine.told, mine.calm]);

      it.each(['before', 'after'])('if the store answers an earlier change %s it is back', async (when) => {
        // As many as there is room for.
        for (const id of ['a', 'b', 'c']) await open(records, id);
        const swap = state.swap.bind(state);
        let answer = (): void => undefined;
        jest.spyOn(state, 'swap').mockImplementationOnce(async (...args) => {
          const swapped = await swap(...args);
          await new Promise<void>((resolve) => (answer = resolve));
          return swapped;
        });
        const changing = records.change('a', (there) => there && { ...there, calm: 1 });
        await jest.advanceTimersByTimeAsync(0);
        records.storeIsAway();
        await tell();
        if (when === 'after') await comeBack();
        answer();
        await changing;
        if (when === 'before') await comeBack();
        expect(known()).toEqual([['a', told, 1]]);
      });

      it('if they are written after a change has read that the store lacks them', async () => {
        await goAway();
        const a = await open(records, 'a');
        await comeBack();
        let answer = (): void => undefined;
        jest.spyOn(state, 'read').mockImplementationOnce(async () => {
          await new Promise<void>((resolve) => (answer = resolve));
          return [undefined];
        });
        const telling = tell();
        await jest.advanceTimersByTimeAsync(0);
        await records.change('a', () => a);
        answer();
        expect([(await telling)?.told, (await other.read(['a']))[0]?.told, known()]).toEqual([told, told, []]);
      });

      it('if they change while they are counted', async () => {
        const a = await open(records, 'a');
        await goAway();
        await tell();
        records.noteCounted('a', { ...(a as Incident), calm: 2 }, 5_000);
        await comeBack();
        expect(known()).toEqual([['a', told, 2]]);
      });
    });

    it('are read as last seen here if the store turns out to be away', async () => {
      const a = await open(records, 'a');
      state.away = true;
      expect((await records.newest()).incidents).toEqual([a]);
      expect(records.isAway).toBe(true);
      await comeBack();
      state.away = true;
      expect(await records.read(['a'])).toEqual([a]);
      expect(records.isAway).toBe(true);
      await comeBack();
      records.storeIsAway();
      expect([records.isAway, await other.read(['a'])]).toEqual([true, [a]]);
    });

    it('are not considered abandoned for two seconds after it is back', async () => {
      expect(records.isJustBack).toBe(false);
      await goAway();
      jest.advanceTimersByTime(60_000);
      await comeBack();
      expect(records.isJustBack).toBe(true);
      jest.advanceTimersByTime(1_999);
      await records.due(0);
      expect(records.isJustBack).toBe(true);
      jest.advanceTimersByTime(1);
      expect([records.isAway, records.isJustBack]).toEqual([false, false]);
      // Nor after it has lost its data.
      await state.loseDueTimes('incidents:app');
      await records.due(0);
      expect(records.isJustBack).toBe(true);
    });

    it('are left alone 5 ms longer for each, stored or known here, because others have as many to write', async () => {
      const many = new IncidentRecords(state, 'app', 1_000);
      for (let i = 0; i < 100; i++) await open(many, `t${i}`);
      const started = new IncidentRecords(state, 'app', 1_000);
      for (const each of [many, started]) {
        await each.due(0);
        each.storeIsAway();
      }
      jest.advanceTimersByTime(1_501);
      for (const each of [many, started]) await each.due(0);
      jest.advanceTimersByTime(2_499);
      expect([many.isJustBack, started.isJustBack]).toEqual([true, true]);
      jest.advanceTimersByTime(1);
      expect([many.isJustBack, started.isJustBack]).toEqual([false, false]);
      await state.trim('incidents:app', 0);
      await state.loseDueTimes('incidents:app');
      await many.due(0);
      jest.advanceTimersByTime(2_499);
      expect([many.size, many.isJustBack]).toEqual([0, true]);
    });

    it('are left alone for two seconds only, however many, if one command failed', async () => {
      const many = new IncidentRecords(state, 'app', 1_000);
      for (let i = 0; i < 100; i++) await open(many, `t${i}`);
      await many.due(0);
      many.storeIsAway();
      jest.advanceTimersByTime(1_500);
      const due = state.due.bind(state);
      jest.spyOn(state, 'due').mockImplementationOnce(async (...args) => {
        await many.change('t0', (there) => there && { ...there, calm: 1 });
        return due(...args);
      });
      await many.due(0);
      jest.advanceTimersByTime(1_999);
      expect(many.isJustBack).toBe(true);
      jest.advanceTimersByTime(1);
      expect(many.isJustBack).toBe(false);
    });

    it('report the outage as new for three seconds', async () => {
      expect(records.isJustAway).toBe(false);
      await goAway();
      jest.advanceTimersByTime(2_999);
      records.storeIsAway();
      expect(records.isJustAway).toBe(true);
      jest.advanceTimersByTime(1);
      expect(records.isJustAway).toBe(false);
    });
  });

  it('are restored by a replica that knows them if the store has lost its records', async () => {
    await open(records, 'a');
    await open(other, 'b');
    expect(records.unwritten()).toEqual([]);
    await state.trim('incidents:app', 0);
    await state.loseDueTimes('incidents:app');
    await comeBack();
    expect(records.unwritten().map(([id]) => id)).toEqual(['a']);
    // As when a channel confirms it before it is written.
    expect(await records.change('a', (there) => there && { ...there, calm: 1 })).toMatchObject({ calm: 1 });
    expect(await records.change('a', (there) => there && undefined)).toBeUndefined();
    const [[id, mine] = ['', of('x')], ...others] = records.unwritten();
    expect([id, mine.calm, others, await state.size('incidents:app')]).toEqual(['a', 1, [], 0]);
    await records.change(id, (there = mine) => there);
    await comeBack();
    expect(records.unwritten()).toEqual([]);
  });

  it('are all written again if a failover after an outage lost them or their last change', async () => {
    const many = new IncidentRecords(state, 'app', 2_000);
    await many.due(0);
    for (let i = 0; i < 600; i++) await open(many, `t${i}`, { lookAt: 9_000 });
    const acknowledged = await state.list('incidents:app');
    const told = {
      hearing: { levels: { '': 1 }, when: 2_000, delivery: { status: 'delivered' as const, attempts: 1 } },
    };
    for (const id of acknowledged.keys()) await many.change(id, (there) => there && { ...there, told });
    many.storeIsAway();
    for (const [id, text] of await state.list('incidents:app'))
      await state.swap('incidents:app', id, text, Number(id.slice(1)) % 2 ? acknowledged.get(id) : undefined);
    await many.due(0);
    const taken = many.unwritten();
    expect([taken.length, taken.every(([, incident]) => incident.told === told)]).toEqual([600, true]);
  });

  describe('that another replica has handled meanwhile', () => {
    const look = async (until: number): Promise<void> => {
      for (const each of [records, other]) await each.due(until);
    };
    const endedByOther = async (id: string): Promise<void> => {
      const [there] = await other.read([id]);
      await other.change(id, () => ({ ...(there as Incident), closedAt: 9 }));
      await other.archive(id, { ...(there as Incident), closedAt: 9 });
    };

    it('and ended are not reopened after an outage or a loss of data', async () => {
      await open(records, 'a', { lookAt: 5 });
      await open(records, 'b', { lookAt: 5_000 });
      await endedByOther('a');
      await look(1_005);
      expect(records.lastSeen('a')).toBeDefined();
      await look(1_006);
      await goAway();
      expect(records.dueHere(9_000)).toEqual(['b']);
      await comeBack();
      await state.loseDueTimes('incidents:app');
      await comeBack();
      expect(records.unwritten().map(([id]) => id)).toEqual(['b']);
    });

    it('and that continue are known here in their latest state, so that they can be restored', async () => {
      await open(records, 'a', { lookAt: 5 });
      await other.change('a', (there) => there && { ...there, calm: 1, lookAt: 9_000 });
      await look(1_006);
      expect(records.lastSeen('a')?.calm).toBe(1);
      await other.change('a', (there) => there && { ...there, calm: 2 });
      await look(1_006);
      expect(records.lastSeen('a')?.calm).toBe(1);
    });

    describe('and whose place a new one has taken', () => {
      const endOf = (id: string): string => `${id}~${of(id).uid}`;
      const uid = of('a').uid;
      const next = { uid: 'next', raisedAt: 10_000, lookAt: 99_000 };
      const taken = () => records.unwritten().map(([id, mine]) => [id, mine.uid, mine.tenant.id]);

      it('are restored half a minute after that, to be ended, if nobody has written their end', async () => {
        await open(records, 'a', { lookAt: 5 });
        await other.change('a', () => of('a', next));
        await records.due(1_006);
        expect(records.lastSeen('a')?.uid).toBe('next');
        await records.due(41_000);
        expect(taken()).toEqual([]);
        await records.due(41_001);
        expect(taken()).toEqual([[endOf('a'), uid, 'a']]);
      });

      it('are not restored before they are due', async () => {
        await open(records, 'a', { lookAt: 60_000 });
        await other.change('a', () => of('a', next));
        await goAway();
        await comeBack();
        await records.due(61_000);
        expect(taken()).toEqual([]);
        await records.due(61_001);
        expect(taken()).toEqual([[endOf('a'), uid, 'a']]);
      });

      it('are restored, too, if the store had lost them when this replica began the new one', async () => {
        await open(records, 'a', { lookAt: 5 });
        await state.trim('incidents:app', 0);
        await records.change('a', () => of('a', next));
        await records.due(41_001);
        expect(taken()).toEqual([[endOf('a'), uid, 'a']]);
      });

      it('are not restored if they are in the history', async () => {
        await open(records, 'a', { lookAt: 5 });
        await endedByOther('a');
        await other.change('a', () => of('a', next));
        for (const until of [1_006, 41_001]) await records.due(until);
        expect([taken(), records.lastSeen(endOf('a'))]).toEqual([[], undefined]);
      });
    });

    it('keep a change that this replica made during the look', async () => {
      await open(records, 'a', { lookAt: 5 });
      const due = state.due.bind(state);
      jest.spyOn(state, 'due').mockImplementationOnce(async (...args) => {
        await records.change('a', (there) => there && { ...there, calm: 7, lookAt: 9_000 });
        return due(...args);
      });
      await records.due(1_006);
      expect(records.lastSeen('a')?.calm).toBe(7);
    });

    it('do not include those that only this replica has, for lack of room', async () => {
      for (const id of ['a', 'b', 'c', 'd']) await open(records, id, { lookAt: 5 });
      await look(1_006);
      expect(['a', 'd'].map((id) => records.lastSeen(id) !== undefined)).toEqual([true, true]);
    });

    it('are not considered ended by a look during which the store loses its data', async () => {
      await open(records, 'a', { lookAt: 5 });
      const due = state.due.bind(state);
      jest.spyOn(state, 'due').mockImplementationOnce(async (...args) => {
        const found = await due(...args);
        await state.trim('incidents:app', 0);
        await state.loseDueTimes('incidents:app');
        return found;
      });
      for (let i = 0; i < 2; i++) await records.due(1_006);
      expect(records.unwritten().map(([id]) => id)).toEqual(['a']);
    });

    it('are read 500 at a time', async () => {
      await other.archive('x', of('x', { closedAt: 9 }));
      for (let i = 0; i < 501; i++) records.noteCounted(`t${i}`, of('x', { lookAt: 5 }), 0);
      await records.due(1_006);
      expect([0, 499, 500].map((i) => records.lastSeen(`t${i}`) !== undefined)).toEqual([false, false, true]);
    });
  });

  describe('that the store lost after it had acknowledged them', () => {
    const lose = async (id: string): Promise<unknown> => {
      const [text] = await state.read('incidents:app', [id]);
      return state.swap('incidents:app', id, text, undefined);
    };
    const taken = () => records.unwritten().map(([id]) => id);
    const endOthers = async (count: number, firstAt: number): Promise<void> => {
      for (let i = 0; i < count; i++)
        await other.archive(`o${i}`, of(`o${i}`, { closedAt: i === 0 ? firstAt : SEEN + i }));
    };

    beforeEach(async () => {
      for (const id of ['a', 'b']) await open(records, id, { lookAt: 5 });
      await lose('a');
    });

    it('are restored once they are due, and not ended until others can have restored theirs', async () => {
      await records.due(1_005);
      expect([taken(), records.isJustBack]).toEqual([[], false]);
      await records.due(1_006);
      expect([taken(), records.isJustBack]).toEqual([['a'], true]);
    });

    it('are restored at once if the store was away', async () => {
      await goAway();
      await comeBack();
      expect(taken()).toEqual(['a']);
    });

    it('are considered ended if the history may have dropped them since', async () => {
      await endOthers(500, SEEN);
      await records.due(1_006);
      expect([taken(), records.lastSeen('a')]).toEqual([[], undefined]);
    });

    it.each([
      ['the history still has what ended before', 500, SEEN - 1],
      ['the history is not full', 499, SEEN],
    ])('are restored as long as %s', async (_, count, firstAt) => {
      await endOthers(count, firstAt);
      await records.due(1_006);
      expect(taken()).toEqual(['a']);
    });

    it('are not restored if a newer version has ended them', async () => {
      await state.swap('history:app', of('a').uid, undefined, JSON.stringify({ ...of('a'), schema: 2 }));
      await records.due(1_006);
      expect([taken(), records.lastSeen('a')]).toEqual([[], undefined]);
    });
  });

  it('of a newer version are left alone', async () => {
    await open(records, 'a');
    const [before] = await state.read('incidents:app', ['a']);
    const text = JSON.stringify({ ...of('a'), schema: 2 });
    await state.swap('incidents:app', 'a', before, text);
    await expect(open(records, 'a')).rejects.toThrow('newer version');
    expect([records.isAway, await state.read('incidents:app', ['a'])]).toEqual([false, [text]]);
    // Nor taken for lost, look after look.
    expect(records.lastSeen('a')).toBeUndefined();
  });

  describe('beyond the maximum', () => {
    const hearing = { levels: { '': 1 }, when: 2_000, delivery: { status: 'delivered' as const, attempts: 1 } };

    beforeEach(async () => {
      for (const id of ['a', 'b', 'c']) await open(records, id);
    });

    it('are kept in the memory of one replica only, at most as many again', async () => {
      expect(await open(records, 'd')).toMatchObject({ tenant: { id: 'd' } });
      expect([records.isAlone('d'), records.isAlone('a'), await stored()]).toEqual([true, false, ['a', 'b', 'c']]);
      expect(await records.change('d', (there) => there && { ...there, calm: 1 })).toMatchObject({ calm: 1 });
      expect((await all(records)).map(([id]) => id)).toEqual(['a', 'b', 'c', 'd']);
      for (const id of ['e', 'f']) expect(await open(records, id)).toBeDefined();
      expect([await open(records, 'g'), records.lastSeen('g')]).toEqual([undefined, undefined]);
      expect(await records.change('d', (there) => there && { ...there, calm: 2 })).toMatchObject({ calm: 2 });
      expect([records.size, records.unwritten()]).toEqual([3, []]);
      await records.change('a', () => undefined);
      expect(records.size).toBe(3);
    });

    it('do not affect those that are already open', async () => {
      expect(await records.change('a', (there) => there && { ...there, calm: 1 })).toMatchObject({ calm: 1 });
      expect([(await other.read(['a']))[0]?.calm, records.isAlone('a')]).toEqual([1, false]);
      expect(await records.change('x', () => undefined)).toBeUndefined();
      expect([records.isAlone('x'), records.isAway]).toEqual([false, false]);
    });

    it('do not include those that changed while the store was away, which are written when it is back', async () => {
      await goAway();
      await records.change('a', (there) => there && { ...there, calm: 1 });
      await open(records, 'd');
      expect([records.isAlone('a'), records.isAlone('d')]).toEqual([false, false]);
      await comeBack();
      expect(records.isAlone('a')).toBe(false);
      for (const [id, mine] of records.unwritten()) await records.change(id, () => mine);
      expect([records.isAlone('a'), records.isAlone('d')]).toEqual([false, true]);
      expect([(await other.read(['a']))[0]?.calm, await stored(), records.unwritten()]).toEqual([
        1,
        ['a', 'b', 'c'],
        [],
      ]);
    });

    it('do not include those whose last change the store did not take or has lost', async () => {
      const ids = () => records.unwritten().map(([id]) => id);
      const [before] = await state.read('incidents:app', ['a']);
      await records.change('a', (there) => there && { ...there, told: { hearing } });
      const [after] = await state.read('incidents:app', ['a']);
      await state.swap('incidents:app', 'a', after, before);
      await records.due(SEEN + 1_001);
      expect([records.isAlone('a'), ids()]).toEqual([false, ['a']]);
      state.away = true;
      await records.change('b', (there) => there && { ...there, calm: 1 });
      await comeBack();
      expect([records.isAlone('b'), ids()]).toEqual([false, ['a', 'b']]);
      await state.loseDueTimes('incidents:app');
      await records.due(0);
      expect(ids().sort()).toEqual(['a', 'b', 'c']);
    });

    it('are written once there is room', async () => {
      await open(records, 'd');
      await other.change('a', () => undefined);
      await records.due(0);
      expect(records.isAlone('d')).toBe(false);
      for (const [id, mine] of records.unwritten()) await records.change(id, () => mine);
      expect(await stored()).toEqual(['b', 'c', 'd']);
    });

    it('are written if they have ended, because the history has room', async () => {
      await records.change('d', () => of('d', { closedAt: 5 }));
      expect([records.isAlone('d'), await stored()]).toEqual([false, ['a', 'b', 'c', 'd']]);
    });
  });

  describe('that are finished', () => {
    const close = async (id: string): Promise<Incident> =>
      (await records.change(id, (there) => there && { ...there, closedAt: 9 })) as Incident;

    it('are moved to the history', async () => {
      await open(records, 'a');
      await records.archive('a', await close('a'));
      expect([await stored(), await archived(), records.lastSeen('a')]).toEqual([[], 1, undefined]);
      expect((await other.newest()).incidents.map(({ closedAt }) => closedAt)).toEqual([9]);
    });

    it('are told apart from those that continued here after that end', async () => {
      await other.archive('a', of('a', { closedAt: 9 }));
      const [first] = of('a').windows;
      const later = of('a', { windows: [{ ...first, start: 60_000 } as Incident['windows'][number]] });
      expect((await records.ended([of('b'), of('a'), later])).map((one) => one?.closedAt)).toEqual([
        undefined,
        9,
        undefined,
      ]);
    });

    it('do not remove another one that took their place', async () => {
      await open(records, 'a');
      const closed = await close('a');
      await other.change('a', () => of('a', { uid: 'another' }));
      await records.archive('a', closed);
      expect([await stored(), await archived()]).toEqual([['a'], 1]);
      await other.change('a', () => ({ ...of('a'), uid: closed.uid }));
      await records.archive('a', closed);
      expect(await stored()).toEqual(['a']);
    });

    it('stay while the store lacks their last state or is away', async () => {
      await open(records, 'a');
      await goAway();
      const closed = await close('a');
      await comeBack();
      await records.archive('a', closed);
      expect([await archived(), records.lastSeen('a')]).toEqual([0, closed]);
      for (const [id, mine] of records.unwritten()) await records.change(id, () => mine);
      state.away = true;
      await records.archive('a', closed);
      expect(records.lastSeen('a')).toEqual(closed);
      state.away = false;
      await records.archive('a', closed);
      expect([await archived(), records.lastSeen('a')]).toEqual([1, undefined]);
    });

    it('are also moved there from memory, if there was no room in the store', async () => {
      for (const id of ['a', 'b', 'c', 'd']) await open(records, id);
      await records.archive('d', of('d', { closedAt: 9 }));
      expect([await archived(), records.isAlone('d'), records.lastSeen('d')]).toEqual([1, false, undefined]);
    });

    it('are limited to 500 in the history, trimmed after every 20', async () => {
      const archive = async (name: string, most: number) => {
        for (let i = 0; i < most; i++) await records.archive(`${name}${i}`, of(`${name}${i}`, { closedAt: 9 }));
        await records.lookAtHistory();
      };
      await archive('t', 520);
      expect(await archived()).toBe(500);
      await archive('u', 19);
      expect(await archived()).toBe(519);
      await archive('v', 1);
      expect(await archived()).toBe(500);
    });
  });

  it('are listed while they are open, however many newer ones there are', async () => {
    await open(records, 'a', { raisedAt: 1 });
    for (let i = 0; i < 500; i++) await other.archive(`h${i}`, of(`h${i}`, { raisedAt: 1_000 + i, closedAt: 2_000 }));
    const { incidents: listed } = await records.newest();
    expect([listed.length, listed.at(-1)?.raisedAt, listed.at(-2)?.raisedAt, listed[0]?.raisedAt]).toEqual([
      ...[500, 1, 1_001, 1_499],
    ]);
  });

  it('are listed with those that ended last, whenever they began, and say since when none of them is missing', async () => {
    const since = async () => (await records.newest()).completeSince;
    for (let i = 1; i < 500; i++)
      await other.archive(`h${i}`, of(`h${i}`, { raisedAt: 1_000 + i, closedAt: 2_000 + i }));
    expect(await since()).toBe(-Infinity);
    await other.archive('long', of('long', { raisedAt: 1, closedAt: 3_000 }));
    expect(await since()).toBe(2_001);
    for (const id of ['a', 'b']) await open(records, id, { raisedAt: 4_000 });
    const { incidents } = await records.newest();
    expect([incidents.length, incidents.at(-1)?.raisedAt, incidents.at(-2)?.raisedAt]).toEqual([500, 1, 1_003]);
    expect(await since()).toBe(2_003);
    // Not the open ones that began first either, however many ends are yet to be sent.
    const many = new IncidentRecords(state, 'app', 1_000);
    await open(many, 'first', { raisedAt: 0 });
    for (let i = 0; i < 497; i++) await open(many, `o${i}`, { raisedAt: 5_000, closedAt: 6_000 });
    const { incidents: most, completeSince } = await many.newest();
    expect([most.length, most.at(-1)?.raisedAt, completeSince]).toEqual([500, 0, 6_000]);
  });

  it('are listed with the reason if ended ones cannot be read, even while another replica can', async () => {
    const refused = new Error('NOPERM');
    const a = await open(records, 'a');
    jest.spyOn(state, 'list').mockRejectedValueOnce(refused);
    const lists = await Promise.all([records.newest(), other.newest(), records.newest()]);
    expect(lists.map(({ unread }) => unread)).toEqual([refused, undefined, undefined]);
    expect(lists.map(({ incidents }) => incidents)).toEqual([[a], [a], [a]]);
  });

  describe('that cannot be read or written', () => {
    const refused = new Error('NOPERM');
    const reads = () => (state.list as jest.Mock).mock.calls.length;
    const refuse = (method: 'list' | 'swap') => jest.spyOn(state, method).mockRejectedValueOnce(refused);

    it('have the history read again at each look, which says why that fails, until it succeeds', async () => {
      await open(records, 'a');
      refuse('list');
      await records.newest();
      refuse('list');
      await expect(records.lookAtHistory()).rejects.toBe(refused);
      let before = reads();
      for (let i = 0; i < 2; i++) await records.lookAtHistory();
      expect(reads() - before).toBe(1);
      refuse('swap');
      await records.archive('a', of('a', { closedAt: 9 }));
      before = reads();
      for (let i = 0; i < 2; i++) await records.lookAtHistory();
      expect(reads() - before).toBe(1);
    });

    it('do not have it read again if nothing failed, or if the whole store was away', async () => {
      jest.spyOn(state, 'list');
      await records.lookAtHistory();
      expect(reads()).toBe(0);
      await records.newest();
      state.away = true;
      await records.newest();
      await comeBack();
      const before = reads();
      await records.lookAtHistory();
      expect(reads()).toBe(before);
    });

    it.each([
      ['change', () => open(records, 'a')],
      ['move to the history', () => records.archive('a', of('a', { closedAt: 9 }))],
    ])('say why for 15 s, after a %s that was refused', async (_, write) => {
      expect(() => records.throwIfRefused()).not.toThrow();
      refuse('swap');
      await write();
      jest.advanceTimersByTime(14_999);
      expect(() => records.throwIfRefused()).toThrow(refused);
      jest.advanceTimersByTime(1);
      expect(() => records.throwIfRefused()).not.toThrow();
    });
  });

  it('are listed newest first, each once, 500 at most', async () => {
    for (let i = 1; i <= 500; i++)
      await state.swap(
        'history:app',
        `h${i}`,
        undefined,
        JSON.stringify(of(`h${i}`, { raisedAt: 499 + i, closedAt: i })),
      );
    await open(records, 'a', { raisedAt: 998.5 });
    const raised = async () => (await records.newest()).incidents.map(({ raisedAt }) => raisedAt);
    expect(await raised()).toHaveLength(500);
    expect((await raised()).slice(0, 3)).toEqual([999, 998.5, 998]);
    // It is being moved to the history.
    await state.swap('history:app', 'a', undefined, JSON.stringify(of('a', { raisedAt: 998.5 })));
    expect((await raised()).slice(0, 3)).toEqual([999, 998.5, 998]);
    records.storeIsAway();
    state.away = true;
    expect(await raised()).toEqual([998.5]);
  });

  it('are forgotten, oldest first, by a replica that has seen very many, except those that only it knows', async () => {
    await goAway();
    await open(records, 'alone');
    await comeBack();
    for (let i = 0; i < 2_010; i++) records.noteCounted(`t${i}`, of('x'), 0);
    records.forget();
    expect(records.lastSeen('alone')).toBeDefined();
    expect([7, 8].map((i) => records.lastSeen(`t${i}`) !== undefined)).toEqual([false, true]);
  });
});
