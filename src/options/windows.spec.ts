import type { Environment } from './environment.js';
import type { Category, CategoryWindow } from '../model/category.js';
import type { CategoryOptions } from './rate-monitor-options.js';
import { readOptions } from './read-options.js';

describe('windows of a category', () => {
  const environment = (variables: Record<string, string>): Environment => ({
    get: (name) => variables[name],
    names: () => Object.keys(variables),
  });
  const read = (llm_call: unknown, variables = {}, others: Record<string, CategoryOptions> = {}): Category =>
    readOptions(
      { categories: { llm_call: llm_call as CategoryOptions, ...others } },
      environment(variables),
    ).options.categories.get('llm_call') as Category;
  const budgets = {
    windows: [
      { threshold: 15 },
      { threshold: 5, windowMs: 90_000, sliding: true },
      { period: 'day', timeZone: 'Asia/Kolkata', threshold: 2_000 },
      { period: 'month', threshold: 30_000, levels: [{ at: 1, severity: 'critical' }] },
    ],
  };
  const summary = ({ name, threshold, windowMs, parts, spanAt }: CategoryWindow): unknown[] => [
    ...[name, threshold, windowMs, parts],
    spanAt(Date.parse('2026-11-25T20:00:00Z')).key,
  ];

  it('is one unnamed window in the short form', () => {
    const { windows } = read({ threshold: 15 });
    expect(windows.map(summary)).toEqual([['', 15, 60_000, undefined, '29927280']]);
    expect(read({ windows: [{ period: 'day', threshold: 1 }] }).windows.map(summary)).toEqual([
      ['', 1, 86_400_000, undefined, 'day:2026-11-25'],
    ]);
  });

  it('are named after their length, and have their own levels', () => {
    const { windows } = read(budgets);
    expect(windows.map(summary)).toEqual([
      ['minute', 15, 60_000, undefined, '29927280'],
      ['90s', 5, 90_000, 6, expect.stringMatching(/^sliding:90000:\d+$/)],
      ['day', 2_000, 86_400_000, undefined, 'day:2026-11-26+05:30'],
      ['month', 30_000, 31 * 86_400_000, undefined, 'month:2026-11'],
    ]);
    expect(windows.map(({ levels }) => levels[0]?.severity)).toEqual(['warning', 'warning', 'warning', 'critical']);
  });

  it('take their thresholds from variables', () => {
    const set = (variables: Record<string, string>): unknown[] =>
      read(budgets, variables).windows.map(({ threshold }) => threshold);
    expect(set({ RATE_MONITOR_THRESHOLD_LLM_CALL_DAY: '7', RATE_MONITOR_THRESHOLD_LLM_CALL_90S: '8' })).toEqual([
      15, 8, 7, 30_000,
    ]);
    expect(set({ RATE_MONITOR_THRESHOLD_LLM_CALL: '9' })).toEqual([9, 5, 2_000, 30_000]);
    expect(set({ RATE_MONITOR_THRESHOLD_LLM_CALL: '9', RATE_MONITOR_THRESHOLD_LLM_CALL_MINUTE: '3' })[0]).toBe(3);
    expect(() => set({ RATE_MONITOR_THRESHOLD_LLM_CALL_WEEK: '7' })).not.toThrow();
    expect(() => set({ RATE_MONITOR_THRESHOLD_LLM_CALL_DAY: 'many' })).toThrow(
      "RATE_MONITOR_THRESHOLD_LLM_CALL_DAY is 'many': write a whole number, 0 or more",
    );
  });

  it("take it from either variable in the short form; the one with the window's name wins", () => {
    const of = (options: unknown, variables: object, others = {}): unknown =>
      read(options, variables, others).windows[0]?.threshold;
    const day = { period: 'day', threshold: 1 };
    expect(of(day, { RATE_MONITOR_THRESHOLD_LLM_CALL_DAY: '7' })).toBe(7);
    expect(of(day, { RATE_MONITOR_THRESHOLD_LLM_CALL: '9' })).toBe(9);
    expect(of(day, { RATE_MONITOR_THRESHOLD_LLM_CALL_DAY: '7', RATE_MONITOR_THRESHOLD_LLM_CALL: '9' })).toBe(7);
    expect(of({ threshold: 1, windowMs: 90_000 }, { RATE_MONITOR_THRESHOLD_LLM_CALL_90S: '8' })).toBe(8);
    expect(of({ threshold: 1 }, { RATE_MONITOR_THRESHOLD_LLM_CALL_DAY: '7' })).toBe(1);
    expect(() => of(day, { RATE_MONITOR_THRESHOLD_LLM_CALL_DAY: 'many' })).toThrow(
      "RATE_MONITOR_THRESHOLD_LLM_CALL_DAY is 'many'",
    );
    // It is the variable of a category that is called so.
    const named = { llm_call_day: { threshold: 2 } };
    expect(of(day, { RATE_MONITOR_THRESHOLD_LLM_CALL_DAY: '7' }, named)).toBe(1);
  });

  it('know the variable that would set their threshold: of several, the one that is set and wins', () => {
    const of = (options: unknown, variables = {}, others = {}): string[] =>
      read(options, variables, others).windows.map(({ variable }) => variable.replace('RATE_MONITOR_THRESHOLD_', ''));
    const day = { period: 'day', threshold: 1 };
    const [plain, long] = [{ RATE_MONITOR_THRESHOLD_LLM_CALL: '9' }, { RATE_MONITOR_THRESHOLD_LLM_CALL_DAY: '7' }];
    expect(of(day)).toEqual(['LLM_CALL']);
    expect(of(day, plain)).toEqual(['LLM_CALL']);
    expect(of(day, { ...plain, ...long })).toEqual(['LLM_CALL_DAY']);
    expect(of({ windows: [day] }, long)).toEqual(['LLM_CALL_DAY']);
    expect(of(day, long, { llm_call_day: { threshold: 2 } })).toEqual(['LLM_CALL']);
    // The shortest, which the page shows, need not be the first.
    expect(of({ windows: [day, { threshold: 5 }] }, plain)).toEqual(['LLM_CALL', 'LLM_CALL_MINUTE']);
    expect(of({ windows: [day, { threshold: 5 }] }, long)).toEqual(['LLM_CALL_DAY', 'LLM_CALL_MINUTE']);
  });

  it('stop the boot if one of their variables could mean another category', () => {
    expect(() => read(budgets, {}, { llm_call_day: { threshold: 1 } })).toThrow(
      'categories.llm_call.windows[2] is set by RATE_MONITOR_THRESHOLD_LLM_CALL_DAY, as the category llm_call_day is: write another name for that category',
    );
    expect(read({ threshold: 15 }, {}, { llm_call_day: { threshold: 1 } }).windows[0]?.threshold).toBe(15);
  });

  it("use the module's contributors and exempt tenants unless they have their own", () => {
    const [contributor, exempt] = [() => 'key', () => true];
    const given = {
      contributor,
      exempt,
      categories: { a: { threshold: 1 }, b: { threshold: 1, exempt: () => false } },
    };
    const { categories } = readOptions(given, environment({})).options;
    expect(categories.get('a')).toMatchObject({ contributor, exempt });
    expect(categories.get('b')?.exempt?.({ id: 'x' })).toBe(false);
  });

  it('may have a threshold that no count exceeds', () => {
    expect(read({ threshold: Infinity }).windows[0]?.threshold).toBe(Infinity);
  });

  it.each([
    [{ threshold: 1, contributor: 'key' }, "llm_call.contributor is 'key': write a function of the execution context"],
    [{ threshold: 1, exempt: ['a'] }, 'llm_call.exempt is a list: write a function of the tenant'],
    [{ windows: [] }, 'llm_call.windows is an empty list: write a list such as'],
    [
      { windows: [{ threshold: 1 }], threshold: 2 },
      'llm_call.threshold is set together with windows: write it in one of',
    ],
    [{ windows: [{ threshold: 1 }], levels: [] }, 'llm_call.levels is set together with windows'],
    [{ windows: [{ threshold: -1 }] }, 'llm_call.windows[0].threshold is -1: write a whole number, 0 or more'],
    [{ windows: [{}] }, 'llm_call.windows[0].threshold is missing'],
    [{ windows: [7] }, 'llm_call.windows[0] is 7: write an object'],
    [{ windows: [{ threshold: 1, windowMs: 60_000n }] }, 'windows[0].windowMs is a bigint: write a whole number'],
    [{ windows: [{ threshold: 1, period: Symbol('day') }] }, 'windows[0].period is a symbol: write'],
    [{ windows: [{ threshold: 1, period: 'year' }] }, "windows[0].period is 'year': write 'day', 'week' or 'month'"],
    [{ windows: [{ threshold: 1, tenant: () => 'a' }] }, 'windows[0].tenant is an option of a category'],
    [
      { windows: [{ threshold: 1, period: 'day', timeZone: 'Mars/Olympus' }] },
      "windows[0].timeZone is 'Mars/Olympus': write the name of a time zone",
    ],
    [{ threshold: 1, timeZone: 'UTC' }, "llm_call.timeZone is set without a period: write a period such as 'day'"],
    [
      { threshold: 1, period: 'day', windowMs: 60_000 },
      'llm_call.windowMs is set together with period: write one of the two',
    ],
    [
      { threshold: 1, period: 'day', sliding: true },
      'llm_call.sliding is set together with period: write one of the two',
    ],
    [{ threshold: 1, sliding: 'yes' }, "llm_call.sliding is 'yes': write true or false"],
    [
      { windows: [{ threshold: 1 }, { threshold: 2, windowMs: 60_000 }] },
      'llm_call.windows[1] is a second window of the same length (minute): write each length once',
    ],
    [
      {
        windows: [
          { threshold: 1, period: 'day' },
          { threshold: 2, period: 'day', timeZone: 'Asia/Kolkata' },
        ],
      },
      'llm_call.windows[1] is a second window of the same length (day): write each length once',
    ],
    [
      {
        windows: [
          { threshold: 1, period: 'day', timeZone: 'UTC' },
          { threshold: 2, windowMs: 86_400_000 },
        ],
      },
      'llm_call.windows[1] is a second window of the same length (24h): write each length once',
    ],
    [
      {
        windows: [
          { threshold: 1, windowMs: 604_800_000 },
          { threshold: 2, period: 'week' },
        ],
      },
      'llm_call.windows[1] is a second window of the same length (week): write each length once',
    ],
    [
      { windows: [{ threshold: 1, levels: [{ at: 1, severity: 'loud' }] }] },
      "windows[0].levels[0].severity is 'loud': write 'info'",
    ],
  ])('%p stops the boot', (options, message) => expect(() => read(options)).toThrow(message));
});
