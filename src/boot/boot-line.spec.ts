import type { MarkedHandler } from '../monitor/marked-handlers.js';
import type { CategoryOptions } from '../options/rate-monitor-options.js';
import { readOptions } from '../options/read-options.js';
import { bootLine } from './boot-line.js';

describe('the line at boot', () => {
  const lineOf = (llm_call: CategoryOptions): string => {
    const { categories } = readOptions({ categories: { llm_call } }, { get: () => undefined, names: () => [] }).options;
    const handler = { name: 'Api.call', marks: [{ category: 'llm_call' }] } as unknown as MarkedHandler;
    return bootLine('memory', [handler], categories, ['log']);
  };

  it.each<[CategoryOptions, string]>([
    [{ threshold: 15 }, 'more than 15 in 1 min'],
    [{ threshold: () => 15, windowMs: 90_000 }, 'a threshold per tenant in 90 s'],
    [{ threshold: Infinity }, 'no threshold'],
    [{ windows: [{ period: 'day', timeZone: 'Asia/Kolkata', threshold: 2_000 }] }, 'more than 2,000 in a day'],
    [
      { windows: [{ threshold: 15 }, { windowMs: 86_400_000, threshold: 9 }, { period: 'month', threshold: 30_000 }] },
      'more than 15 in 1 min, more than 9 in 24 h, more than 30,000 in a month',
    ],
  ])('names each window of a category: %j', (options, expected) => {
    expect(lineOf(options)).toBe(`Counting in memory; monitoring Api.call (llm_call: ${expected}); alerts go to log`);
  });

  it('asks for no mark where there is no category', () => {
    const line = bootLine('memory', [], new Map(), []);
    expect(line).toBe(
      'Counting in memory; monitoring nothing: categories is empty; alerts go nowhere: channels is empty',
    );
  });
});
