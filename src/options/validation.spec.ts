import { MemoryCounterStore } from '../store/memory/memory-counter-store.js';
import type { RateMonitorOptions } from './rate-monitor-options.js';
import { NO_ENVIRONMENT, applyEnvironment } from './environment.js';
import { optionsOf } from './isolated-class-validator.js';
import { readOptions } from './read-options.js';
import {
  CategoryShape,
  ChannelShape,
  IncidentsShape,
  LevelShape,
  MetricsShape,
  OptionsShape,
  UsageShape,
  WindowShape,
} from './rules.js';
import { validate } from './validation.js';

/** What the error of the boot says of these options, without what is said of all; no line if they are right. */
function linesOf(options: unknown, variables: Record<string, unknown> = {}): string[] {
  try {
    const environment = { get: (name: string) => variables[name], names: () => Object.keys(variables) };
    readOptions(options as RateMonitorOptions, environment);
    return [];
  } catch (error) {
    const { name, message } = error as Error;
    expect(name).toBe('RateMonitorConfigError');
    const [first, ...lines] = message.split('\n');
    expect(first).toBe('nestjs-rate-monitor cannot start:');
    return lines.map((line) => line.replace(/^ {2}- /, ''));
  }
}

/** Of one category `a`. */
const ofCategory = (category: object): string[] => linesOf({ categories: { a: { threshold: 1, ...category } } });
/** Of its second window, beside one of a minute. */
const ofWindow = (window: unknown): string[] => linesOf({ categories: { a: { windows: [{ threshold: 1 }, window] } } });
const ofLevels = (...levels: unknown[]): string[] => ofCategory({ levels });
const ofChannel = (channel: unknown): string[] => linesOf({ channels: [channel] });

const channel = { name: 'mine', send: () => undefined };
class Settings {}
const revoked = <T extends object>(target: T): T => {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
};
const throwing = <T extends object>(name: string, of: T): T =>
  Object.defineProperty(of, name, {
    enumerable: true,
    get: () => {
      throw new Error('not for you');
    },
  });

const FUNCTION_OF_CONTEXT = 'write a function of the execution context that returns';
const CATEGORIES = 'write an object such as { llm_call: { threshold: 15 } }, or leave it out';
const REDIS = "write an ioredis client or Cluster, or { namespace: 'name of a nestjs-redis client' }, or leave it out";
const STORE = 'write an object with the methods of CounterStore and its name, or leave it out';
const STORE_PARTS =
  'write a store whose time, open and close are functions, and whose state and usage have all methods of SharedState and UsageStore, as far as it has them';
const aStore = { name: 'mine', publish: () => [], read: () => [] };
const SERVICE = 'write a name of 100 characters at most on one line, or leave it out for the name in package.json';
const ENVIRONMENT = "write a name such as 'production', 100 characters at most, or leave it out for NODE_ENV";
const PUBLIC_URL = "write an address such as 'https://api.example.com/rate-monitor', or leave it out";
const KEY_PREFIX = "write letters, digits and _ : . - only, or leave it out for 'rate_monitor'";
const COUNTING = "write 'auto', 'await' or 'background', or leave it out for 'auto'";
const INCIDENTS = 'write true, false, or { remindAfterMs, resolveAfterMs }, or leave it out for false';
const USAGE = 'write true, false, or { retentionMs, hourlyRetentionMs }, or leave it out for true';
const METRICS = 'write an object such as { tenants: 50 }, or leave it out for just that';
const THRESHOLD = 'write a whole number, 0 or more';
const LEVELS = "write a list such as [{ at: 1, severity: 'warning' }], or leave it out for just that";
const WINDOWS =
  "write a list such as [{ threshold: 15 }, { period: 'month', threshold: 30_000 }], or leave it out for one window";
const COST = 'write a number above 0, 1000000000000000 at most, or leave it out for 1000000000';
const MULTIPLE = 'write a multiple of the threshold above 0, such as 1';
const CHANNEL = 'write an alert channel, such as new LogChannel()';
const NO_OPTION =
  'is not an option: write one of categories, tenant, contributor, exempt, redis, store, service, environment, publicUrl, keyPrefix, ' +
  'counting, waitAtMostMs, flushIntervalMs, maxTrackedTenants, thresholdTtlMs, channels, incidents, maxOpenIncidents, groupWaitMs, ' +
  'shutdownFlushMs, blindAfterMs, usage, metrics, skipIf, enabled';
const NO_OPTION_OF_CATEGORY =
  'is not an option: write one of windows, maxCost, tenant, contributor, exempt, threshold, windowMs, period, timeZone, sliding, levels';
const NO_OPTION_OF_LEVEL = 'is not an option: write one of at, severity';
const UNREADABLE = 'cannot be read (not for you): write a plain value';

describe('an option of the module', () => {
  it.each<[keyof RateMonitorOptions, unknown, string]>([
    ['categories', -1, `-1: ${CATEGORIES}`],
    ['categories', () => ({}), `a function: ${CATEGORIES}`],
    ['categories', [{}], `a list: ${CATEGORIES}`],
    ['categories', new Map(), `an object (Map): ${CATEGORIES}`],
    ['tenant', 'acme', `'acme': ${FUNCTION_OF_CONTEXT} a tenant, or leave it out`],
    ['tenant', '', `empty: ${FUNCTION_OF_CONTEXT} a tenant, or leave it out`],
    ['contributor', 'key', `'key': ${FUNCTION_OF_CONTEXT} a name, or leave it out`],
    ['exempt', ['a'], 'a list: write a function of the tenant that returns true or false, or leave it out'],
    ['skipIf', true, `true: ${FUNCTION_OF_CONTEXT} true or false, or leave it out`],
    ['redis', 'redis://:hunter2@db', `a string: ${REDIS}`],
    ['redis', { host: 'db', password: 'hunter2' }, `an object: ${REDIS}`],
    ['redis', { namespace: 7 }, `an object: ${REDIS}`],
    ['redis', { namespace: 'redis://:hunter2@db' }, `an object: ${REDIS}`],
    ['redis', { namespace: ':hunter2@db' }, `an object: ${REDIS}`],
    ['store', {}, `an object: ${STORE}`],
    ['store', { name: 'mine', publish: () => [] }, `an object: ${STORE}`],
    ['store', { name: 'mine', read: () => 0 }, `an object: ${STORE}`],
    ['store', { publish: () => [], read: () => 0 }, `an object: ${STORE}`],
    ['store', 7, `a number: ${STORE}`],
    ['store', { ...aStore, time: Date.now() }, `an object: ${STORE_PARTS}`],
    ['store', { ...aStore, open: true }, `an object: ${STORE_PARTS}`],
    ['store', { ...aStore, close: null }, `an object: ${STORE_PARTS}`],
    ['store', { ...aStore, state: {} }, `an object: ${STORE_PARTS}`],
    ['store', { ...aStore, usage: true }, `an object: ${STORE_PARTS}`],
    ['service', '', `empty: ${SERVICE}`],
    ['service', '  ', `'': ${SERVICE}`],
    ['service', 'a\nb', `'a b': ${SERVICE}`],
    ['service', 'x'.repeat(101), `'${'x'.repeat(39)}…': ${SERVICE}`],
    ['service', 7, `7: ${SERVICE}`],
    ['service', 'api\ud83d', `'api' with invisible characters: ${SERVICE}`],
    ['environment', '\t', `'': ${ENVIRONMENT}`],
    ['publicUrl', 'https://me:hunter2@host', `a string: ${PUBLIC_URL}`],
    ['publicUrl', 'ftp://host', `a string: ${PUBLIC_URL}`],
    ['keyPrefix', '', `empty: ${KEY_PREFIX}`],
    ['keyPrefix', '{x}', `'{x}': ${KEY_PREFIX}`],
    ['keyPrefix', 'x ', `'x': ${KEY_PREFIX}`],
    ['keyPrefix', ' x', `'x': ${KEY_PREFIX}`],
    ['keyPrefix', 'redis://:hunter2@db', `an address: ${KEY_PREFIX}`],
    ['keyPrefix', 'me:hunter2@db', `an address: ${KEY_PREFIX}`],
    ['counting', 'sk-hunter2-hunter2-hunter2', `'sk-… (26 characters)': ${COUNTING}`],
    ['counting', 'later', `'later': ${COUNTING}`],
    ['counting', ['auto'], `a list: ${COUNTING}`],
    ['channels', channel, 'an object: write a list of alert channels, or leave it out'],
    ['incidents', 'on', `'on': ${INCIDENTS}`],
    ['incidents', Promise.resolve({}), `an object (Promise): ${INCIDENTS}`],
    ['usage', 1, `1: ${USAGE}`],
    ['usage', [], `an empty list: ${USAGE}`],
    ['metrics', true, `true: ${METRICS}`],
    ['metrics', [50], `a list: ${METRICS}`],
    ['metrics', new Date(NaN), `an invalid date: ${METRICS}`],
    ['enabled', 'YES', "'YES': write true or false, or leave it out for true"],
    ['enabled', 0, '0: write true or false, or leave it out for true'],
    ['enabled', Symbol('no'), 'a symbol: write true or false, or leave it out for true'],
    // It would be taken for true.
    ['enabled', new Boolean(false), 'an object (Boolean): write true or false, or leave it out for true'],
  ])('%s: %p stops the boot', (option, value, line) => {
    expect(linesOf({ [option]: value })).toEqual([`${option} is ${line}`]);
  });

  it.each<RateMonitorOptions>([
    { tenant: () => 'acme', contributor: () => 'key', exempt: () => true, skipIf: () => true },
    { redis: { namespace: 'counters' } },
    { redis: { duplicate: () => undefined } as never },
    { store: new MemoryCounterStore() },
    { store: { ...aStore, time: () => Promise.resolve(1), state: undefined } as never },
    { service: 'x'.repeat(100), environment: 'production', publicUrl: 'http://localhost:3000/rate-monitor' },
    { service: 'x', environment: ' x y ' },
    { keyPrefix: 'a:B.c-1_' },
    { counting: 'auto' },
    { counting: 'await' },
    { counting: 'background' },
    { channels: [] },
    { incidents: false, usage: false, enabled: false },
    { incidents: {}, usage: {}, metrics: {} },
    Object.freeze({ categories: Object.freeze({ a: Object.freeze({ threshold: 1 }) }) }),
  ])('%p boots', (options) => {
    expect(linesOf(options)).toEqual([]);
  });
});

it('a store with a getter that throws stops the boot', () => {
  expect(linesOf({ store: throwing('publish', new Settings()) })).toEqual([`store is an object: ${STORE}`]);
});

it('valid options are returned unchanged', () => {
  const overridden = applyEnvironment({ categories: { a: { threshold: 1 } }, service: 'api' }, NO_ENVIRONMENT);
  expect(validate(overridden)).toBe(overridden.options);
});

describe('a number', () => {
  const among = (path: string, value: unknown): string[] => {
    const [outer = '', option] = path.split('.');
    if (outer === 'category') return ofCategory({ [option as string]: value });
    if (outer === 'channel') return ofChannel({ ...channel, [option as string]: value });
    // The window's length is what bounds it.
    const categories = { a: { threshold: 1, period: 'month' } };
    return linesOf({ categories, [outer]: option === undefined ? value : { [option]: value } });
  };
  const place = (path: string): string => path.replace('category', 'categories.a').replace('channel', 'channels[0]');

  it.each<[string, number, number | undefined, string, number | string]>([
    ['waitAtMostMs', 1, undefined, 'milliseconds', 50],
    ['flushIntervalMs', 1, undefined, 'milliseconds', 100],
    ['maxTrackedTenants', 1, undefined, 'tenants', 100_000],
    ['thresholdTtlMs', 1, undefined, 'milliseconds', 60_000],
    ['maxOpenIncidents', 1, 1_000_000, 'incidents', 10_000],
    ['groupWaitMs', 0, 60_000, 'milliseconds', 1_000],
    ['shutdownFlushMs', 0, undefined, 'milliseconds', 5_000],
    ['blindAfterMs', 1, undefined, 'milliseconds', 30_000],
    ['incidents.remindAfterMs', 1, undefined, 'milliseconds', 1_800_000],
    ['incidents.resolveAfterMs', 1, undefined, 'milliseconds', 'five windows'],
    ['usage.retentionMs', 3_600_000, 604_800_000, 'milliseconds', 86_400_000],
    ['usage.hourlyRetentionMs', 86_400_000, 7_776_000_000, 'milliseconds', 2_592_000_000],
    ['metrics.tenants', 0, 1_000, 'tenants', 50],
    ['category.windowMs', 1_000, 2_678_400_000, 'milliseconds', 60_000],
    ['channel.repeatEveryMs', 1_000, undefined, 'milliseconds', 'never'],
  ])('%s is at least %d and at most %s', (path, least, most, unit, otherwise) => {
    const timer = 2_147_483_647;
    const range = most === undefined ? `${least} or more` : `${least} to ${most}`;
    const remedy = `write a whole number of ${unit}, ${range}, or leave it out for ${otherwise}`;
    const tooMuch = most === undefined ? `write ${timer} at most, or leave it out for ${otherwise}` : remedy;
    expect(among(path, least)).toEqual([]);
    expect(among(path, undefined)).toEqual([]);
    expect(among(path, path === 'flushIntervalMs' ? 1_339_200_000 : (most ?? timer))).toEqual([]);
    expect(among(path, least - 1)).toEqual([`${place(path)} is ${least - 1}: ${remedy}`]);
    expect(among(path, (most ?? timer) + 1)).toEqual([`${place(path)} is ${(most ?? timer) + 1}: ${tooMuch}`]);
    for (const wrong of [least + 0.5, NaN, Infinity, -Infinity, true])
      expect(among(path, wrong)).toEqual([`${place(path)} is ${String(wrong)}: ${remedy}`]);
    expect(among(path, ` ${least} `)).toEqual([`${place(path)} is '${least}': ${remedy}`]);
    expect(among(path, BigInt(least))).toEqual([`${place(path)} is a bigint: ${remedy}`]);
    expect(among(path, Object(least))).toEqual([`${place(path)} is an object (Number): ${remedy}`]);
  });

  it('of a window limits the flush interval to half of it', () => {
    const HALF = 'at most, half of the shortest window';
    const [second, day] = [
      { threshold: 1, windowMs: 1_000 },
      { threshold: 1, period: 'day' },
    ];
    const of = (flushIntervalMs: number | undefined, ...categories: unknown[]): string[] =>
      linesOf({ flushIntervalMs, categories: Object.fromEntries(categories.map((each, i) => [`a${i}`, each])) });
    expect(of(500, second)).toEqual([]);
    expect(of(501, second)).toEqual([`flushIntervalMs is 501: write 500 ${HALF}`]);
    expect(of(501, { windows: [day, second] })).toEqual([`flushIntervalMs is 501: write 500 ${HALF}`]);
    expect(of(501, day, second)).toEqual([`flushIntervalMs is 501: write 500 ${HALF}`]);
    expect(of(30_001, { threshold: 1 })).toEqual([`flushIntervalMs is 30001: write 30000 ${HALF}`]);
    expect(of(43_200_000, day)).toEqual([]);
    expect(of(43_200_001, { windows: [day] })).toEqual([`flushIntervalMs is 43200001: write 43200000 ${HALF}`]);
    expect(of(2_147_483_647)).toEqual([]);
    // What is wrong with a length, or with the interval itself, is said once.
    for (const windowMs of [-1, 999, NaN, 1_000n, '5000', Symbol('5')])
      expect(of(undefined, { threshold: 1, windowMs })).toHaveLength(1);
    expect(of(501, { windows: 5 })).toEqual([`categories.a0.windows is 5: ${WINDOWS}`]);
    expect(linesOf({ flushIntervalMs: 30_001, waitAtMostMs: 0 })).toEqual([
      'waitAtMostMs is 0: write a whole number of milliseconds, 1 or more, or leave it out for 50',
      `flushIntervalMs is 30001: write 30000 ${HALF}`,
    ]);
    expect(of(1e21, second)).toEqual(['flushIntervalMs is 1e+21: write 2147483647 at most, or leave it out for 100']);
  });
});

describe('a category', () => {
  it.each([
    ['LlmCall', 'LlmCall'],
    ['1st', '1st'],
    ['llm-call', 'llm-call'],
    ['', ''],
    ['__proto__', '__proto__'],
    [`a\n${'b'.repeat(50)}`, `a ${'b'.repeat(37)}…`],
  ])('may not be named %j', (name, shown) => {
    const remedy = 'write snake_case: lowercase letters, digits and _, starting with a letter';
    expect(linesOf({ categories: { [name]: 7, a: { threshold: 1 } } })).toEqual([
      `categories.${shown} is not a name: ${remedy}`,
    ]);
  });

  it.each(['a', 'llm_call_2', 'constructor', 'x'.repeat(60)])('may be named %s', (name) => {
    expect(linesOf({ categories: { [name]: { threshold: 1 } } })).toEqual([]);
    // With its whole name, by which its variable is known.
    const variable = `RATE_MONITOR_THRESHOLD_${name.toUpperCase()}`;
    expect(linesOf({ categories: { [name]: { threshold: 1 } } }, { [variable]: 'many' })).toEqual([
      `${variable} is 'many': ${THRESHOLD}`,
    ]);
  });

  it.each([
    [3, '3'],
    ['a', "'a'"],
    [[], 'an empty list'],
    [new Set(), 'an object (Set)'],
  ])('is not %p', (category, shown) => {
    expect(linesOf({ categories: { a: category, b: { threshold: 1 } } })).toEqual([
      `categories.a is ${shown}: write an object`,
    ]);
  });

  it.each([
    ['threshold', undefined, `missing: ${THRESHOLD}`],
    ['threshold', null, `missing: ${THRESHOLD}`],
    ['threshold', -1, `-1: ${THRESHOLD}`],
    ['threshold', 1.5, `1.5: ${THRESHOLD}`],
    ['threshold', -Infinity, `-Infinity: ${THRESHOLD}`],
    ['threshold', '3', `'3': ${THRESHOLD}`],
    ['threshold', 3n, `a bigint: ${THRESHOLD}`],
    ['period', 'year', "'year': write 'day', 'week' or 'month', or leave it out"],
    ['period', Symbol('day'), "a symbol: write 'day', 'week' or 'month', or leave it out"],
    ['sliding', 'yes', "'yes': write true or false, or leave it out for false"],
    ['sliding', new Boolean(false), 'an object (Boolean): write true or false, or leave it out for false'],
    ['levels', [], `an empty list: ${LEVELS}`],
    ['levels', { at: 1 }, `an object: ${LEVELS}`],
    ['maxCost', 0, `0: ${COST}`],
    ['maxCost', Infinity, `Infinity: ${COST}`],
    ['maxCost', 1e15 + 1, `1000000000000001: ${COST}`],
    ['maxCost', '5', `'5': ${COST}`],
    ['tenant', 'acme', `'acme': ${FUNCTION_OF_CONTEXT} a tenant, or leave it out`],
    ['contributor', 'key', `'key': ${FUNCTION_OF_CONTEXT} a name, or leave it out`],
    ['exempt', ['a'], 'a list: write a function of the tenant that returns true or false, or leave it out'],
    ['timeZone', 'UTC', "set without a period: write a period such as 'day' as well"],
  ])('with %s: %p stops the boot', (option, value, line) => {
    expect(ofCategory({ [option]: value })).toEqual([`categories.a.${option} is ${line}`]);
  });

  it.each([
    { threshold: 0 },
    { threshold: Infinity },
    { threshold: Number.MAX_VALUE },
    { threshold: () => 1 },
    { maxCost: 0.001 },
    { maxCost: 1e15 },
    { period: 'day' },
    { period: 'week', timeZone: 'Asia/Kolkata' },
    { period: 'month', sliding: false },
    { sliding: true, windowMs: 1_000 },
    {
      levels: [
        { at: 0.5, severity: 'info' },
        { at: 1, severity: 'warning' },
        { at: 5, severity: 'critical' },
      ],
    },
    { tenant: () => 'acme', contributor: () => 'key', exempt: () => true },
  ])('with %p boots', (options) => expect(ofCategory(options)).toEqual([]));

  it.each([
    [{ period: 'day', windowMs: 60_000 }, 'windowMs is set together with period: write one of the two'],
    [{ period: 'day', sliding: true }, 'sliding is set together with period: write one of the two'],
    [
      { period: 'day', timeZone: 'Mars/Olympus' },
      "timeZone is 'Mars/Olympus': write the name of a time zone, such as 'Asia/Kolkata', or leave it out for 'UTC'",
    ],
  ])('with %p stops the boot', (options, line) => expect(ofCategory(options)).toEqual([`categories.a.${line}`]));
});

describe('a level', () => {
  const at = (multiple: unknown): object => ({ at: multiple, severity: 'info' });

  it.each([
    [at(0), `.at is 0: ${MULTIPLE}`],
    [at(-1), `.at is -1: ${MULTIPLE}`],
    [at(NaN), `.at is NaN: ${MULTIPLE}`],
    [at(Infinity), `.at is Infinity: ${MULTIPLE}`],
    [at('1'), `.at is '1': ${MULTIPLE}`],
    [{ severity: 'info' }, `.at is missing: ${MULTIPLE}`],
    [{ at: 1 }, ".severity is missing: write 'info', 'warning' or 'critical'"],
    [{ at: 1, severity: 'loud' }, ".severity is 'loud': write 'info', 'warning' or 'critical'"],
    [{ ...at(1), channel: 'x' }, `.channel ${NO_OPTION_OF_LEVEL}`],
    [0.8, ' is 0.8: write an object'],
    [null, ' is null: write an object'],
  ])('%p stops the boot', (level, line) => {
    // What is wrong in itself is not also said to be there twice.
    expect(ofLevels(level, level)).toEqual([`categories.a.levels[0]${line}`, `categories.a.levels[1]${line}`]);
  });

  it('is listed once', () => {
    expect(ofLevels(at(1), at(2))).toEqual([]);
    expect(ofLevels(at(1), at(2), { at: 1, severity: 'critical' }, at(2))).toEqual([
      'categories.a.levels[2].at is 1 again: write each multiple once',
      'categories.a.levels[3].at is 2 again: write each multiple once',
    ]);
  });
});

describe('windows', () => {
  it.each([
    [{}, `.threshold is missing: ${THRESHOLD}`],
    [7, ' is 7: write an object'],
    [
      { threshold: 1, windowMs: 999 },
      '.windowMs is 999: write a whole number of milliseconds, 1000 to 2678400000, or leave it out for 60000',
    ],
    [
      { threshold: 1, levels: [{ at: 1 }], period: 'day' },
      ".levels[0].severity is missing: write 'info', 'warning' or 'critical'",
    ],
    [
      { threshold: 1, tenant: () => 'a', period: 'day' },
      '.tenant is an option of a category, not of categories.a.windows[1]: write it there',
    ],
    [{ threshold: 1 }, ' is a second window of the same length (minute): write each length once'],
    [
      { threshold: 1, windowMs: 60_000, sliding: true },
      ' is a second window of the same length (minute): write each length once',
    ],
  ])('that have %p stop the boot', (window, line) =>
    expect(ofWindow(window)).toEqual([`categories.a.windows[1]${line}`]),
  );

  it.each([
    [{ period: 'day' }, { period: 'day', timeZone: 'Asia/Kolkata' }, 'day'],
    [{ period: 'day' }, { windowMs: 86_400_000 }, '24h'],
    [{ windowMs: 604_800_000 }, { period: 'week' }, 'week'],
    [{ period: 'week' }, { period: 'week' }, 'week'],
  ])('%p and %p have the same length', (one, two, name) => {
    const windows = [
      { threshold: 1, windowMs: 5_000 },
      { threshold: 1, ...one },
      { threshold: 2, ...two },
    ];
    expect(linesOf({ categories: { a: { windows } } })).toEqual([
      `categories.a.windows[2] is a second window of the same length (${name}): write each length once`,
    ]);
  });

  it('without a length are not reported as having the same length', () => {
    const windows = [
      { threshold: 1, windowMs: 'a' },
      { threshold: 1, windowMs: 'b' },
    ];
    expect(linesOf({ categories: { a: { windows } } })).toEqual([
      expect.stringContaining("windows[0].windowMs is 'a'"),
      expect.stringContaining("windows[1].windowMs is 'b'"),
    ]);
  });

  it.each([
    [5, `5: ${WINDOWS}`],
    [[], `an empty list: ${WINDOWS}`],
    [{ threshold: 1 }, `an object: ${WINDOWS}`],
  ])('are not %p', (windows, line) => {
    expect(linesOf({ categories: { a: { windows } } })).toEqual([`categories.a.windows is ${line}`]);
  });

  it('exclude options of a window beside them', () => {
    const windows = [{ threshold: 1 }];
    const beside = {
      threshold: 1,
      windowMs: 5_000,
      timeZone: 'UTC',
      sliding: true,
      levels: [{ at: 1, severity: 'info' }],
    };
    expect(linesOf({ categories: { a: { windows, ...beside, period: undefined } } })).toEqual(
      Object.keys(beside).map(
        (name) => `categories.a.${name} is set together with windows: write it in one of the windows`,
      ),
    );
    expect(linesOf({ categories: { a: { windows, period: 'day' } } })).toEqual([
      'categories.a.period is set together with windows: write it in one of the windows',
    ]);
    expect(linesOf({ categories: { a: { windows, maxCost: 5, tenant: () => 'acme' } } })).toEqual([]);
  });

  it('must not share a variable with another category', () => {
    const a = { windows: [{ threshold: 1 }, { threshold: 1, period: 'day' }] };
    expect(linesOf({ categories: { a, a_day: { threshold: 1 } } })).toEqual([
      'categories.a.windows[1] is set by RATE_MONITOR_THRESHOLD_A_DAY, as the category a_day is: write another name for that category',
    ]);
    expect(linesOf({ categories: { a: { threshold: 1, period: 'day' }, a_day: { threshold: 1 } } })).toEqual([]);
  });
});

describe('a channel', () => {
  it.each([
    ['slack', 'a string'],
    ['https://hooks.example.com/hunter2', 'a string'],
    [null, 'null'],
    [undefined, 'undefined'],
    [Settings, 'a function'],
  ])('is not %p', (given, kind) => expect(ofChannel(given)).toEqual([`channels[0] is ${kind}: ${CHANNEL}`]));

  it('is not a hole in the list', () => {
    expect(linesOf({ channels: Array(1) })).toEqual([`channels[0] is undefined: ${CHANNEL}`]);
  });

  it.each([
    [{ name: undefined }, 'name is missing: write a name of 100 characters at most on one line'],
    [{ name: ' ' }, "name is '': write a name of 100 characters at most on one line"],
    [{ name: 'a\nb' }, "name is 'a b': write a name of 100 characters at most on one line"],
    [
      { name: 'https://hooks.example.com/hunter2'.repeat(4) },
      'name is an address: write a name of 100 characters at most on one line',
    ],
    [{ send: undefined }, 'send is missing: write a method that sends one alert'],
    [{ send: 'x' }, "send is 'x': write a method that sends one alert"],
    [{ minSeverity: 'bad' }, "minSeverity is 'bad': write 'info', 'warning' or 'critical', or leave it out for all"],
    [{ categories: 'llm_call' }, "categories is 'llm_call': write a list of categories, or leave it out for all"],
    [
      { categories: ['llm_call', 'chat'] },
      "categories is a list with 'chat', which is not a category: write one of llm_call, collections, evaluations, or add it to categories",
    ],
  ])('with %p stops the boot', (options, line) => {
    expect(ofChannel({ ...channel, ...options })).toEqual([`channels[0].${line}`]);
  });

  it.each([
    { minSeverity: 'info' },
    { minSeverity: null },
    { categories: ['evaluations'] },
    { categories: [] },
    { other: 1 },
  ])('with %p boots', (options) => expect(ofChannel({ ...channel, ...options })).toEqual([]));

  it('that cannot be read stops the boot', () => {
    expect(ofChannel(throwing('name', new Settings()))).toEqual([
      'channels[0] is a channel that cannot be read (not for you): write one whose name and options can be read',
    ]);
  });

  it('is named by its index', () => {
    expect(linesOf({ channels: [channel, { ...channel, send: null }] })).toEqual([
      'channels[1].send is null: write a method that sends one alert',
    ]);
  });
});

describe('an option in the wrong place', () => {
  it.each([
    [{ treshold: 3 }, `treshold ${NO_OPTION}`],
    [{ chanels: [] }, 'chanels is not an option: write channels'],
    [{ 'a\nb': 3 }, `a b ${NO_OPTION}`],
    [{ constructor: 1 }, `constructor ${NO_OPTION}`],
    [{ hasOwnProperty: () => true }, `hasOwnProperty ${NO_OPTION}`],
    [JSON.parse('{ "__proto__": {} }'), `__proto__ ${NO_OPTION}`],
    [{ windowMs: 60_000 }, 'windowMs is an option of a category, not of the module: write it there'],
    [{ remindAfterMs: 60_000 }, 'remindAfterMs is an option of incidents, not of the module: write it there'],
    [{ retentionMs: 60_000 }, 'retentionMs is an option of usage, not of the module: write it there'],
    [{ tenants: 5 }, 'tenants is an option of metrics, not of the module: write it there'],
    [{ severity: 'info' }, 'severity is an option of a level, not of the module: write it there'],
    [{ minSeverity: 'info' }, 'minSeverity is an option of a channel, not of the module: write it there'],
    [{ incidents: { resolveAfter: 1 } }, 'incidents.resolveAfter is not an option: write resolveAfterMs'],
    [{ usage: { tenants: 5 } }, 'usage.tenants is an option of metrics, not of usage: write it there'],
    [{ metrics: { toString: 5 } }, 'metrics.toString is not an option: write tenants'],
  ])('%j stops the boot', (options, line) => expect(linesOf(options)).toEqual([line]));

  it.each([
    [{ keyPrefix: 'x' }, 'keyPrefix is an option of the module, not of categories.a: write it there'],
    [{ constructor: 1 }, `constructor ${NO_OPTION_OF_CATEGORY}`],
  ])('%p in a category stops the boot', (options, line) => {
    expect(ofCategory(options)).toEqual([`categories.a.${line}`]);
  });

  it('is a store together with redis', () => {
    const store = new MemoryCounterStore();
    expect(linesOf({ store, redis: { namespace: 'x' } })).toEqual([
      'store is set together with redis: write one of the two',
    ]);
  });

  it('that is undefined counts as absent', () => {
    expect(linesOf({ treshold: undefined, keyPrefix: undefined })).toEqual([]);
  });
});

describe('any value', () => {
  const values: [string, unknown][] = [
    ...([0, -1, 0.5, NaN, Infinity, 1e21, 1n, true, '', ' 1 ', 'YES', '__proto__'] as const).map(
      (value): [string, unknown] => [String(value), value],
    ),
    ['an address with a password', 'https://me:hunter2@host'],
    ['a symbol', Symbol('x')],
    ['a date', new Date()],
    ['a map', new Map([['x', 1]])],
    ['a promise', Promise.resolve(1)],
    ['a list', [1]],
    ['an object without a prototype', Object.create(null)],
    ['a frozen object', Object.freeze({ x: 1 })],
    ['an instance', new Settings()],
    ['an object with a getter that throws', throwing('x', {})],
    ['an instance with a getter that throws', throwing('x', new Settings())],
    ['an object that throws when it becomes text', { toString: () => JSON.parse('{') as string }],
    ['a revoked proxy', revoked({})],
    ['a revoked function', revoked(() => 1)],
    ['a class', Settings],
  ];
  const a = { threshold: 1 };
  const places: [string, new () => object, (options: object) => object][] = [
    ['', OptionsShape, (options) => options],
    ['categories.a.', CategoryShape, (options) => ({ categories: { a: { ...a, ...options } } })],
    [
      'categories.a.windows[0].',
      WindowShape,
      (options) => ({ categories: { a: { windows: [{ ...a, ...options }] } } }),
    ],
    [
      'categories.a.levels[0].',
      LevelShape,
      (options) => ({ categories: { a: { ...a, levels: [{ at: 1, severity: 'info', ...options }] } } }),
    ],
    ['incidents.', IncidentsShape, (incidents) => ({ incidents })],
    ['usage.', UsageShape, (usage) => ({ usage })],
    ['metrics.', MetricsShape, (metrics) => ({ metrics })],
    ['channels[0].', ChannelShape, (options) => ({ channels: [{ ...channel, ...options }] })],
  ];
  const options = places.flatMap(([place, shape, within]) =>
    [...optionsOf(shape)].map((name): [string, (value: unknown) => object] => [
      place + name,
      (value) => within({ [name]: value }),
    ]),
  );

  it.each([...options, ['redis.namespace', (namespace: unknown) => ({ redis: { namespace } })]] as typeof options)(
    'of %s either boots or is reported with what to write instead',
    (path, given) => {
      for (const [what, value] of values) {
        const lines = linesOf(given(value));
        const isNamed = lines.every((line) => /^\S+ (is|cannot be read) .*: write ./.test(line));
        const isPlaced = lines.length === 0 || lines.some((line) => line.startsWith(path.replace('.namespace', '')));
        const isSecret = !lines.join().includes('hunter2');
        expect([what, lines, isNamed, isPlaced, isSecret]).toEqual([what, lines, true, true, true]);
      }
    },
  );
});

describe('all problems at once', () => {
  it('each with its own line', () => {
    expect(
      linesOf({ counting: 'x', keyPrefix: '', categories: { a: {}, B: {} }, metrics: { tenants: -1 } }).sort(),
    ).toEqual([
      'categories.B is not a name: write snake_case: lowercase letters, digits and _, starting with a letter',
      `categories.a.threshold is missing: ${THRESHOLD}`,
      `counting is 'x': ${COUNTING}`,
      `keyPrefix is empty: ${KEY_PREFIX}`,
      'metrics.tenants is -1: write a whole number of tenants, 0 to 1000, or leave it out for 50',
    ]);
  });

  it('of what cannot be read', () => {
    const categories = { a: { threshold: 1, tenant: revoked(() => 'acme') }, b: { windows: [revoked({})] } };
    const usage = throwing('retentionMs', new Settings());
    const lines = linesOf(throwing('channels', { categories, redis: revoked({}), usage }));
    expect(lines).toEqual([
      expect.stringMatching(/^categories\.a\.tenant cannot be read \(.*revoked\): write a plain value$/),
      expect.stringMatching(/^categories\.b\.windows\[0\] cannot be read \(.*revoked\): write a plain value$/),
      expect.stringMatching(/^redis cannot be read \(.*revoked\): write a plain value$/),
      `usage.retentionMs ${UNREADABLE}`,
      `channels ${UNREADABLE}`,
    ]);
  });
});
