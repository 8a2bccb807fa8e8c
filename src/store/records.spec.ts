import { MemorySharedState } from './memory/memory-shared-state.js';
import { NewerRecord, Records, scopeOf, unlessNewer, withStore } from './records.js';

interface Count {
  count: number;
  at?: number;
}

const isOne = ({ count }: Partial<Count>): boolean => typeof count === 'number';
const ONE = '{"schema":1,"count":1}';
const NEWER = '{"schema":2,"count":2}';

describe('Records', () => {
  let state: MemorySharedState;
  let records: Records<Count>;
  let reads: jest.SpyInstance;
  let swaps: jest.SpyInstance;

  const write = (id: string, text: string, due?: number) => state.swap('counts', id, undefined, text, due);
  const textOf = async (id: string) => (await state.read('counts', [id]))[0];
  /** Another replica writes `text` just before each of the next swaps. */
  const outrun = (...texts: string[]) => {
    const swap = MemorySharedState.prototype.swap.bind(state);
    swaps.mockImplementation(async (...args: Parameters<MemorySharedState['swap']>) => {
      const text = texts.shift();
      if (text !== undefined) await swap('counts', args[1], await textOf(args[1]), text);
      return swap(...args);
    });
  };

  beforeEach(() => {
    state = new MemorySharedState();
    records = new Records<Count>(state, 'counts', ({ at }) => at, isOne);
    reads = jest.spyOn(state, 'read');
    swaps = jest.spyOn(state, 'swap');
  });

  describe('reads', () => {
    it.each([
      ['no JSON', '{"count":'],
      ['no object', '7'],
      ['null', 'null'],
      ['of another shape', '{"schema":1,"counts":[1]}'],
      ['of a newer version', NEWER],
    ])('one that is %s as missing', async (_what, text) => {
      await write('odd', text);
      await write('good', ONE);
      expect(await records.readAll(['odd', 'good', 'none'])).toEqual([undefined, { count: 1 }, undefined]);
      expect(await records.read('odd')).toBeUndefined();
      expect([...(await records.entries())]).toEqual([['good', { count: 1 }]]);
      expect(await records.list()).toEqual([{ count: 1 }]);
    });

    it('one without a schema number as missing', async () => {
      await write('old', '{"count":3}');
      expect(await records.read('old')).toEqual({ count: 3 });
    });

    it('as many as asked for, newest first', async () => {
      for (const count of [1, 2, 3]) await write(`${count}`, JSON.stringify({ schema: 1, count }));
      expect(await records.list(2)).toEqual([{ count: 3 }, { count: 2 }]);
      expect([...(await records.entries(1)).keys()]).toEqual(['3']);
    });

    it('any object by default, and lists none as due without due times', async () => {
      const any = new Records(state, 'counts');
      for (const text of ['7', '[1]', 'null']) await write(text, text);
      expect(await any.list()).toEqual([]);
      await write('1', '{"schema":1,"what":"ever"}');
      expect(await any.read('1')).toEqual({ what: 'ever' });
      await any.change('1', () => ({ what: 'else' }));
      expect(await any.due(Infinity, 9)).toMatchObject({ ids: [] });
    });
  });

  describe('changes', () => {
    it('a missing one, with its due time', async () => {
      expect(await records.change('1', (before) => before ?? { count: 1, at: 7 })).toEqual({
        before: undefined,
        after: { count: 1, at: 7 },
      });
      expect(await textOf('1')).toBe('{"schema":1,"count":1,"at":7}');
      expect([await records.due(6, 9), await records.due(7, 9)]).toMatchObject([{ ids: [] }, { ids: ['1'] }]);
    });

    it('one that was read before, without reading it again', async () => {
      await write('1', ONE);
      const seen = (await records.read('1')) as Count;
      for (const calls of [reads, swaps]) calls.mockClear();
      expect(await records.change('1', () => ({ count: 2 }), seen)).toEqual({
        before: { count: 1 },
        after: { count: 2 },
      });
      expect([reads, swaps].map((calls) => calls.mock.calls.length)).toEqual([0, 1]);
    });

    it("one that another replica changes meanwhile, starting from that replica's version", async () => {
      await write('1', ONE);
      const seen = await records.read('1');
      outrun('{"schema":1,"count":10}', '{"schema":1,"count":20}');
      const changed = await records.change('1', (before) => ({ count: (before?.count ?? 0) + 1 }), seen);
      expect(changed).toEqual({ before: { count: 20 }, after: { count: 21 } });
      expect(await records.read('1')).toEqual({ count: 21 });
    });

    it('one of another shape as if it were missing, and replaces it', async () => {
      await write('1', '{"schema":1,"counts":[1]}');
      expect(await records.change('1', (before) => before ?? { count: 2 })).toEqual({
        before: undefined,
        after: { count: 2 },
      });
      expect(await textOf('1')).toBe('{"schema":1,"count":2}');
    });

    it('nothing, and writes nothing, if the result is the same', async () => {
      await write('1', ONE);
      await write('without a schema', '{"count":1}');
      swaps.mockClear();
      await records.change('without a schema', (before) => before);
      expect(await records.change('1', (before) => before)).toEqual({ before: { count: 1 }, after: { count: 1 } });
      expect(await records.change('1', () => ({ count: 1 }))).toEqual({ before: { count: 1 }, after: { count: 1 } });
      expect(await records.change('none', () => undefined)).toEqual({ before: undefined, after: undefined });
      expect(swaps).not.toHaveBeenCalled();
    });

    it('a record by deleting it, even an unreadable one', async () => {
      for (const text of [ONE, '{"count":']) {
        await write('1', text);
        await records.change('1', () => undefined);
        expect(await textOf('1')).toBeUndefined();
      }
    });

    it('no record that a newer version wrote, before or meanwhile', async () => {
      const change = () => records.change('1', () => ({ count: 3 }));
      await write('1', NEWER);
      await expect(change()).rejects.toThrow(new NewerRecord('a record of counts was written by a newer version'));
      expect(await textOf('1')).toBe(NEWER);
      await state.swap('counts', '1', NEWER, ONE);
      outrun(NEWER);
      await expect(change()).rejects.toThrow(NewerRecord);
      expect(await textOf('1')).toBe(NEWER);
    });

    it('one that others keep changing, with 50 attempts at most', async () => {
      const text = (count: number): string => JSON.stringify({ schema: 1, count });
      const change = () => records.change('1', (before) => ({ count: (before?.count ?? 0) - 100 }));
      outrun(...Array.from({ length: 49 }, (_, i) => text(i)));
      expect((await change()).before).toEqual({ count: 48 });
      outrun(...Array.from({ length: 50 }, (_, i) => text(i)));
      await expect(withStore('Not set', change)).rejects.toThrow(
        'Not set: other replicas keep changing a record of counts',
      );
    });
  });

  it('rewrites the records that it can read with their due times, as many as asked for', async () => {
    await write('least', '{"schema":1,"count":1,"at":3}');
    await write('newer', '{"schema":2,"count":1,"at":3}');
    await write('broken', '{"count":');
    const ids = Array.from({ length: 120 }, (_, i) => `${i}`);
    for (const id of ids) await write(id, '{"schema":1,"count":1,"at":4}');
    await records.rewrite(122);
    const { ids: due } = await records.due(4, 999);
    expect([...due].sort()).toEqual([...ids].sort());
    expect(await textOf('0')).toBe('{"schema":1,"count":1,"at":4}');
    await records.rewrite(999);
    expect((await records.due(3, 9)).ids).toEqual(['least']);
  });
});

it("unlessNewer ignores only the error about a newer version's record", () => {
  expect(unlessNewer(new NewerRecord('newer'))).toBeUndefined();
  const away = new Error('away');
  expect(() => unlessNewer(away)).toThrow(away);
});

it.each([
  [{}, ':'],
  [{ service: 'api' }, 'api:'],
  [{ environment: 'prod' }, ':prod'],
  [{ service: 'a:b', environment: 'c/d' }, 'a%3Ab:c%2Fd'],
])('the scope of %j is %p', (names, scope) => expect(scopeOf(names)).toBe(scope));

describe('withStore', () => {
  it('returns the result of the work', async () => {
    expect(await withStore('Not set', () => Promise.resolve(7))).toBe(7);
  });

  it.each([
    [new NewerRecord('it is of a newer version'), 'it is of a newer version'],
    [
      Object.assign(new Error('READONLY You cannot write'), { name: 'ReplyError' }),
      'the store refused it (READONLY You cannot write)',
    ],
    [new Error('Command timed out'), 'the store is away (it does not answer). Try again when it is back'],
    [new Error('Connection is closed.'), 'the store is away (there is no connection). Try again when it is back'],
    ['no', 'the store is away (no). Try again when it is back'],
    [undefined, 'the store is away (undefined). Try again when it is back'],
  ])('says %p in plain words', async (error, words) => {
    const failing = withStore('The mute was not set', () => Promise.reject(error as Error));
    const failure: unknown = await failing.catch((reason: unknown) => reason);
    expect(failure).toHaveProperty('message', `The mute was not set: ${words}`);
    // It may hold a password.
    expect(failure).not.toHaveProperty('cause');
  });
});
