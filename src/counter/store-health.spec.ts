import { type Logger } from '@nestjs/common';

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

  it('is not away, nor alone, to begin with', () => {
    expect([health.away, health.alone]).toEqual([false, false]);
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

  it('makes one story of a store that comes and goes', () => {
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

  it('names the connection if it was slow before that, and no reason of an earlier trouble', () => {
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

  it('names the reason that is found later, and not the connection that ended because of it', () => {
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

  it('makes no news of one late answer, and some of nothing but late ones', () => {
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

  it('judges alone after a second in each trouble: an outage of before makes no blip longer', () => {
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

  it('judges alone after a second out of reach, not in a short gap', () => {
    health.failed(new Error('closed'));
    pass(900);
    health.failed(new Error('closed'));
    expect(health.alone).toBe(false);
    pass(100);
    expect(health.alone).toBe(true);
    health.slow();
    expect(health.alone).toBe(false);
  });
});
