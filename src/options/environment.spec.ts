import type { ModuleRef } from '@nestjs/core';

import { applyEnvironment, environmentOf, NO_ENVIRONMENT, thresholdVariable, valueOf } from './environment.js';
import { readOptions } from './read-options.js';

const environment = (variables: Record<string, unknown>) => ({
  get: (name: string) => variables[name],
  names: () => Object.keys(variables),
});
const apply = (options: object, variables: Record<string, unknown> = {}) =>
  applyEnvironment(options, environment(variables));
const P = 'RATE_MONITOR_';

describe('the environment', () => {
  it("is the process's environment if the app has no ConfigService", async () => {
    const app = {
      get: () => {
        throw new Error('no such provider');
      },
    };
    const { get, names } = await environmentOf(app as unknown as ModuleRef);
    expect(get('PATH')).toBe(process.env.PATH);
    expect(names()).toContain('PATH');
  });

  it('is what the ConfigService returns, with the variable names of the process', async () => {
    const app = { get: () => ({ get: (name: string) => `${name} of config` }) };
    const { get, names } = await environmentOf(app as unknown as ModuleRef);
    expect(get('PATH')).toBe('PATH of config');
    expect(names()).toContain('PATH');
  });

  it('may be none', () => {
    expect(NO_ENVIRONMENT.get('PATH')).toBeUndefined();
    expect(NO_ENVIRONMENT.names()).toEqual([]);
  });
});

describe('the value of a variable', () => {
  it.each([
    ['a b', 'a b'],
    [' a\r\n', 'a'],
    ['', undefined],
    [' \n', undefined],
    [null, undefined],
    [undefined, undefined],
    [0, 0],
    [false, false],
    [3n, 3n],
  ])('%p is %p', (value, read) => expect(valueOf(environment({ X: value }), 'X')).toBe(read));

  it.each([
    [{}, 'an object'],
    [['1'], 'a list'],
    [new Date(), 'an object (Date)'],
    [() => 1, 'a function'],
  ])('%p, which a ConfigService may return, stops the boot', (value, kind) => {
    expect(() => readOptions({}, environment({ [`${P}INCIDENTS`]: value }))).toThrow(
      `cannot start:\n  - RATE_MONITOR_INCIDENTS is ${kind}: write text, a number, true or false`,
    );
  });
});

it('a ConfigService that throws stops the boot, with the name of the variable', () => {
  const get = (): never => {
    throw new Error('no schema');
  };
  expect(() => valueOf({ get, names: () => [] }, 'X')).toThrow(
    'X cannot be read from ConfigService (no schema): let it return undefined if it is not set',
  );
});

describe('a variable', () => {
  it.each([
    [{ ENABLED: 'YES' }, { enabled: true }],
    [{ ENABLED: 'true' }, { enabled: true }],
    [{ ENABLED: '1' }, { enabled: true }],
    [{ ENABLED: 'On' }, { enabled: true }],
    [{ ENABLED: 'TRUE ' }, { enabled: true }],
    [{ ENABLED: 'on\n' }, { enabled: true }],
    [{ ENABLED: 'False' }, { enabled: false }],
    [{ ENABLED: 'no' }, { enabled: false }],
    [{ ENABLED: '0' }, { enabled: false }],
    // From a ConfigService whose schema makes numbers of them.
    [{ ENABLED: 0 }, { enabled: false }],
    [{ INCIDENTS: 1 }, { incidents: true }],
    [{ INCIDENTS: 'OFF' }, { incidents: false }],
    [{ WAIT_AT_MOST_MS: '007' }, { waitAtMostMs: 7 }],
    [{ WAIT_AT_MOST_MS: '5' }, { waitAtMostMs: 5 }],
    [
      { MAX_OPEN_INCIDENTS: '5', SHUTDOWN_FLUSH_MS: '6' },
      { maxOpenIncidents: 5, shutdownFlushMs: 6 },
    ],
    [
      { SERVICE: '5', ENVIRONMENT: 'no', KEY_PREFIX: '1' },
      { service: '5', environment: 'no', keyPrefix: '1' },
    ],
    // What cannot be parsed stays text, for validation to report.
    [
      { ENABLED: 'maybe', INCIDENTS: 'constructor' },
      { enabled: 'maybe', incidents: 'constructor' },
    ],
    [
      { WAIT_AT_MOST_MS: '5 ms', GROUP_WAIT_MS: '-5' },
      { waitAtMostMs: '5 ms', groupWaitMs: '-5' },
    ],
  ])('%j sets %j', (variables, options) => {
    const prefixed = Object.fromEntries(Object.entries(variables).map(([name, value]) => [P + name, value]));
    const { options: read, unread } = apply({ enabled: 'code', waitAtMostMs: 'code', tenant: 'code' }, prefixed);
    expect(read).toMatchObject({ tenant: 'code', ...options });
    expect(unread).toEqual([]);
  });

  it.each([
    [{ ENABLED: 'maybe' }, "ENABLED is 'maybe': write true or false, or leave it out for true"],
    [{ ENABLED: 'constructor' }, "ENABLED is 'constructor': write true or false, or leave it out for true"],
    [{ ENABLED: 2 }, 'ENABLED is 2: write true or false, or leave it out for true'],
    [
      { INCIDENTS: 'maybe' },
      "INCIDENTS is 'maybe': write true, false, or { remindAfterMs, resolveAfterMs }, or leave it out for false",
    ],
    [{ COUNTING: 'later' }, "COUNTING is 'later': write 'auto', 'await' or 'background', or leave it out for 'auto'"],
    [
      { WAIT_AT_MOST_MS: '0' },
      'WAIT_AT_MOST_MS is 0: write a whole number of milliseconds, 1 or more, or leave it out for 50',
    ],
    [
      { BLIND_AFTER_MS: '0' },
      'BLIND_AFTER_MS is 0: write a whole number of milliseconds, 1 or more, or leave it out for 30000',
    ],
    [
      { BLIND_AFTER_MS: 3n },
      'BLIND_AFTER_MS is a bigint: write a whole number of milliseconds, 1 or more, or leave it out for 30000',
    ],
    [
      { FLUSH_INTERVAL_MS: '99999999999' },
      'FLUSH_INTERVAL_MS is 99999999999: write 2147483647 at most, or leave it out for 100',
    ],
    [{ FLUSH_INTERVAL_MS: '40000' }, 'FLUSH_INTERVAL_MS is 40000: write 30000 at most, half of the shortest window'],
    [
      { KEY_PREFIX: 'redis://:hunter2@db' },
      "KEY_PREFIX is an address: write letters, digits and _ : . - only, or leave it out for 'rate_monitor'",
    ],
    [
      { KEY_PREFIX: '{x}' },
      "KEY_PREFIX is '{x}': write letters, digits and _ : . - only, or leave it out for 'rate_monitor'",
    ],
    [
      { PUBLIC_URL: 'https://me:hunter2@host' },
      "PUBLIC_URL is a string: write an address such as 'https://api.example.com/rate-monitor', or leave it out",
    ],
    [
      { MAX_TRACKED_TENANTS: 'all' },
      "MAX_TRACKED_TENANTS is 'all': write a whole number of tenants, 1 or more, or leave it out for 100000",
    ],
    [{ THRESHOLD_EVALUATIONS: 'abc' }, "THRESHOLD_EVALUATIONS is 'abc': write a whole number, 0 or more"],
    [{ THRESHOLD_EVALUATIONS: '-1' }, "THRESHOLD_EVALUATIONS is '-1': write a whole number, 0 or more"],
    [{ THRESHOLD_EVALUATIONS: '1.5' }, "THRESHOLD_EVALUATIONS is '1.5': write a whole number, 0 or more"],
    [
      { THRESHOLD_LLM_CALL_MINUTE: 'Infinity' },
      "THRESHOLD_LLM_CALL_MINUTE is 'Infinity': write a whole number, 0 or more",
    ],
  ])('%p stops the boot', (variables, line) => {
    const [[name, value]] = Object.entries(variables) as [[string, unknown]];
    expect(() => readOptions({}, environment({ [P + name]: value }))).toThrow(
      new Error(`nestjs-rate-monitor cannot start:\n  - RATE_MONITOR_${line}`),
    );
  });

  it('is named as the source of its option', () => {
    const { sources } = apply(
      { categories: { a: { threshold: 1 }, b: { windows: [{}, { period: 'day' }] } } },
      { [`${P}ENABLED`]: 'no', [`${P}SERVICE`]: '', [`${P}THRESHOLD_A_MINUTE`]: '5', [`${P}THRESHOLD_B_DAY`]: '6' },
    );
    expect([...sources]).toEqual([
      ['enabled', 'RATE_MONITOR_ENABLED'],
      ['categories.a.threshold', 'RATE_MONITOR_THRESHOLD_A_MINUTE'],
      ['categories.b.windows[1].threshold', 'RATE_MONITOR_THRESHOLD_B_DAY'],
    ]);
  });

  it('of a threshold is known for each window: the one that is set and wins, else the shorter one', () => {
    const { thresholdVariables, unread } = apply(
      { categories: { a: { threshold: 1 }, b: { windows: [{}, { period: 'day' }] } } },
      { [`${P}THRESHOLD_A`]: '4', [`${P}THRESHOLD_A_MINUTE`]: '5', [`${P}THRESHOLD_C`]: '6' },
    );
    expect([...thresholdVariables]).toEqual([
      ['categories.a', 'RATE_MONITOR_THRESHOLD_A_MINUTE'],
      ['categories.b.windows[0]', 'RATE_MONITOR_THRESHOLD_B'],
      ['categories.b.windows[1]', 'RATE_MONITOR_THRESHOLD_B_DAY'],
    ]);
    const known = ['A', 'A_MINUTE', 'B', 'B_MINUTE', 'B_DAY'].map((name) => `RATE_MONITOR_THRESHOLD_${name}`);
    expect(unread).toEqual([
      `RATE_MONITOR_THRESHOLD_C is set, but nothing reads it: the categories here have ${known.join(', ')}`,
    ]);
  });

  it.each([
    ['true', { remindAfterMs: 5 }, { remindAfterMs: 5 }],
    ['true', false, true],
    ['true', undefined, true],
    ['false', { remindAfterMs: 5 }, false],
    ['5', { remindAfterMs: 5 }, '5'],
    ['', { remindAfterMs: 5 }, { remindAfterMs: 5 }],
  ])('that is %p if the code sets incidents to %p leaves %p', (text, incidents, read) => {
    expect(apply({ incidents }, { [`${P}INCIDENTS`]: text }).options.incidents).toEqual(read);
  });

  it('is warned of if it looks like ours and nothing reads it, even if it belongs to another service', () => {
    const { unread } = apply(
      { categories: { a: { threshold: 1 } } },
      {
        RATE_MONITOR_ENABLE: '1',
        RATE_MONITOR_THRESHOLD_B: '1',
        RATE_MONITOR_DISCORD_WEBHOOK_URL: 'x',
        RATE_MONITOR_SLACK_WEBHOOK_URL: 'x',
        RATE_MONITOR_THRESHOLD_A: '1',
        RATE_MONITOR_COUNTING: 'auto',
        MY_RATE_MONITOR_ENABLED: '1',
        RATE_MONITORING: '1',
        THRESHOLD_A: '1',
      },
    );
    expect(unread).toEqual([
      'RATE_MONITOR_ENABLE is set, but nothing reads it: see .env.example for the names',
      'RATE_MONITOR_THRESHOLD_B is set, but nothing reads it: the categories here have RATE_MONITOR_THRESHOLD_A, RATE_MONITOR_THRESHOLD_A_MINUTE',
    ]);
  });

  it('of a threshold is warned of even if there are no categories', () => {
    expect(apply({ categories: {} }, { RATE_MONITOR_THRESHOLD_B: '1' }).unread).toEqual([
      'RATE_MONITOR_THRESHOLD_B is set, but nothing reads it: the categories here have none',
    ]);
  });

  it('that means another category is not suggested for this one', () => {
    const categories = { a: { threshold: 1, period: 'day' }, a_day: { threshold: 1 } };
    expect(apply({ categories }, { RATE_MONITOR_THRESHOLD_B: '1' }).unread).toEqual([
      'RATE_MONITOR_THRESHOLD_B is set, but nothing reads it: the categories here have RATE_MONITOR_THRESHOLD_A, ' +
        'RATE_MONITOR_THRESHOLD_A_DAY, RATE_MONITOR_THRESHOLD_A_DAY_MINUTE',
    ]);
  });

  it('of a threshold is named after the category', () => {
    expect(thresholdVariable('llm_call')).toBe('RATE_MONITOR_THRESHOLD_LLM_CALL');
  });
});

describe('what the code sets', () => {
  it('is kept, and the given object is not changed', () => {
    const categories = Object.freeze({ a: Object.freeze({ threshold: 1, maxCost: 5 }) });
    const { options } = apply(Object.freeze({ categories }), { [`${P}THRESHOLD_A`]: '0' });
    expect(options.categories).toEqual({ a: { threshold: 0, maxCost: 5 } });
    expect(apply({ categories: { a: { threshold: 5 } } }).options.categories).toEqual({ a: { threshold: 5 } });
    const windows = [
      { threshold: 1, sliding: true },
      { threshold: 2, period: 'day' },
    ];
    expect(
      apply({ categories: { a: { maxCost: 5, windows } } }, { [`${P}THRESHOLD_A`]: '7' }).options.categories,
    ).toEqual({
      a: { maxCost: 5, windows: [{ threshold: 7, sliding: true }, windows[1]] },
    });
  });

  it.each([[], 5, 'a', new Map(), undefined])('for categories is left to validation if it is %p', (categories) => {
    expect(apply({ categories }).options.categories).toBe(categories);
    expect(apply({}).options).not.toHaveProperty('categories');
  });

  it.each([
    [undefined, { a: undefined }],
    [5, { a: 5 }],
    [new Map(), { a: new Map() }],
    [{ windows: [5, undefined] }, { a: { windows: [5, undefined] } }],
  ])('for a category is left to validation too if it is %p', (a, categories) => {
    expect(apply({ categories: { a } }).options.categories).toEqual(categories);
    expect(apply({ categories: { a } }, { [`${P}THRESHOLD_A`]: '7' }).options.categories).toEqual(categories);
  });
});
