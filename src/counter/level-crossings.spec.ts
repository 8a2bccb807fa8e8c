import { notByKey } from '../../test/support/counted.js';
import type { Breach } from '../model/breach.js';
import { fixedSpans } from '../model/window-spans.js';
import type { CountedCategory } from '../model/window.js';
import { levelsOf } from '../threshold/levels.js';
import { LevelCrossings } from './level-crossings.js';
import type { TenantTotal } from './tenant-total.js';
import { TenantsByWindow } from './tenants-by-window.js';

const LEVELS = levelsOf(3, [
  { at: 1, severity: 'warning' },
  { at: 2, severity: 'critical' },
]);
const window = { name: '', lengthName: 'minute', spanAt: fixedSpans(60_000), levelsFor: notByKey(() => LEVELS) };
const category: CountedCategory = { name: 'llm_call', maxCost: 1e9, windows: [window] };

describe('LevelCrossings', () => {
  let breaches: Breach[];
  let record: () => Promise<void>;
  let then: [string, TenantTotal][];
  let crossings: LevelCrossings;
  let total: TenantTotal;
  const counted = (cost: number, of = total): void => {
    of.setLevels(LEVELS);
    of.add(cost, { id: of.key, name: 'Acme' });
    of.send();
  };
  const done = (): [string, TenantTotal][] => then.splice(0);

  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'performance'] });
    [breaches, then, record] = [[], [], () => Promise.resolve()];
    const raise = (breach: Breach): Promise<void> => (breaches.push(breach), record());
    crossings = new LevelCrossings(raise, {
      publish: (of) => void then.push(['publish', of]),
      confirm: (of) => void then.push(['confirm', of]),
      hold: (of) => (of.hold('lease'), void then.push(['hold', of])),
    });
    total = new TenantsByWindow('me', 100, { full: () => undefined, untracked: () => undefined }).track(
      category,
      window,
      'acme',
      60_000,
    ) as TenantTotal;
  });
  afterEach(async () => {
    await crossings.stop();
    jest.useRealTimers();
  });

  it('raises the level that the store gave, with the count of all instances, and confirms it once it is recorded', async () => {
    counted(2);
    let recorded = (): void => undefined;
    record = () => new Promise((resolve) => (recorded = resolve));
    const raising = crossings.taken(total, 2, { count: 7, announced: 0, announce: 2 }, false);
    expect(breaches).toMatchObject([
      { count: 7, own: 2, countedBy: 'all', level: { at: 2 }, tenant: { name: 'Acme' } },
    ]);
    expect(done()).toEqual([]);
    recorded();
    await raising;
    expect(done()).toEqual([['confirm', total]]);
    expect(total.send().announced).toBe(2);
    // It is not raised again.
    expect(crossings.taken(total, 2, { count: 9, announced: 0, announce: 2 }, false)).toBeUndefined();
  });

  it('holds a level whose alert could not be recorded, and raises it when the store gives it out again', async () => {
    counted(2);
    record = () => Promise.reject(new Error('no room'));
    await crossings.taken(total, 2, { count: 4, announced: 0, announce: 1 }, false);
    expect(done()).toEqual([['hold', total]]);
    expect(total.send().announced).toBe(0);
    record = () => Promise.resolve();
    await crossings.taken(total, 2, { count: 4, announced: 0, announce: 1 }, false);
    expect(breaches.map(({ level }) => level.at)).toEqual([1, 1]);
  });

  it('neither raises nor watches anything below the levels, nor what is announced', () => {
    counted(2);
    expect(crossings.taken(total, 2, { count: 3, announced: 0, announce: 0 }, false)).toBeUndefined();
    expect(crossings.taken(total, 2, { count: 5, announced: 1, announce: 0 }, false)).toBeUndefined();
    jest.advanceTimersByTime(10_000);
    expect([breaches, done()]).toEqual([[], []]);
  });

  it('watches a level that another instance was given: once after 300 ms, and once when its lease is over', () => {
    counted(2);
    const of = { count: 4, announced: 0, announce: 0 };
    for (let i = 0; i < 3; i++) expect(crossings.taken(total, 2, of, false)).toBeUndefined();
    expect(done()).toEqual([['hold', total]]);
    jest.advanceTimersByTime(299);
    expect(done()).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(done()).toEqual([['publish', total]]);
    jest.advanceTimersByTime(60_000);
    expect([breaches, done()]).toEqual([[], []]);
  });

  it.each([
    ['of a counter that the store had lost', { lost: true }, false],
    ["of another instance's, if the store was away", { takenOver: true }, true],
  ])('asks once more before it raises a level %s', async (_what, how, wasCutOff) => {
    jest.useRealTimers();
    jest.useFakeTimers({ doNotFake: ['setImmediate'] });
    counted(2);
    const given = { count: 4, announced: 0, announce: 1, ...how };
    expect(crossings.taken(total, 2, given, wasCutOff)).toBeUndefined();
    jest.advanceTimersByTime(1_499);
    expect(done().map(([what]) => what)).not.toContain('confirm');
    jest.advanceTimersByTime(1);
    expect(done()).toEqual([['publish', total]]);
    await crossings.taken(total, 2, given, wasCutOff);
    expect(breaches).toMatchObject([{ level: { at: 1 } }]);
  });

  it('delays a level whose counter is lost again only if 30 s have passed', async () => {
    jest.useRealTimers();
    jest.useFakeTimers({ doNotFake: ['setImmediate'] });
    counted(2);
    const given = { count: 4, announced: 0, announce: 1, lost: true };
    const isDelayed = (): boolean => crossings.taken(total, 2, given, false) === undefined;
    record = () => Promise.reject(new Error('no room'));
    const settled = (): Promise<void> => crossings.settled();
    expect(isDelayed()).toBe(true);
    jest.advanceTimersByTime(1_498);
    expect(isDelayed()).toBe(true);
    // A timer may be a millisecond early: what it asked for is not delayed once more.
    jest.advanceTimersByTime(1);
    expect(isDelayed()).toBe(false);
    await settled();
    jest.advanceTimersByTime(30_000 - 1_499 - 1);
    expect(isDelayed()).toBe(false);
    await settled();
    jest.advanceTimersByTime(1);
    expect(isDelayed()).toBe(true);
    expect(breaches).toHaveLength(2);
  });

  it("raises another instance's level at once if the store was never away", () => {
    counted(2);
    void crossings.taken(total, 2, { count: 4, announced: 0, announce: 1, takenOver: true }, false);
    expect(breaches).toHaveLength(1);
  });

  it("judges totals alone by this instance's own count, each level once", async () => {
    counted(4);
    crossings.judgeAlone([total, total]);
    await crossings.settled();
    expect(breaches).toMatchObject([{ count: 4, countedBy: 'instance', level: { at: 1 } }]);
    counted(3);
    crossings.judgeAlone([total]);
    await crossings.settled();
    expect(breaches.map(({ level }) => level.at)).toEqual([1, 2]);
    expect(done().map(([what]) => what)).toEqual(['confirm', 'confirm']);
  });

  it('does not confirm to a store that refuses the total', async () => {
    counted(4);
    total.hold('refused');
    crossings.judgeAlone([total]);
    await crossings.settled();
    expect([breaches.length, done()]).toEqual([1, []]);
  });

  it('asks the store for nothing once it is stopped', async () => {
    jest.useRealTimers();
    jest.useFakeTimers({ doNotFake: ['setImmediate'] });
    counted(2);
    expect(crossings.taken(total, 2, { count: 4, announced: 0, announce: 1, lost: true }, false)).toBeUndefined();
    done();
    await crossings.stop();
    total.release();
    expect(crossings.taken(total, 2, { count: 4, announced: 0, announce: 0 }, false)).toBeUndefined();
    jest.advanceTimersByTime(60_000);
    expect(done()).toEqual([]);
  });

  it('watches nothing once it is stopped, which waits until all alerts are recorded', async () => {
    counted(4);
    expect(crossings.taken(total, 4, { count: 4, announced: 0, announce: 0 }, false)).toBeUndefined();
    done();
    let recorded = (): void => undefined;
    record = () => new Promise((resolve) => (recorded = resolve));
    crossings.judgeAlone([total]);
    let isStopped = false;
    const stopped = crossings.stop().then(() => (isStopped = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isStopped).toBe(false);
    recorded();
    await stopped;
    jest.advanceTimersByTime(60_000);
    expect(done().map(([what]) => what)).toEqual(['confirm']);
  });
});
