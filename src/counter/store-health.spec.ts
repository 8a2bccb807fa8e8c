import { type Logger } from '@nestjs/common';

import { timers } from '../../test/support/timers.js';
import { StoreHealth } from './store-health.js';

describe('StoreHealth', () => {
  const lines: string[] = [];
  const logger = {
    warn: (line: string) => lines.push(line),
    log: (line: string) => lines.push(line),
  } as unknown as Logger;
  let health: StoreHealth;
  const pass = (ms: number) => jest.advanceTimersByTime(ms);

  beforeEach(() => {
    jest.useFakeTimers();
    lines.length = 0;
    health = new StoreHealth('Redis', logger);
  });
  afterEach(() => {
    health.stop();
    jest.useRealTimers();
  });

  it('is neither away nor alone at first', () => {
    pass(2_000);
    expect([health.away, health.alone, health.unreachableForMs]).toEqual([false, false, undefined]);
  });

  it('logs once that the store is away, and once that it is back and how long it was away', () => {
    for (let i = 0; i < 5; i++) {
      health.failed(new Error('connect ECONNREFUSED'));
      pass(1_000);
    }
    expect(health.away).toBe(true);
    health.answered();
    expect(health.away).toBe(false);
    pass(1_000);
    expect(lines).toEqual([
      'Redis is away (connect ECONNREFUSED): requests continue, and their counts are kept in memory until it is back',
      'Redis is back after 5 s: counts from the outage are published',
    ]);
  });

  it('logs that it is away before it logs that it is back, even if the former is late', () => {
    for (let i = 0; i < 2; i++) {
      lines.length = 0;
      health.failed(new Error('the connection was lost'));
      // At once, so that both lines are due in a second, this one first.
      health.answered();
      pass(3_000);
      expect(lines).toEqual([
        expect.stringContaining('Redis is away (the connection was lost)'),
        expect.stringContaining('Redis is back after 0 ms'),
      ]);
    }
    expect(jest.getTimerCount()).toBe(0);
  });

  it('reports a flapping store once', () => {
    for (let i = 0; i < 20; i++) {
      health.failed(new Error('closed'));
      pass(100);
      health.answered();
      pass(200);
    }
    expect(lines).toHaveLength(1);
    pass(1_000);
    expect(lines).toHaveLength(2);
    health.failed(new Error('closed'));
    pass(250);
    expect(lines).toHaveLength(3);
  });

  it('names the lost connection if the store was slow before, and no reason of an earlier outage', () => {
    for (const error of ['NOPERM', 'the connection was lost']) {
      health.late();
      health.failed(new Error(error));
      pass(3_000);
      health.answered();
      pass(2_000);
    }
    expect(lines.filter((line) => line.includes(' is away ')).map((line) => /\((.*?)\)/.exec(line)?.[1])).toEqual([
      'NOPERM',
      'the connection was lost',
    ]);
  });

  it('names the reason that is found later, not the connection that it ended', () => {
    health.failed(new Error('the connection was lost'));
    pass(600);
    health.failed(new Error('READONLY You can not write against a read only replica.'));
    health.failed(new Error('the connection was lost'));
    pass(1_000);
    expect(lines).toEqual([expect.stringContaining('Redis is away (READONLY')]);
  });

  it('names the reason that is found on a second try', () => {
    health.failed(new Error('the connection was lost'));
    pass(50);
    health.failed(new Error('connect ECONNREFUSED'));
    pass(200);
    expect(lines).toEqual([expect.stringContaining('Redis is away (connect ECONNREFUSED)')]);
  });

  it('ignores one late answer, but reports a series of them', () => {
    health.late();
    expect(health.away).toBe(true);
    health.answered();
    pass(2_000);
    for (let i = 0; i < 20; i++) {
      health.late();
      pass(50);
      health.answered();
      pass(50);
    }
    expect(lines).toEqual([]);
    for (let i = 0; i < 20; i++) {
      health.slow();
      pass(100);
    }
    expect(lines).toEqual([expect.stringContaining('Redis answers too slowly to wait for')]);
    expect(health.alone).toBe(false);
  });

  it('judges alone after a second in each outage: an earlier outage does not shorten that', () => {
    health.failed(new Error('closed'));
    pass(60_000);
    expect(health.alone).toBe(true);
    health.answered();
    pass(60_000);
    for (let i = 0; i < 5; i++) {
      health.failed(new Error('closed'));
      pass(999);
      expect([health.alone, health.unreachableForMs]).toEqual([false, 999]);
      health.answered();
      expect([health.alone, health.unreachableForMs]).toEqual([false, undefined]);
      pass(100);
    }
  });

  it('judges alone after a second without the store, not in a short gap', () => {
    health.failed(new Error('closed'));
    pass(900);
    health.failed(new Error('closed'));
    expect(health.alone).toBe(false);
    pass(99);
    expect(health.alone).toBe(false);
    pass(1);
    expect(health.alone).toBe(true);
    health.slow();
    expect(health.alone).toBe(false);
  });

  it('names the connection a second after it was lost, if nothing more is known then', () => {
    health.failed(new Error('the connection was lost'));
    pass(999);
    expect(lines).toEqual([]);
    pass(1);
    expect(lines).toEqual([expect.stringContaining('Redis is away (the connection was lost)')]);
  });

  it('is slow once answers have been late for a second', () => {
    health.late();
    pass(999);
    health.late();
    expect(lines).toEqual([]);
    pass(1);
    health.late();
    expect(lines).toHaveLength(1);
  });

  it('is back once it has answered for a second, by a timer or with the next answer', () => {
    const back = ['Redis is back after 5 s: counts from the outage are published'];
    for (const comes of [false, true]) {
      health.failed(new Error('closed'));
      pass(5_000);
      lines.length = 0;
      health.answered();
      pass(999);
      // Nothing is known until that publish is answered.
      if (comes) health.ask(50)();
      expect(lines).toEqual([]);
      pass(1);
      if (comes) health.answered();
      expect(lines).toEqual(back);
    }
  });

  it('leaves no timer behind once it is stopped', () => {
    health.failed(new Error('closed'));
    health.stop();
    expect(jest.getTimerCount()).toBe(0);
  });

  describe('watches a call', () => {
    const late = jest.fn();
    beforeEach(() => late.mockClear());

    it('and reports that an answer is late because of the store', () => {
      const answered = health.ask(50, late);
      pass(49);
      expect(late).not.toHaveBeenCalled();
      pass(2);
      expect(late.mock.calls).toEqual([[true]]);
      expect(answered()).toBe(true);
    });

    it('and reports nothing about an answer in time, even if it is read just after', () => {
      const answered = health.ask(50, late);
      expect(answered()).toBe(false);
      pass(100);
      expect(late).not.toHaveBeenCalled();
      const just = health.ask(50, late);
      // What the answer came with is run before an immediate.
      setTimeout(() => just(), 50);
      pass(100);
      expect(late).not.toHaveBeenCalled();
    });

    it('and blames nobody if the event loop was blocked', async () => {
      jest.useRealTimers();
      let answered = (): boolean => true;
      const isOfStore = await new Promise((resolve) => {
        answered = health.ask(5, resolve);
        const end = performance.now() + 60;
        while (performance.now() < end);
      });
      expect([isOfStore, answered()]).toEqual([false, false]);
    });

    it('and keeps the process alive only if somebody waits', () => {
      jest.useRealTimers();
      const before = timers();
      const idle = health.ask(1_000);
      expect(timers()).toBe(before);
      const waited = health.ask(1_000, late);
      expect(timers()).toBe(before + 1);
      idle();
      waited();
      expect(timers()).toBe(before);
    });
  });
});
