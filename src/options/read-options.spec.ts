import type { CompleteOptions } from './with-defaults.js';
import { thresholdVariable } from './environment.js';
import type { RateMonitorOptions } from './rate-monitor-options.js';
import { readOptions } from './read-options.js';

const read = (variables: Record<string, unknown>, options: RateMonitorOptions = {}) =>
  readOptions(options, { get: (name) => variables[name], names: () => Object.keys(variables) });

it.each<[string, string, Partial<CompleteOptions>]>([
  ['ENABLED', 'no', { enabled: false }],
  ['ENABLED', 'Yes', { enabled: true }],
  ['SERVICE', 'billing', { service: 'billing' }],
  ['ENVIRONMENT', 'staging', { environment: 'staging' }],
  ['PUBLIC_URL', 'https://api.example.com/monitor', { publicUrl: 'https://api.example.com/monitor' }],
  ['KEY_PREFIX', '2024', { keyPrefix: '2024' }],
  ['COUNTING', 'background', { counting: 'background' }],
  ['WAIT_AT_MOST_MS', '7', { waitAtMostMs: 7 }],
  ['FLUSH_INTERVAL_MS', '70', { flushIntervalMs: 70 }],
  ['MAX_TRACKED_TENANTS', '70', { maxTrackedTenants: 70 }],
  ['INCIDENTS', 'on', { incidents: { remindAfterMs: 1_800_000, resolveAfterMs: undefined } }],
  ['INCIDENTS', 'off', { incidents: undefined }],
  ['MAX_OPEN_INCIDENTS', '70', { maxOpenIncidents: 70 }],
  ['GROUP_WAIT_MS', '0', { groupWaitMs: 0 }],
  ['SHUTDOWN_FLUSH_MS', '0', { shutdownFlushMs: 0 }],
  ['BLIND_AFTER_MS', '70', { blindAfterMs: 70 }],
])('RATE_MONITOR_%s=%s sets its option without a warning', (name, value, option) => {
  const { options, unreadVariables } = read({ [`RATE_MONITOR_${name}`]: ` ${value}\n` });
  expect(options).toMatchObject(option);
  expect(unreadVariables).toEqual([]);
});

it('numbers and booleans from a ConfigService are used as they are', () => {
  const { options } = read({ RATE_MONITOR_ENABLED: false, RATE_MONITOR_WAIT_AT_MOST_MS: 7 });
  expect(options).toMatchObject({ enabled: false, waitAtMostMs: 7 });
});

it('the code applies if a variable is not set, null or empty', () => {
  const empty = { RATE_MONITOR_ENABLED: null, RATE_MONITOR_COUNTING: undefined, RATE_MONITOR_SERVICE: ' \n' };
  expect(read(empty, { enabled: false, counting: 'await', service: 'mine' }).options).toMatchObject({
    enabled: false,
    counting: 'await',
    service: 'mine',
  });
});

it.each([
  ['true', { remindAfterMs: 7, resolveAfterMs: 8 }],
  ['false', undefined],
])(
  'RATE_MONITOR_INCIDENTS=%s turns incidents on or off, and keeps the times that the code sets',
  (value, incidents) => {
    const times = { remindAfterMs: 7, resolveAfterMs: 8 };
    expect(read({ RATE_MONITOR_INCIDENTS: value }, { incidents: times }).options.incidents).toEqual(incidents);
  },
);

it.each(['7.5', '-7', '7e3', '0x7', '7 000', 'a7', '7a'])('%j is not a number', (value) => {
  expect(() => read({ RATE_MONITOR_WAIT_AT_MOST_MS: value })).toThrow(
    `RATE_MONITOR_WAIT_AT_MOST_MS is '${value}': write a whole number of milliseconds`,
  );
});

it('unread variables that look like ours are named with a remedy, others are ignored', () => {
  const webhooks = { RATE_MONITOR_DISCORD_WEBHOOK_URL: 'x', RATE_MONITOR_SLACK_WEBHOOK_URL: 'x' };
  const { unreadVariables } = read(
    { ...webhooks, RATE_MONITOR_THRESHOLD_LLM: '1', RATE_MONITOR_ENABLE: '1', MY_RATE_MONITOR_ENABLED: '1' },
    { categories: { llm_call: { windows: [{ threshold: 1 }, { threshold: 2, period: 'day' }] } } },
  );
  expect(unreadVariables).toEqual([
    'RATE_MONITOR_THRESHOLD_LLM is set, but nothing reads it: the categories here have ' +
      'RATE_MONITOR_THRESHOLD_LLM_CALL, RATE_MONITOR_THRESHOLD_LLM_CALL_MINUTE, RATE_MONITOR_THRESHOLD_LLM_CALL_DAY',
    'RATE_MONITOR_ENABLE is set, but nothing reads it: see .env.example for the names',
  ]);
  expect(thresholdVariable('llm_call')).toBe('RATE_MONITOR_THRESHOLD_LLM_CALL');
});

it('null counts as not given, even from a class', () => {
  class Incidents {
    remindAfterMs = null;
    get resolveAfterMs(): number {
      return 7;
    }
  }
  class Category {
    threshold = 1;
    windowMs = null;
    get levels(): unknown {
      return [{ at: 2, severity: 'info' }];
    }
    get keyPrefix(): string {
      throw new Error('a helper of the class');
    }
  }
  const channel = { name: 'mine', send: () => undefined, minSeverity: null, repeatEveryMs: null };
  const given = { enabled: null, channels: [channel], incidents: new Incidents(), categories: { a: new Category() } };
  const { options } = read({}, given as never);
  expect(options).toMatchObject({ enabled: true, incidents: { remindAfterMs: 1_800_000, resolveAfterMs: 7 } });
  expect(options.channels?.[0]).toBe(channel);
  expect(options.categories.get('a')?.windows).toMatchObject([{ windowMs: 60_000, levels: [{ at: 2 }] }]);
});

it('a class may have its options as getters', () => {
  class Options {
    get enabled(): boolean {
      return false;
    }
    get threshold(): number {
      throw new Error('a helper of the class');
    }
  }
  expect(read({}, new Options() as never).options.enabled).toBe(false);
});

it('a class may have functions as methods, and categories as getters', () => {
  class Categories {
    get llm_call(): unknown {
      return new Category();
    }
    helper(): void {}
  }
  class Category {
    readonly #limit = 5;
    tenant(): string {
      return 'acme';
    }
    threshold(): number {
      return this.#limit;
    }
  }
  class Options {
    get categories(): Categories {
      return new Categories();
    }
    skipIf(): boolean {
      return true;
    }
    createRateMonitorOptions(): this {
      return this;
    }
  }
  const { options } = read({}, new Options() as never);
  const { tenant, windows } = options.categories.get('llm_call') ?? {};
  const functions = [options.skipIf, tenant, windows?.[0]?.threshold];
  expect(functions.map((each) => (each as () => unknown)())).toEqual([true, 'acme', 5]);
});

it('options may be inherited, and unknown ones are refused', () => {
  const shared = { keyPrefix: 'shared', counting: 'await', categories: { llm_call: { threshold: 9 } } };
  const given = Object.assign(Object.create(shared) as object, { keyPrefix: 'own' });
  const { options } = read({}, given);
  expect([options.keyPrefix, options.counting, options.categories.get('llm_call')?.windows[0]?.threshold]).toEqual([
    ...['own', 'await', 9],
  ]);
  expect(() => read({}, Object.create({ keyPrefx: 'x' }) as object)).toThrow('keyPrefx is not an option');
  const within = { categories: { llm_call: Object.create({ threshold: 9, windowMS: 5 }) as object } };
  expect(() => read({}, within as never)).toThrow('categories.llm_call.windowMS is not an option');
});

it('without options or variables there are the default categories', () => {
  const { options } = read({});
  expect(
    [...options.categories.values()].map(({ name, windows: [of] }) => [name, of?.threshold, of?.windowMs]),
  ).toEqual([
    ['llm_call', 15, 60_000],
    ['collections', 3, 60_000],
    ['evaluations', 3, 60_000],
  ]);
  expect(read({ RATE_MONITOR_THRESHOLD_LLM_CALL: '7' }).options.categories.get('llm_call')?.windows[0]?.threshold).toBe(
    7,
  );
});
