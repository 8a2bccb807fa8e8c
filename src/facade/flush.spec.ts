import { Logger } from '@nestjs/common';

import { AlertService } from './alert.service.js';
import { RateCounterService } from './rate-counter.service.js';
import { RateMonitorService } from './rate-monitor.service.js';

describe('flush()', () => {
  let lines: string[];
  let limits: number[];
  const flush = (limitMs: number): Promise<boolean> => Promise.resolve(limits.push(limitMs) > 0);
  const part = { value: { flush } } as never;
  const [counter, alerts] = [new RateCounterService(part), new AlertService(part, {} as never)];
  const services = [counter, alerts, new RateMonitorService(counter, alerts)];

  beforeEach(() => {
    [lines, limits] = [[], []];
    jest.spyOn(performance, 'now').mockReturnValue(0);
    jest.spyOn(Logger.prototype, 'warn').mockImplementation((line: string) => void lines.push(line));
  });
  afterEach(() => jest.restoreAllMocks());

  const given = async (withinMs: unknown): Promise<number[]> => {
    for (const service of services) expect(await service.flush(withinMs as number)).toBe(true);
    return [...new Set(limits)];
  };

  it.each([
    [undefined, 2_000],
    [null, 2_000],
    [0, 0],
    [-200, 0],
    [0.5, 0.5],
    [Infinity, Infinity],
  ])('given %p takes %p ms', async (withinMs, limitMs) => {
    expect([await given(withinMs), limits.length, lines]).toEqual([[limitMs], 4, []]);
  });

  it.each([
    [NaN, 'NaN'],
    ['500', 'a string'],
    [{ withinMs: 500 }, 'an object'],
    [() => 500, 'a function'],
  ])('given %p takes 2 s, which is logged once', async (withinMs, shown) => {
    expect(await given(withinMs)).toEqual([2_000]);
    expect(lines).toEqual([`flush() is given ${shown}: its limit is 2000 ms. Write flush(500)`]);
  });
});
