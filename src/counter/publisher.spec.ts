import { notByKey } from '../../test/support/counted.js';
import { type Logger } from '@nestjs/common';

import { mostInATurn } from '../../test/support/most-in-a-turn.js';
import { isDone } from '../../test/support/fake-timers.js';
import type { Breach } from '../model/breach.js';
import type { CountedCategory } from '../model/window.js';
import type { CounterStore, OwnTotal, Published } from '../store/counter-store.js';
import { levelsOf, NO_LEVELS } from '../threshold/levels.js';
import { fixedSpans } from '../model/window-spans.js';
import { CountLosses } from './count-losses.js';
import { Publisher, type PublisherOptions } from './publisher.js';
import { StoreHealth } from './store-health.js';
import type { TenantTotal, Urgency } from './tenant-total.js';
import { TenantsByWindow } from './tenants-by-window.js';

const WAIT_AT_MOST_MS = 50;

describe('Publisher, if requests wait', () => {
  let answer: CounterStore['publish'];
  let now: number;
  let publishes: (readonly OwnTotal[])[];
  const store: CounterStore = {
    name: 'store',
    publish: (totals, at) => {
      publishes.push(totals);
      return answer(totals, at);
    },
    read: () => Promise.resolve([]),
  };
  let lines: string[];
  const note = (line: string) => lines.push(line);
  const logger = { warn: note, log: note, error: note } as unknown as Logger;
  const window = { name: '', lengthName: 'minute', spanAt: fixedSpans(60_000), levelsFor: notByKey(() => NO_LEVELS) };
  const category: CountedCategory = { name: 'llm_call', maxCost: 1e9, windows: [window] };
  const raise = jest.fn<Promise<void>, [Breach]>(() => Promise.resolve());
  let windows: TenantsByWindow;
  let health: StoreHealth;
  let publisher: Publisher;
  const track = (tenant = 'acme'): TenantTotal => windows.track(category, window, tenant, now) as TenantTotal;
  const count = (tracked = track()): Promise<void> | undefined =>
    publisher.publish(tracked, tracked.add(1, { id: tracked.key }));
  const taken = (): number => [...windows.all()].filter(({ isPending }) => !isPending).length;

  const answers: CounterStore['publish'] = (totals) =>
    Promise.resolve(totals.map(({ total }) => ({ count: total, announced: 0, announce: 0 })));
  const fails = (): Promise<Published[]> => Promise.reject(new Error('connect ECONNREFUSED'));
  const hangs = (): Promise<Published[]> => new Promise(() => undefined);
  /** The store answers after 10 ms. Gives how many calls were under way at once at most. */
  const answersLate = (): (() => number) => {
    let [underWay, most] = [0, 0];
    answer = async (totals, at) => {
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setTimeout(resolve, 10));
      underWay--;
      return answers(totals, at);
    };
    return () => most;
  };

  const open = (counting: PublisherOptions['counting']): void => {
    const options = { counting, waitAtMostMs: WAIT_AT_MOST_MS, flushIntervalMs: 100 };
    const losses = new CountLosses('store', 10_000, logger);
    health = new StoreHealth('store', logger);
    windows = new TenantsByWindow('me', 20_000, { full: () => undefined, untracked: () => undefined });
    publisher = new Publisher(store, options, { now: () => now }, windows, health, losses, raise);
  };

  beforeEach(() => {
    jest.useFakeTimers();
    [now, publishes, lines] = [60_000, [], []];
    open('await');
    raise.mockClear();
  });
  afterEach(() => {
    void publisher.stop([]);
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  it('lets a request wait for a store that answers', async () => {
    answer = answers;
    const wait = count();
    expect(wait).toBeInstanceOf(Promise);
    await jest.advanceTimersByTimeAsync(0);
    await expect(wait).resolves.toBeUndefined();
  });

  it.each([
    ['fails', fails],
    ['hangs', hangs],
  ])('lets no request wait once the store %s, and lets them wait again once it answers', async (_, trouble) => {
    answer = trouble;
    const first = count();
    await jest.advanceTimersByTimeAsync(WAIT_AT_MOST_MS + 1);
    await first;
    expect(count()).toBeUndefined();

    answer = answers;
    await jest.advanceTimersByTimeAsync(5_000);
    expect(count()).toBeInstanceOf(Promise);
  });

  it.each<[what: string, odd: (totals: readonly OwnTotal[]) => unknown]>([
    ['undefined', () => undefined],
    ['0 answers to 1 totals', () => Promise.resolve([])],
    ['null', (totals) => Promise.resolve(totals.map(() => null))],
    ['undefined', (totals) => Promise.resolve(totals.map(() => undefined))],
  ])('publishes a total again, without affecting others, if a custom store returns %s', async (what, odd) => {
    answer = odd as unknown as CounterStore['publish'];
    void count();
    await jest.advanceTimersByTimeAsync(WAIT_AT_MOST_MS);
    answer = answers;
    void count(track('other'));
    await jest.advanceTimersByTimeAsync(0);
    expect(taken()).toBe(1);
    await jest.advanceTimersByTimeAsync(6_000);
    expect(taken()).toBe(2);
    expect(lines[0]).toContain(what);
  });

  it('uses the other answers if a custom store returns null for one total', async () => {
    answer = async (totals, at) => {
      const [first, ...others] = await answers(totals, at);
      return [first, ...others.map(() => null)] as unknown as Published[];
    };
    void count();
    void count(track('other'));
    await jest.advanceTimersByTimeAsync(WAIT_AT_MOST_MS);
    expect(taken()).toBe(1);
  });

  it.each(
    ['count', 'announced', 'announce', 'earlier'].flatMap((field) => [true, -5, Infinity].map((odd) => [field, odd])),
  )('refuses an answer of a custom store whose %s is %s, with a log line', async (field, odd) => {
    answer = (totals) =>
      Promise.resolve(totals.map(({ total }) => ({ count: total, announced: 0, announce: 0, [String(field)]: odd })));
    void count();
    await jest.advanceTimersByTimeAsync(10);
    const said = `(odd answer: the ${field} is not a number, 0 or more)`;
    expect([taken(), lines]).toEqual([0, [expect.stringContaining(said)]]);
  });

  it('accepts synchronous answers', async () => {
    answer = ((totals: readonly OwnTotal[]) =>
      totals.map(({ total }) => ({ count: total, announced: 0, announce: 0 }))) as unknown as CounterStore['publish'];
    void count();
    await jest.advanceTimersByTimeAsync(0);
    expect(taken()).toBe(1);
  });

  it('sends one publish at a time, however many callers flush', async () => {
    const mostAtOnce = answersLate();
    void count();
    await jest.advanceTimersByTimeAsync(0);
    void count();
    const over = jest.fn();
    const flushes = [1, 2, 3].map(() => publisher.flush().then(over));
    await jest.advanceTimersByTimeAsync(15);
    expect(over).not.toHaveBeenCalled();
    void count();
    await jest.advanceTimersByTimeAsync(15);
    await Promise.all(flushes);
    expect(mostAtOnce()).toBe(1);
  });

  it('sends one call at a time, even if a flush is due during a publish, or if there are very many totals', async () => {
    const mostAtOnce = answersLate();
    open('auto');
    const later = track('later');
    later.add(1, { id: 'later' });
    void publisher.publish(later, 'later');
    await jest.advanceTimersByTimeAsync(95);
    const urgent = track('urgent');
    urgent.add(1, { id: 'urgent' });
    void publisher.publish(urgent, 'now');
    await jest.advanceTimersByTimeAsync(50);
    expect([taken(), mostAtOnce()]).toEqual([2, 1]);
    for (let i = 0; i < 2_200; i++) void count(track(`tenant_${i}`));
    await jest.advanceTimersByTimeAsync(300);
    expect([taken(), mostAtOnce()]).toEqual([2_202, 1]);
  });

  describe('sends more totals than fit in one call', () => {
    const countAll = (tenants: number): void => {
      for (let i = 0; i < tenants; i++) void count(track(`tenant_${i}`));
    };

    it('and releases a request whose total is not sent yet', async () => {
      answer = async (totals, at) => {
        await new Promise((resolve) => setTimeout(resolve, 10));
        return answers(totals, at);
      };
      countAll(250);
      await jest.advanceTimersByTimeAsync(1);
      const counted = jest.fn();
      void count(track('tenant_249'))?.then(counted);
      await jest.advanceTimersByTimeAsync(30);
      expect(counted).toHaveBeenCalled();
    });

    it('and lets none wait long if the store makes each call wait for a node', async () => {
      answer = async (totals, at) => {
        const [, ...others] = await answers(totals, at);
        await new Promise((resolve) => setTimeout(resolve, 900));
        return [{ refused: 'no answer', ofKey: false }, ...others];
      };
      countAll(2_200);
      await jest.advanceTimersByTimeAsync(2_800);
      expect(taken()).toBe(2_200 - 11);
    });

    it('and stays away until the store takes all of them: a Cluster may lack a node', async () => {
      const lacksOne: CounterStore['publish'] = async (totals, at) => {
        const [first, ...others] = await answers(totals, at);
        const lost = { refused: 'the connection was lost', ofKey: false };
        return totals[0]?.tenant === 'tenant_0' ? [lost, ...others] : [first as Published, ...others];
      };
      answer = lacksOne;
      countAll(250);
      await jest.advanceTimersByTimeAsync(2_000);
      expect(count()).toBeUndefined();
      answer = answers;
      await jest.advanceTimersByTimeAsync(2_000);
      expect(count()).toBeInstanceOf(Promise);
    });
  });

  it('publishes all totals again once the store is back, because it may have lost its data', async () => {
    answer = answers;
    void count(track('a'));
    await jest.advanceTimersByTimeAsync(10);
    answer = fails;
    void count(track('b'));
    await jest.advanceTimersByTimeAsync(10);
    answer = answers;
    publishes = [];
    await jest.advanceTimersByTimeAsync(1_000);
    expect(publishes.flat().map(({ tenant }) => tenant)).toContain('a');
  });

  describe('gets a level of a counter that the store has just lost', () => {
    let announced: number;
    beforeEach(async () => {
      announced = 0;
      let lost = true;
      answer = (totals) => {
        const answered = totals.map(({ total }) => ({ count: total, announced, announce: announced ? 0 : 1, lost }));
        lost = false;
        return Promise.resolve(answered);
      };
      const tracked = track();
      tracked.setLevels(levelsOf(1, [{ at: 1, severity: 'warning' }]));
      void count(tracked);
      void count(tracked);
      await jest.advanceTimersByTimeAsync(10);
      void count(tracked);
      await jest.advanceTimersByTimeAsync(1_000);
    });

    it('and raises it a moment later', async () => {
      expect(raise).not.toHaveBeenCalled();
      await jest.advanceTimersByTimeAsync(600);
      expect(raise).toHaveBeenCalledTimes(1);
    });

    it('and does not if another instance had announced it', async () => {
      announced = 1;
      await jest.advanceTimersByTimeAsync(10_000);
      expect(raise).not.toHaveBeenCalled();
    });

    it('and knows the count in the meantime', () => expect(track().known).toBe(3));

    it('and neither asks for it nor raises it once it is stopped', async () => {
      publishes = [];
      await publisher.stop([]);
      await jest.advanceTimersByTimeAsync(10_000);
      expect([publishes, raise.mock.calls]).toEqual([[], []]);
    });
  });

  it('does not hold back a level twice because its counter is lost repeatedly', async () => {
    let [lost, announce] = [true, 0.5];
    answer = (totals) => Promise.resolve(totals.map(({ total }) => ({ count: total, announced: 0, announce, lost })));
    const tracked = track();
    tracked.setLevels(
      levelsOf(2, [
        { at: 0.5, severity: 'info' },
        { at: 1, severity: 'warning' },
      ]),
    );
    await jest.advanceTimersByTimeAsync(5);
    for (let i = 0; i < 2; i++) void count(tracked);
    await jest.advanceTimersByTimeAsync(10);
    lost = false;
    await jest.advanceTimersByTimeAsync(2_000);
    expect(raise).toHaveBeenCalledTimes(1);
    [lost, announce] = [true, 1];
    void count(tracked);
    await jest.advanceTimersByTimeAsync(10);
    expect(raise).toHaveBeenCalledTimes(2);
  });

  it('raises a level at once that is given after its counter was lost', async () => {
    let [lost, announce] = [true, 0];
    answer = (totals) => Promise.resolve(totals.map(({ total }) => ({ count: total, announced: 0, announce, lost })));
    const tracked = track();
    tracked.setLevels(levelsOf(1, [{ at: 1, severity: 'warning' }]));
    void count(tracked);
    await jest.advanceTimersByTimeAsync(10);
    [lost, announce] = [false, 1];
    void count(tracked);
    await jest.advanceTimersByTimeAsync(10);
    expect(raise).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['another instance to announce its level', { announce: 0, lost: false }],
    ['a moment because its counter was lost', { announce: 1, lost: true }],
  ])('leaves a total alone that was refused while it waited for %s', async (_, first) => {
    answer = (totals) => Promise.resolve(totals.map(({ total }) => ({ count: total, announced: 0, ...first })));
    const tracked = track();
    tracked.setLevels(levelsOf(0, [{ at: 1, severity: 'warning' }]));
    void count(tracked);
    await jest.advanceTimersByTimeAsync(10);
    answer = (totals) => Promise.resolve(totals.map(() => ({ refused: 'WRONGTYPE', ofKey: true })));
    void count(tracked);
    await jest.advanceTimersByTimeAsync(10);
    publishes = [];
    await jest.advanceTimersByTimeAsync(3_000);
    expect(publishes).toEqual([]);
  });

  it('publishes a rejected total again without another request', async () => {
    let isLacking = true;
    answer = async (totals, at) =>
      isLacking ? totals.map(() => ({ refused: 'the connection was lost', ofKey: false })) : answers(totals, at);
    void count();
    await jest.advanceTimersByTimeAsync(500);
    isLacking = false;
    await jest.advanceTimersByTimeAsync(1_000);
    expect(taken()).toBe(1);
    expect(health.away).toBe(false);
  });

  it('leaves no timer running when idle or stopped', async () => {
    answer = answers;
    void count();
    await jest.advanceTimersByTimeAsync(10);
    expect(jest.getTimerCount()).toBe(0);
    answer = async (totals) => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      return totals.map(() => ({ refused: 'WRONGTYPE', ofKey: true }));
    };
    void count();
    await jest.advanceTimersByTimeAsync(10);
    void publisher.stop([]);
    await jest.advanceTimersByTimeAsync(30);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('does not treat a store as back because nothing was left to publish', async () => {
    answer = fails;
    void count();
    await jest.advanceTimersByTimeAsync(10);
    now += 5 * 60_000;
    publishes = [];
    await jest.advanceTimersByTimeAsync(5_000);
    expect([health.away, publishes]).toEqual([true, []]);
  });

  describe("gets another instance's level", () => {
    let announced: number;
    const begins = async (before: CounterStore['publish']): Promise<void> => {
      announced = 0;
      const tracked = track();
      tracked.setLevels(levelsOf(1, [{ at: 1, severity: 'warning' }]));
      answer = before;
      void count(tracked);
      await jest.advanceTimersByTimeAsync(100);
      let takenOver = true;
      answer = (totals) => {
        const answered = totals.map(({ total }) => ({
          count: total + 1,
          announced,
          announce: announced ? 0 : 1,
          takenOver,
        }));
        takenOver = false;
        return Promise.resolve(answered);
      };
      void count(tracked);
      await jest.advanceTimersByTimeAsync(1_000);
    };

    it('and raises it at once if the store was never away', async () => {
      await begins(answers);
      expect(raise).toHaveBeenCalledTimes(1);
    });

    it('and raises it a moment later if the store was away', async () => {
      await begins(fails);
      expect(raise).not.toHaveBeenCalled();
      await jest.advanceTimersByTimeAsync(1_000);
      expect(raise).toHaveBeenCalledTimes(1);
    });

    it('and does not if the store was away and the other has announced it', async () => {
      await begins(fails);
      announced = 1;
      await jest.advanceTimersByTimeAsync(10_000);
      expect(raise).not.toHaveBeenCalled();
    });
  });

  it('sends nothing that the store would no longer take', async () => {
    answer = fails;
    void count();
    await jest.advanceTimersByTimeAsync(10);
    now += 2 * 60_000;
    publishes = [];
    await jest.advanceTimersByTimeAsync(5_000);
    expect(publishes).toEqual([]);
  });

  it('continues with all others if one total is refused, and retries that one after a few seconds', async () => {
    let isRefusing = true;
    answer = async (totals, at) => {
      const taken = await answers(totals, at);
      return totals.map(({ tenant }, i) =>
        tenant === 'bad' && isRefusing ? { refused: 'WRONGTYPE', ofKey: true } : (taken[i] as Published),
      );
    };
    void count(track('bad'));
    void count(track('good'));
    await jest.advanceTimersByTimeAsync(10);
    expect([track('bad').isPending, track('good').isPending]).toEqual([true, false]);
    expect([count(track('bad')), count(track('good'))]).toEqual([undefined, expect.any(Promise)]);
    isRefusing = false;
    await jest.advanceTimersByTimeAsync(5_100);
    expect(track('bad').isPending).toBe(false);
  });

  it('judges a refused total alone, with each of its requests', async () => {
    answer = (totals) => Promise.resolve(totals.map(() => ({ refused: 'WRONGTYPE', ofKey: true })));
    const tracked = track();
    tracked.setLevels(levelsOf(1, [{ at: 1, severity: 'warning' }]));
    void count(tracked);
    await jest.advanceTimersByTimeAsync(10);
    expect(raise).not.toHaveBeenCalled();
    void count(tracked);
    await jest.advanceTimersByTimeAsync(10);
    expect(raise.mock.calls).toEqual([[expect.objectContaining({ countedBy: 'instance' })]]);
  });

  it('logs one line and raises one alert for a total that is always refused, and retries every five seconds, however many requests come', async () => {
    answer = (totals) => Promise.resolve(totals.map(() => ({ refused: 'WRONGTYPE Operation', ofKey: true })));
    // Recording the alert takes a while.
    raise.mockImplementationOnce(() => new Promise((resolve) => setTimeout(resolve, 1_000)));
    const tracked = track();
    tracked.setLevels(levelsOf(1, [{ at: 1, severity: 'warning' }]));
    for (let ms = 0; ms < 14_000; ms += 100) {
      void count(tracked);
      await jest.advanceTimersByTimeAsync(100);
    }
    expect(lines).toEqual([
      expect.stringMatching(
        /^A counter of llm_call was refused \(WRONGTYPE Operation\).* or delete the key of tenant acme$/,
      ),
    ]);
    expect(raise).toHaveBeenCalledTimes(1);
    expect(publishes).toHaveLength(3);
  });

  it('logs once per span that its totals are refused, even while those of the previous span are retried', () => {
    const losses = new CountLosses('store', 10_000, logger);
    const day = { ...window, name: 'day', spanAt: fixedSpans(86_400_000) };
    const ofDay = windows.track(category, day, 'acme', now) as TenantTotal;
    const before = track();
    now += 60_000;
    const after = track();
    for (let i = 0; i < 3; i++)
      for (const tracked of [before, ofDay, after]) losses.refused(tracked, 'NOPERM no rights');
    expect(lines).toHaveLength(3);
  });

  it('raises a level with the name, tenant and route of a request that came during its publish', async () => {
    const route = { method: 'POST', path: '/llm/call', handler: 'LlmController.call' };
    // The others have counted 10 between the two answers.
    answer = async (totals) => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return totals.map(({ total, announced }) =>
        total > 1
          ? { count: total + 10, announced, announce: announced ? 0 : 1 }
          : { count: total, announced, announce: 0 },
      );
    };
    const tracked = track('k'.repeat(128));
    tracked.setLevels(levelsOf(10, [{ at: 1, severity: 'warning' }]));
    const request = (name: string): void => {
      void publisher.publish(tracked, tracked.add(1, { id: 'k'.repeat(200), name }));
      tracked.seenOn(route);
    };
    request('Acme');
    await jest.advanceTimersByTimeAsync(5);
    request('Acme Ltd');
    await jest.advanceTimersByTimeAsync(50);
    expect(raise.mock.calls).toEqual([
      [expect.objectContaining({ tenant: { id: 'k'.repeat(200), name: 'Acme Ltd' }, route, count: 12 })],
    ]);
  });

  it('lets the request that crosses a level wait until its alert is recorded', async () => {
    answer = (totals) => Promise.resolve(totals.map(({ total }) => ({ count: total, announced: 0, announce: 1 })));
    raise.mockImplementationOnce(() => new Promise((resolve) => setTimeout(resolve, 30)));
    const tracked = track();
    tracked.setLevels(levelsOf(0, [{ at: 1, severity: 'warning' }]));
    const released = jest.fn();
    void count(tracked)?.then(released);
    await jest.advanceTimersByTimeAsync(29);
    expect(released).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    expect(released).toHaveBeenCalledTimes(1);
  });

  describe('treats a store as away', () => {
    /** Fails after the event loop was blocked for so long. */
    const failsAfter = (ms: number) => () => {
      blockedMs += ms;
      return fails();
    };
    let blockedMs: number;
    const publishOnce = async (how: CounterStore['publish']): Promise<boolean> => {
      answer = how;
      void count();
      await jest.advanceTimersByTimeAsync(49);
      return health.away;
    };
    // No process starts at 0.
    beforeEach(async () => {
      await jest.advanceTimersByTimeAsync(10_000);
      blockedMs = 0;
      const clock = performance.now.bind(performance);
      jest.spyOn(performance, 'now').mockImplementation(() => clock() + blockedMs);
    });

    it('at the first failure, unless the event loop was blocked for longer than a call may take', async () => {
      expect(await publishOnce(failsAfter(1_020))).toBe(true);
      open('await');
      expect(await publishOnce(failsAfter(1_021))).toBe(false);
      expect(await publishOnce(fails)).toBe(true);
    });

    it('at the second failure in a row, though the event loop was blocked again', async () => {
      expect(await publishOnce(failsAfter(1_100))).toBe(false);
      expect(await publishOnce(answers)).toBe(false);
      await jest.advanceTimersByTimeAsync(1_000);
      expect(await publishOnce(failsAfter(1_100))).toBe(false);
      expect(await publishOnce(failsAfter(1_100))).toBe(true);
    });

    it('not because requests gave up while the event loop was blocked', async () => {
      answer = hangs;
      const waits = count();
      await jest.advanceTimersByTimeAsync(1);
      blockedMs += 100;
      await jest.advanceTimersByTimeAsync(WAIT_AT_MOST_MS);
      expect([await isDone(waits), health.away]).toEqual([true, false]);
    });

    it('and the same for a probe', async () => {
      const ask = async (ms: number): Promise<boolean> => {
        Object.assign(store, { time: failsAfter(ms) });
        await publisher.probe();
        return health.away;
      };
      expect([await ask(1_100), await ask(0)]).toEqual([false, true]);
      Reflect.deleteProperty(store, 'time');
    });
  });

  it('releases the requests of one turn together, after one publish', async () => {
    answer = async (totals, at) => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return answers(totals, at);
    };
    const released: number[] = [];
    for (let i = 0; i < 40; i++) void count(track(`tenant_${i % 4}`))?.then(() => released.push(performance.now()));
    await jest.advanceTimersByTimeAsync(9);
    expect(released).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect([released.length, new Set(released).size, publishes.length]).toEqual([40, 1, 1]);
  });

  it('probes a dead store with one call at a time, however many totals wait, and publishes all of them once it is back', async () => {
    const tenants = 20_000;
    const calls: number[] = [];
    answer = (totals) => {
      calls.push(totals.length);
      return fails();
    };
    for (let i = 0; i < tenants; i++) void count(track(`tenant_${i}`));
    await jest.advanceTimersByTimeAsync(5_000);
    expect([calls.length, new Set(calls)]).toEqual([9, new Set([200])]);
    answer = answers;
    await jest.advanceTimersByTimeAsync(1_500);
    expect(taken()).toBe(tenants);
  });

  it.each([NaN, Infinity, undefined, '3'])(
    'does not accept %p as a count, and publishes the total again after a while',
    async (odd) => {
      answer = (totals) => Promise.resolve(totals.map(() => ({ count: odd as number, announced: 0, announce: 0 })));
      void count();
      await jest.advanceTimersByTimeAsync(10);
      expect(taken()).toBe(0);
      answer = answers;
      await jest.advanceTimersByTimeAsync(5_100);
      expect(taken()).toBe(1);
    },
  );

  it('retries each refused total at its own time', async () => {
    answer = (totals) => Promise.resolve(totals.map(() => ({ refused: 'WRONGTYPE', ofKey: true })));
    void count(track('first'));
    await jest.advanceTimersByTimeAsync(2_000);
    void count(track('second'));
    await jest.advanceTimersByTimeAsync(10);
    answer = answers;
    await jest.advanceTimersByTimeAsync(3_100);
    expect([track('first').isPending, track('second').isPending]).toEqual([false, true]);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(track('second').isPending).toBe(false);
  });

  it('judges a total at its request while the store is away for long, without waiting for the next try', async () => {
    answer = fails;
    void count(track('other'));
    // Just after a try.
    await jest.advanceTimersByTimeAsync(5_000);
    const tries = publishes.length;
    for (let ms = 0; publishes.length === tries && ms < 2_000; ms++) await jest.advanceTimersByTimeAsync(1);
    const tracked = track();
    tracked.setLevels(levelsOf(0, [{ at: 1, severity: 'warning' }]));
    void count(tracked);
    await jest.advanceTimersByTimeAsync(0);
    expect(publishes.length).toBe(tries + 1);
    expect(raise).toHaveBeenCalledTimes(1);
  });

  it('raises a level again if its alert could not be recorded', async () => {
    answer = (totals) =>
      Promise.resolve(totals.map(({ total, announced }) => ({ count: total, announced, announce: announced ? 0 : 1 })));
    raise.mockImplementationOnce(() => Promise.reject(new Error('not recorded')));
    const tracked = track();
    tracked.setLevels(levelsOf(0, [{ at: 1, severity: 'warning' }]));
    void count(tracked);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(raise).toHaveBeenCalledTimes(1);
    await jest.advanceTimersByTimeAsync(20_000);
    expect(raise).toHaveBeenCalledTimes(2);
  });

  it('retries a store that is away less often each time, down to once a second', async () => {
    answer = fails;
    void count();
    await jest.advanceTimersByTimeAsync(10_000);
    expect(publishes.length).toBeGreaterThan(8);
    expect(publishes.length).toBeLessThan(20);
  });

  it('after the store has lost a counter, publishes those close to a level again without a request, and no others', async () => {
    answer = answers;
    for (const [tenant, times] of [
      ['calm', 1],
      ['hot', 8],
      ['lost', 1],
    ] as const) {
      track(tenant).setLevels(levelsOf(10, [{ at: 1, severity: 'warning' }]));
      for (let i = 0; i < times; i++) void count(track(tenant));
    }
    await jest.advanceTimersByTimeAsync(10);
    answer = (totals) =>
      Promise.resolve(totals.map(({ total }) => ({ count: total, announced: 0, announce: 0, lost: true })));
    void count(track('lost'));
    await jest.advanceTimersByTimeAsync(10);
    [answer, publishes] = [answers, []];
    await jest.advanceTimersByTimeAsync(500);
    expect(publishes.flat().map(({ tenant }) => tenant)).toEqual(['hot']);
  });

  it('reports no counter as lost that the store has never accepted', async () => {
    const lost = jest.spyOn(CountLosses.prototype, 'lostData');
    answer = fails;
    void count();
    await jest.advanceTimersByTimeAsync(10);
    // Sent before, and not there.
    const answersLost: CounterStore['publish'] = (totals) => {
      answer = answers;
      return Promise.resolve(totals.map(({ total }) => ({ count: total, announced: 0, announce: 0, lost: true })));
    };
    answer = answersLost;
    await jest.advanceTimersByTimeAsync(1_000);
    expect([taken(), lost.mock.calls.length]).toEqual([1, 0]);
    answer = answersLost;
    void count();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(lost).toHaveBeenCalledTimes(1);
  });

  it('holds back only the call whose reply has the wrong length', async () => {
    answer = async (totals, at) => {
      const taken = await answers(totals, at);
      return totals.some(({ tenant }) => tenant === 'bad') ? [...taken, ...taken] : taken;
    };
    void count(track('bad'));
    await jest.advanceTimersByTimeAsync(10);
    void count(track('good'));
    await jest.advanceTimersByTimeAsync(10);
    expect([track('bad').isPending, track('good').isPending]).toEqual([true, false]);
    expect(count(track('good'))).toBeInstanceOf(Promise);
    answer = answers;
    await jest.advanceTimersByTimeAsync(5_100);
    expect(track('bad').isPending).toBe(false);
  });

  it('judges 5,000 tenants alone, and raises 100 alerts, in a turn of the event loop', () => {
    const levels = levelsOf(0, [{ at: 1, severity: 'warning' }]);
    const counted = (tenants: number, from: number): TenantTotal[] =>
      Array.from({ length: tenants }, (_, i) => {
        const tracked = track(`tenant_${from + i}`);
        tracked.add(1, { id: tracked.key });
        return tracked;
      });
    const [calm, over] = [counted(4_999, 0), counted(250, 4_999)];
    for (const tracked of over) tracked.setLevels(levels);
    void publisher.stop([...calm, ...over]);
    expect(raise).toHaveBeenCalledTimes(1);
    jest.advanceTimersByTime(0);
    return Promise.resolve().then(() => expect(raise).toHaveBeenCalledTimes(1 + 100));
  });

  it('judges 20,000 tenants alone in parts, with 100 alerts per turn of the event loop', async () => {
    jest.useRealTimers();
    const tenants = 20_000;
    const levels = levelsOf(0, [{ at: 1, severity: 'warning' }]);
    for (let i = 0; i < tenants; i++) {
      const tracked = track(`tenant_${i}`);
      tracked.setLevels(levels);
      tracked.add(1, { id: tracked.key });
    }
    const turns: number[] = [];
    let before = 0;
    const turn = (): void => {
      turns.push(raise.mock.calls.length - before);
      before = raise.mock.calls.length;
      if (before < tenants) setImmediate(turn);
    };
    setImmediate(turn);
    await publisher.stop(windows.all());
    expect(raise).toHaveBeenCalledTimes(tenants);
    // The first slice is judged before the first turn is over.
    expect(Math.max(...turns)).toBeLessThanOrEqual(200);
    expect(turns.length).toBeGreaterThanOrEqual(tenants / 200);
  });

  it('gives the event loop a turn after each call, even if a memory store answers at once', async () => {
    jest.useRealTimers();
    answer = answers;
    for (let i = 0; i < 2_000; i++) void count(track(`tenant_${i}`));
    const counted = mostInATurn(taken);
    await publisher.flush();
    expect(taken()).toBe(2_000);
    expect(counted()).toBeLessThanOrEqual(200);
  });

  describe('publishes', () => {
    const publish = (tenant: string, urgency: Urgency): Promise<void> | undefined => {
      const tracked = track(tenant);
      tracked.add(1, { id: tenant });
      return publisher.publish(tracked, urgency);
    };
    const published = (): string[][] => publishes.map((totals) => totals.map(({ tenant }) => tenant));
    beforeEach(() => (answer = answers));

    it.each([
      ['await', 'later', true, 0],
      ['auto', 'wait', true, 0],
      ['auto', 'now', false, 0],
      ['auto', 'later', false, 100],
      ['background', 'wait', false, 100],
      ['background', 'now', false, 100],
    ] as const)('counting %s, a total with urgency %s: waited for (%p) and sent after %d ms', async (...of) => {
      const [counting, urgency, waits, afterMs] = of;
      open(counting);
      expect(publish('a', urgency) !== undefined).toBe(waits);
      await jest.advanceTimersByTimeAsync(Math.max(afterMs - 1, 0));
      expect(publishes).toHaveLength(afterMs === 0 ? 1 : 0);
      await jest.advanceTimersByTimeAsync(200);
      expect(publishes).toHaveLength(1);
    });

    it('urgent totals without others, and all of them at a flush or after a failure', async () => {
      open('auto');
      void publish('a', 'later');
      void publish('b', 'now');
      await jest.advanceTimersByTimeAsync(10);
      expect(published()).toEqual([['b']]);
      const flushed = publisher.flush();
      await jest.advanceTimersByTimeAsync(0);
      await flushed;
      expect(published()).toEqual([['b'], ['a']]);
      answer = fails;
      void publish('c', 'now');
      void publish('d', 'later');
      await jest.advanceTimersByTimeAsync(10);
      answer = answers;
      await jest.advanceTimersByTimeAsync(45);
      expect(published().slice(2, 4)).toEqual([['c'], ['c', 'd']]);
    });

    it('nothing once it is stopped', async () => {
      open('auto');
      void publish('a', 'later');
      await publisher.stop([]);
      void publish('b', 'now');
      await jest.advanceTimersByTimeAsync(1_000);
      expect(publishes).toEqual([]);
    });

    it('the confirmation of a level as soon as its alert is recorded, or with the next flush', async () => {
      for (const counting of ['auto', 'background'] as const) {
        open(counting);
        publishes = [];
        answer = (totals) =>
          Promise.resolve(
            totals.map(({ total, announced }) => ({ count: total, announced, announce: announced ? 0 : 1 })),
          );
        const tracked = track();
        tracked.setLevels(levelsOf(0, [{ at: 1, severity: 'warning' }]));
        void count(tracked);
        await jest.advanceTimersByTimeAsync(counting === 'auto' ? 10 : 110);
        const announced = () => publishes.map(([total]) => total?.announced);
        expect(announced()).toEqual(counting === 'auto' ? [0, 1] : [0]);
        await jest.advanceTimersByTimeAsync(100);
        expect(announced()).toEqual([0, 1]);
        await publisher.stop([]);
      }
    });

    it('again, soon and when its lease is over, a total over a level that another instance got', async () => {
      const tracked = track();
      tracked.setLevels(levelsOf(0, [{ at: 1, severity: 'warning' }]));
      void count(tracked);
      await jest.advanceTimersByTimeAsync(299);
      expect(publishes).toHaveLength(1);
      await jest.advanceTimersByTimeAsync(2);
      expect(publishes).toHaveLength(2);
      await jest.advanceTimersByTimeAsync(4_690);
      expect(publishes).toHaveLength(2);
      answer = (totals) => Promise.resolve(totals.map(({ total }) => ({ count: total, announced: 1, announce: 0 })));
      await jest.advanceTimersByTimeAsync(20);
      expect(publishes).toHaveLength(3);
      await jest.advanceTimersByTimeAsync(20_000);
      expect(publishes).toHaveLength(3);
      expect(raise).not.toHaveBeenCalled();
    });

    it('and counts its calls and the waits of requests', async () => {
      answer = async (totals, at) => {
        await new Promise((resolve) => setTimeout(resolve, 10));
        return answers(totals, at);
      };
      await jest.advanceTimersByTimeAsync(7);
      for (const tenant of ['a', 'b']) void publish(tenant, 'wait');
      await jest.advanceTimersByTimeAsync(20);
      expect(publisher.stats).toMatchObject({ waits: 2, waitMs: 20, publishes: 1, failures: 0 });
      answer = (totals) =>
        Promise.resolve(
          totals.map(({ total }, i) =>
            i ? { refused: 'X', ofKey: true } : { count: total, announced: 0, announce: 0 },
          ),
        );
      for (const tenant of ['a', 'b']) void publish(tenant, 'wait');
      await jest.advanceTimersByTimeAsync(20);
      answer = fails;
      void publish('a', 'wait');
      await jest.advanceTimersByTimeAsync(20);
      expect(publisher.stats).toMatchObject({ publishes: 3, failures: 2 });
    });
  });

  it.each([
    ['await', true],
    ['background', false],
  ] as const)('treats a store with slow answers as away, if requests wait: counting %s', async (counting, away) => {
    open(counting);
    answer = async (totals, at) => {
      await new Promise((resolve) => setTimeout(resolve, 80));
      return answers(totals, at);
    };
    for (let i = 0; i < 30; i++) {
      void count();
      await jest.advanceTimersByTimeAsync(100);
    }
    expect(health.away).toBe(away);
    expect(lines.map((line) => line.includes('too slowly'))).toEqual(away ? [true] : []);
  });

  it('is settled once all alerts are recorded', async () => {
    let record = (): void => undefined;
    raise.mockImplementationOnce(() => new Promise((resolve) => (record = resolve)));
    answer = (totals) =>
      Promise.resolve(totals.map(({ total, announced }) => ({ count: total, announced, announce: announced ? 0 : 1 })));
    const tracked = track();
    tracked.setLevels(levelsOf(0, [{ at: 1, severity: 'warning' }]));
    void count(tracked);
    const settled = jest.fn();
    void publisher.settle().then(settled);
    await jest.advanceTimersByTimeAsync(100);
    expect([raise.mock.calls.length, settled.mock.calls.length]).toEqual([1, 0]);
    record();
    await jest.advanceTimersByTimeAsync(0);
    expect(settled).toHaveBeenCalledTimes(1);
  });

  it('judges waiting totals while the store is away, even those that its calls do not reach', async () => {
    answer = fails;
    for (let i = 0; i < 250; i++) void count(track(`tenant_${i}`));
    for (const tenant of ['tenant_0', 'tenant_249'])
      track(tenant).setLevels(levelsOf(0, [{ at: 1, severity: 'warning' }]));
    await jest.advanceTimersByTimeAsync(900);
    expect(raise).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(2_000);
    expect(raise.mock.calls.map(([{ tenant }]) => tenant.id).sort()).toEqual(['tenant_0', 'tenant_249']);
  });

  it('judges a total when it is refused, without another request', async () => {
    answer = (totals) => Promise.resolve(totals.map(() => ({ refused: 'WRONGTYPE', ofKey: true })));
    const tracked = track();
    tracked.setLevels(levelsOf(0, [{ at: 1, severity: 'warning' }]));
    void count(tracked);
    await jest.advanceTimersByTimeAsync(10);
    expect(raise).toHaveBeenCalledTimes(1);
  });

  it('treats a store as back once nothing is left that it would take', async () => {
    answer = fails;
    void count();
    await jest.advanceTimersByTimeAsync(10);
    now += 5 * 60_000;
    publisher.publishAll();
    expect(health.away).toBe(false);
    void count();
    await jest.advanceTimersByTimeAsync(10);
    publisher.publishAll();
    expect(health.away).toBe(true);
    answer = answers;
    await jest.advanceTimersByTimeAsync(100);
    expect(taken()).toBe(1);
  });

  it('treats it as back, too, if only expired non-urgent totals are left', async () => {
    open('auto');
    answer = fails;
    const [urgent, later] = [track('urgent'), track('later')];
    for (const tracked of [urgent, later]) tracked.add(1, { id: tracked.key });
    void publisher.publish(urgent, 'now');
    await jest.advanceTimersByTimeAsync(10);
    void publisher.publish(later, 'later');
    now += 5 * 60_000;
    publisher.publishAll();
    expect(health.away).toBe(false);
  });

  describe('probes the store', () => {
    let time: jest.Mock<Promise<number>, []>;
    const slowly = (end: () => Promise<number>): (() => Promise<number>) => {
      return async () => {
        await new Promise((resolve) => setTimeout(resolve, 100));
        return end();
      };
    };
    const gone = (): Promise<number> => Promise.reject(new Error('gone'));
    beforeEach(() => {
      time = jest.fn(() => Promise.resolve(now));
      Object.assign(store, { time });
      answer = answers;
    });
    afterEach(() => Reflect.deleteProperty(store, 'time'));

    it('with one probe at a time', async () => {
      void publisher.probe();
      void publisher.probe();
      expect(time).toHaveBeenCalledTimes(1);
      await jest.advanceTimersByTimeAsync(0);
      void publisher.probe();
      expect(time).toHaveBeenCalledTimes(2);
      Reflect.deleteProperty(store, 'time');
      await expect(publisher.probe()).resolves.toBeUndefined();
    });

    it('but not while there is something to publish', async () => {
      open('auto');
      const tracked = track();
      tracked.add(1, { id: 'acme' });
      void publisher.publish(tracked, 'later');
      void publisher.probe();
      await jest.advanceTimersByTimeAsync(200);
      answer = hangs;
      void publisher.publish(tracked, 'now');
      await jest.advanceTimersByTimeAsync(10);
      void publisher.probe();
      expect([publishes.length, time.mock.calls.length]).toEqual([2, 0]);
    });

    it.each<[how: string, time: () => Promise<number>, reason: string]>([
      ['gives a reason', gone, 'gone'],
      ['gives none', jest.fn().mockRejectedValue(undefined), 'no reason'],
      ['does not answer', () => new Promise(() => undefined), 'no answer within 1 s'],
    ])('and treats one as away that %s, until it answers', async (_, trouble, reason) => {
      time.mockImplementation(trouble);
      for (let times = 0; times < 3; times++) {
        void publisher.probe();
        await jest.advanceTimersByTimeAsync(1_100);
        expect(health.away).toBe(true);
      }
      expect(lines.join()).toContain(reason);
      time.mockImplementation(() => Promise.resolve(now));
      void publisher.probe();
      await jest.advanceTimersByTimeAsync(0);
      expect(health.away).toBe(false);
    });

    it('and leaves the verdict to a publish that began in the meantime', async () => {
      time.mockImplementation(slowly(gone));
      answer = async (totals, at) => {
        await new Promise((resolve) => setTimeout(resolve, 300));
        return answers(totals, at);
      };
      open('background');
      void publisher.probe();
      await jest.advanceTimersByTimeAsync(50);
      void count();
      await jest.advanceTimersByTimeAsync(110);
      expect([health.away, lines]).toEqual([false, []]);
    });

    it('and reports nothing once it is stopped', async () => {
      time.mockImplementation(slowly(gone));
      void publisher.probe();
      await publisher.stop([]);
      await jest.advanceTimersByTimeAsync(200);
      expect([health.away, lines]).toEqual([false, []]);
    });

    const probe = async (times = 1): Promise<void> => {
      for (let i = 0; i < times; i++) {
        void publisher.probe();
        await jest.advanceTimersByTimeAsync(1_000);
      }
    };

    it('and accepts a synchronous answer', async () => {
      time.mockImplementation((() => now) as never);
      await probe(3);
      expect([health.away, lines]).toEqual([false, []]);
    });

    it('and does not treat a store as back that returns its time but takes no totals', async () => {
      answer = () => Promise.reject(new Error('READONLY'));
      void count();
      await jest.advanceTimersByTimeAsync(1_000);
      now += 120_000;
      await jest.advanceTimersByTimeAsync(1_000);
      await probe(3);
      expect([health.away, lines]).toEqual([true, [expect.stringContaining('store is away (READONLY)')]]);
    });

    it('and lets no request wait for a slow store', async () => {
      time.mockImplementation(slowly(() => Promise.resolve(now)));
      answer = (totals, at) => new Promise((resolve) => setTimeout(() => resolve(answers(totals, at)), 100));
      void count();
      await jest.advanceTimersByTimeAsync(500);
      await probe();
      expect(count()).toBeUndefined();
      await jest.advanceTimersByTimeAsync(500);
    });
  });
});
