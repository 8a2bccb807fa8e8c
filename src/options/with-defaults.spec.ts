import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { defaultTenantResolver } from './tenant-resolvers.js';
import { completed } from '../../test/support/complete-options.js';
import { withDefaults } from './with-defaults.js';

describe('what is not given', () => {
  it('is the documented default', () => {
    const { categories, service, environment, ...others } = completed();
    expect([...categories.values()].map(({ name, windows }) => [name, windows[0]?.threshold])).toEqual([
      ['llm_call', 15],
      ['collections', 3],
      ['evaluations', 3],
    ]);
    expect(service).toBe('nestjs-rate-monitor');
    expect(environment).toBe(process.env.NODE_ENV);
    expect(others).toStrictEqual({
      enabled: true,
      publicUrl: undefined,
      keyPrefix: 'rate_monitor',
      counting: 'auto',
      waitAtMostMs: 50,
      flushIntervalMs: 100,
      maxTrackedTenants: 100_000,
      maxOpenIncidents: 10_000,
      thresholdTtlMs: 60_000,
      skipIf: undefined,
      store: undefined,
      redis: undefined,
      channels: undefined,
      incidents: undefined,
      groupWaitMs: 1_000,
      shutdownFlushMs: 5_000,
      blindAfterMs: 30_000,
      usage: { retentionMs: 86_400_000, hourlyRetentionMs: 2_592_000_000 },
      metrics: { tenants: 50 },
    });
  });

  it('of a category is the documented default', () => {
    const category = completed({ categories: { a: { threshold: 7 } } }).categories.get('a');
    const levels = [{ at: 1, severity: 'warning' }];
    const spanAt = expect.any(Function) as unknown;
    expect(category).toStrictEqual({
      name: 'a',
      maxCost: 1_000_000_000,
      tenant: defaultTenantResolver,
      contributor: undefined,
      exempt: undefined,
      windows: [{ name: '', lengthName: 'minute', variable: '', threshold: 7, levels, windowMs: 60_000, spanAt }],
    });
  });
});

it('what is given is kept', () => {
  const given = {
    enabled: false,
    service: 'api',
    environment: 'staging',
    publicUrl: 'https://host',
    keyPrefix: 'x',
    counting: 'await' as const,
    waitAtMostMs: 1,
    flushIntervalMs: 2,
    maxTrackedTenants: 3,
    maxOpenIncidents: 4,
    thresholdTtlMs: 5,
    groupWaitMs: 0,
    shutdownFlushMs: 0,
    blindAfterMs: 6,
    channels: [],
    skipIf: () => true,
    redis: { namespace: 'x' },
    store: { name: 'mine' } as never,
    incidents: { remindAfterMs: 7, resolveAfterMs: 8 },
    usage: { retentionMs: 9, hourlyRetentionMs: 10 },
    metrics: { tenants: 0 },
  };
  const { categories, ...others } = completed({ ...given, categories: {} });
  expect(others).toStrictEqual(given);
  expect(categories.size).toBe(0);
});

it.each([
  [{ incidents: true }, { incidents: { remindAfterMs: 1_800_000, resolveAfterMs: undefined } }],
  [{ incidents: {} }, { incidents: { remindAfterMs: 1_800_000, resolveAfterMs: undefined } }],
  [{ incidents: { resolveAfterMs: 7 } }, { incidents: { remindAfterMs: 1_800_000, resolveAfterMs: 7 } }],
  [{ incidents: false }, { incidents: undefined }],
  [{ usage: true }, { usage: { retentionMs: 86_400_000, hourlyRetentionMs: 2_592_000_000 } }],
  [{ usage: { retentionMs: 7 } }, { usage: { retentionMs: 7, hourlyRetentionMs: 2_592_000_000 } }],
  [{ usage: { hourlyRetentionMs: 7 } }, { usage: { retentionMs: 86_400_000, hourlyRetentionMs: 7 } }],
  [{ usage: false }, { usage: undefined }],
  [{ metrics: {} }, { metrics: { tenants: 50 } }],
])('%j is %j', (given, complete) => expect(completed(given)).toMatchObject(complete));

it('it cannot be changed later', () => {
  const options = completed({
    incidents: true,
    categories: { a: { threshold: 1 }, b: { threshold: 1, period: 'day' }, c: { threshold: 1, sliding: true } },
  });
  const categories = [...options.categories.values()];
  const windows = categories.flatMap((category) => category.windows);
  for (const part of [options, options.incidents, options.usage, ...categories, categories[0]?.windows, ...windows])
    expect(Object.isFrozen(part)).toBe(true);
});

describe('a category', () => {
  const [tenant, contributor, exempt] = [() => 'acme', () => 'key', () => true];

  it('has the functions of the module, unless it has its own', () => {
    const own = { tenant: () => 'own', contributor: () => 'own', exempt: () => false };
    const { categories } = completed({
      tenant,
      contributor,
      exempt,
      categories: { a: { threshold: 1 }, b: { threshold: 1, ...own } },
    });
    expect(categories.get('a')).toMatchObject({ tenant, contributor, exempt });
    expect(categories.get('b')).toMatchObject(own);
  });

  it('has one unnamed window, or several named ones', () => {
    const windows = [
      {
        threshold: 5,
        windowMs: 90_000,
        levels: [
          { at: 3, severity: 'critical' as const },
          { at: 0.5, severity: 'info' as const },
        ],
      },
      { threshold: 1_000, period: 'month' as const, timeZone: 'Asia/Kolkata' },
      { threshold: 7, sliding: true },
    ];
    const { categories } = completed({
      categories: { several: { windows, maxCost: 7 }, one: { windows: windows.slice(1, 2) } },
    });
    const [first, second, third] = categories.get('several')?.windows ?? [];
    // The lowest level first, in whatever order they are written.
    const levels = [
      { at: 0.5, severity: 'info' },
      { at: 3, severity: 'critical' },
    ];
    expect(first).toMatchObject({ name: '90s', lengthName: '90s', threshold: 5, windowMs: 90_000, levels });
    expect(second).toMatchObject({
      name: 'month',
      lengthName: 'month',
      threshold: 1_000,
      windowMs: 31 * 86_400_000,
      timeZone: 'Asia/Kolkata',
    });
    expect(third).toMatchObject({ name: 'minute', lengthName: 'minute', threshold: 7, windowMs: 60_000, parts: 6 });
    expect([first, second, third].map((window) => window?.spanAt(Date.UTC(2026, 10, 30, 20)).key)).toEqual([
      '19956320',
      'month:2026-12+05:30',
      'sliding:60000:179606880',
    ]);
    expect([first, third].map((window) => window && 'timeZone' in window)).toEqual([false, false]);
    expect(first && 'parts' in first).toBe(false);
    expect(categories.get('several')).toMatchObject({ maxCost: 7 });
    expect(categories.get('one')?.windows).toMatchObject([{ name: '', lengthName: 'month' }]);
    // The list of the app is not sorted.
    expect(windows[0]?.levels?.map(({ at }) => at)).toEqual([3, 0.5]);
  });

  it('has calendar days in UTC, unless it sets a time zone', () => {
    const { categories } = completed({ categories: { a: { threshold: 1, period: 'day' } } });
    expect(categories.get('a')?.windows[0]).toMatchObject({ timeZone: 'UTC', windowMs: 86_400_000 });
  });

  it('knows the variable of each window by its path', () => {
    const variables = new Map([
      ['categories.a', 'A'],
      ['categories.b.windows[0]', 'B'],
      ['categories.b.windows[1]', 'B_DAY'],
    ]);
    const windows = [{ threshold: 1 }, { threshold: 1, period: 'day' as const }];
    const { categories } = withDefaults({ categories: { a: { threshold: 1 }, b: { windows } } }, variables);
    expect([...categories.values()].map((category) => category.windows.map(({ variable }) => variable))).toEqual([
      ['A'],
      ['B', 'B_DAY'],
    ]);
  });
});

describe('the name of the app', () => {
  const before = process.cwd();
  let directory: string;

  beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'app-name-'))));
  afterAll(() => {
    process.chdir(before);
    rmSync(directory, { recursive: true });
  });

  it.each([
    [undefined, undefined],
    ['{ "name": "billing" }', 'billing'],
    [`{ "name": "${'x'.repeat(101)}" }`, 'x'.repeat(100)],
    ['{ "name": "" }', undefined],
    ['{ "name": 5 }', undefined],
    ['{ "name": ["billing"] }', undefined],
    ['{}', undefined],
    ['null', undefined],
    ['{', undefined],
  ])('with the package.json %j is %j', (text, name) => {
    process.chdir(directory);
    if (text !== undefined) writeFileSync(join(directory, 'package.json'), text);
    expect(completed().service).toBe(name);
    expect(completed({ service: 'api' }).service).toBe('api');
  });
});

it.each([
  ['production', 'production'],
  ['', undefined],
  [undefined, undefined],
])('the environment with NODE_ENV=%p is %p', (value, environment) => {
  const { NODE_ENV } = process.env;
  if (value === undefined) delete process.env.NODE_ENV;
  else process.env.NODE_ENV = value;
  try {
    expect(completed().environment).toBe(environment);
  } finally {
    process.env.NODE_ENV = NODE_ENV;
  }
});
