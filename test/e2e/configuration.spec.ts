import { Controller, Injectable, Module, Post, type DynamicModule } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';

import {
  MonitorRate,
  type RateAlert,
  RateCounterService,
  RateMonitorModule,
  type RateMonitorOptions,
  type RateMonitorOptionsFactory,
} from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { ApiController } from '../support/controllers.js';

const acme = { 'x-project': 'proj_1' };

describe('configuration', () => {
  let app: TestApp | undefined;

  const start = async (monitor: DynamicModule, imports: NonNullable<DynamicModule['imports']> = []): Promise<TestApp> =>
    (app = await startApp({ monitor, metadata: { imports, controllers: [ApiController] } }));
  const withEnvironment = (variables: Record<string, string>, options: RateMonitorOptions = {}): Promise<TestApp> => {
    Object.assign(process.env, variables);
    return start(RateMonitorModule.forRoot(options), [ConfigModule.forRoot({ isGlobal: true, ignoreEnvFile: true })]);
  };
  const alertsAfter = async (times: number): Promise<string[]> => {
    for (let i = 0; i < times; i++) expect((await app?.post('/evaluations', acme))?.status).toBe(201);
    return (app as TestApp).log.of('is over');
  };

  afterEach(async () => {
    for (const name of Object.keys(process.env)) if (name.startsWith('RATE_MONITOR_')) delete process.env[name];
    await app?.close();
    app = undefined;
  });

  it('works without options, and logs at boot where and what it counts', async () => {
    await start(RateMonitorModule.forRoot());
    expect((app as TestApp).log.of('Counting in')).toEqual([
      'log RateMonitor: Counting in memory; monitoring ApiController.evaluate (evaluations: more than 3 in 1 min), ' +
        'ApiController.collect (collections: more than 3 in 1 min); alerts go to log, sentry (installed, not set up)',
    ]);
    expect(await alertsAfter(5)).toHaveLength(1);
  });

  it('works with the very same lines when nothing is decorated', async () => {
    app = await startApp({ monitor: RateMonitorModule.forRoot() });
    expect(app.log.of('no handler yet')).toHaveLength(1);
  });

  it('warns of counting in memory in production', async () => {
    const { NODE_ENV } = process.env;
    process.env.NODE_ENV = 'production';
    await start(RateMonitorModule.forRoot());
    process.env.NODE_ENV = NODE_ENV;
    expect((app as TestApp).log.of('in memory in production')).toHaveLength(1);
  });

  describe('given later', () => {
    const options: RateMonitorOptions = {
      categories: { evaluations: { threshold: 1 }, collections: { threshold: 1 } },
    };

    @Injectable()
    class Factory implements RateMonitorOptionsFactory {
      createRateMonitorOptions(): RateMonitorOptions {
        return options;
      }
    }
    @Module({ providers: [Factory], exports: [Factory] })
    class FactoryModule {}

    it.each([
      ['useFactory', RateMonitorModule.forRootAsync({ useFactory: () => Promise.resolve(options) })],
      ['useClass', RateMonitorModule.forRootAsync({ useClass: Factory })],
      ['useExisting', RateMonitorModule.forRootAsync({ imports: [FactoryModule], useExisting: Factory })],
    ])('by %s', async (_how, monitor) => {
      await start(monitor);
      expect(await alertsAfter(2)).toHaveLength(1);
    });

    it.each([{}, { imports: [] }, undefined, null])('but not by %j', (source) => {
      expect(() => RateMonitorModule.forRootAsync(source as never)).toThrow(
        'forRootAsync() has no source of options: write useFactory, useClass or useExisting, or call forRoot()',
      );
    });

    it('by a factory that uses ConfigService', async () => {
      const imports = [ConfigModule.forRoot({ ignoreEnvFile: true, load: [() => ({ most: 2 })] })];
      await start(
        RateMonitorModule.forRootAsync({
          imports,
          inject: [ConfigService],
          useFactory: (config: ConfigService) => ({
            categories: { evaluations: { threshold: config.get<number>('most', 9) }, collections: { threshold: 1 } },
          }),
        }),
      );
      expect(await alertsAfter(2)).toHaveLength(0);
      expect(await alertsAfter(1)).toHaveLength(1);
    });
  });

  describe('from the environment', () => {
    it('wins over the code', async () => {
      await withEnvironment(
        { RATE_MONITOR_THRESHOLD_EVALUATIONS: '5' },
        { categories: { evaluations: { threshold: 1 }, collections: { threshold: () => 1 } } },
      );
      expect(await alertsAfter(5)).toHaveLength(0);
      expect(await alertsAfter(1)).toHaveLength(1);
    });

    it.each([
      ['true', true],
      ['false', false],
    ])('keeps incidents or not, by RATE_MONITOR_INCIDENTS=%s', async (value, kept) => {
      const alerts: RateAlert[] = [];
      const channel = { name: 'mine', send: (alert: RateAlert) => void alerts.push(alert) };
      await withEnvironment({ RATE_MONITOR_INCIDENTS: value }, { incidents: !kept, channels: [channel] });
      await alertsAfter(5);
      expect(alerts.map(({ incident }) => incident?.status)).toEqual([kept ? 'opened' : undefined]);
    });

    it('is read without @nestjs/config too', async () => {
      process.env.RATE_MONITOR_THRESHOLD_EVALUATIONS = '0';
      await start(RateMonitorModule.forRoot());
      expect(await alertsAfter(1)).toHaveLength(1);
    });

    it("comes from the app's ConfigService, global or not", async () => {
      const load = [() => ({ RATE_MONITOR_THRESHOLD_EVALUATIONS: 0 })];
      await start(RateMonitorModule.forRoot(), [ConfigModule.forRoot({ ignoreEnvFile: true, load })]);
      expect(await alertsAfter(1)).toHaveLength(1);
    });

    it('turns the module off: nothing is counted or connected to', async () => {
      await withEnvironment({ RATE_MONITOR_ENABLED: 'false' }, { redis: { namespace: 'not there' } });
      expect(await alertsAfter(5)).toHaveLength(0);
      const counter = (app as TestApp).app.get(RateCounterService);
      expect([await counter.increment('evaluations', 'proj_1'), await counter.read('evaluations', 'proj_1')]).toEqual([
        0, 0,
      ]);
      expect((app as TestApp).log.of('')).toEqual(['log RateMonitor: Off: nothing is counted']);
    });

    it('sets the other options', async () => {
      await withEnvironment({
        RATE_MONITOR_MAX_TRACKED_TENANTS: '1',
        RATE_MONITOR_COUNTING: 'background',
        RATE_MONITOR_FLUSH_INTERVAL_MS: '10',
        RATE_MONITOR_WAIT_AT_MOST_MS: '10',
        RATE_MONITOR_KEY_PREFIX: '2024',
      });
      await alertsAfter(1);
      await (app as TestApp).post('/evaluations', { 'x-project': 'proj_2' });
      await (app as TestApp).post('/evaluations', { 'x-project': 'proj_3' });
      expect((app as TestApp).log.of('1 tenants are tracked in evaluations, the maximum')).toHaveLength(1);
    });

    it.each(['true', 'TRUE ', '1', 'yes', 'on\n'])('takes %j for true', async (value) => {
      await withEnvironment({ RATE_MONITOR_ENABLED: value, RATE_MONITOR_THRESHOLD_EVALUATIONS: ' 0\r\n' });
      expect(await alertsAfter(1)).toHaveLength(1);
    });

    it.each(['false', 'False', '0', 'no', 'OFF'])('takes %j for false', async (value) => {
      await withEnvironment({ RATE_MONITOR_ENABLED: value });
      expect((app as TestApp).log.of('')).toEqual(['log RateMonitor: Off: nothing is counted']);
    });

    it('takes an empty variable for one that is not set, of each kind', async () => {
      const names = [
        'ENABLED',
        'COUNTING',
        'KEY_PREFIX',
        'WAIT_AT_MOST_MS',
        'INCIDENTS',
        'DISCORD_WEBHOOK_URL',
        'SERVICE',
      ];
      const empty = Object.fromEntries(names.map((name, i) => [`RATE_MONITOR_${name}`, i % 2 ? '' : ' \n']));
      await withEnvironment({ ...empty, RATE_MONITOR_THRESHOLD_EVALUATIONS: '' });
      expect(await alertsAfter(4)).toHaveLength(1);
    });

    it('warns of a threshold for no category here, names those there are, and starts', async () => {
      await withEnvironment({ RATE_MONITOR_THRESHOLD_LLM: '5' });
      expect((app as TestApp).log.of('RATE_MONITOR_THRESHOLD_LLM is set')).toEqual([
        'warn RateMonitor: RATE_MONITOR_THRESHOLD_LLM is set, but nothing reads it: the categories here have ' +
          'RATE_MONITOR_THRESHOLD_LLM_CALL, RATE_MONITOR_THRESHOLD_LLM_CALL_MINUTE, ' +
          'RATE_MONITOR_THRESHOLD_COLLECTIONS, RATE_MONITOR_THRESHOLD_COLLECTIONS_MINUTE, ' +
          'RATE_MONITOR_THRESHOLD_EVALUATIONS, RATE_MONITOR_THRESHOLD_EVALUATIONS_MINUTE',
      ]);
      expect(await alertsAfter(4)).toHaveLength(1);
    });

    it('names a variable that nothing reads', async () => {
      await withEnvironment({ RATE_MONITOR_TRESHOLD_EVALUATIONS: '5' });
      expect((app as TestApp).log.of('RATE_MONITOR_TRESHOLD_EVALUATIONS is set')).toHaveLength(1);
    });
  });

  it('takes null for not given, at any depth', async () => {
    const nothing = {
      tenant: null,
      redis: null,
      store: null,
      channels: null,
      counting: null,
      incidents: null,
      skipIf: null,
    };
    await start(
      RateMonitorModule.forRoot({
        ...nothing,
        categories: {
          evaluations: { threshold: 1, windowMs: null, levels: null, tenant: null, windows: null },
          collections: { threshold: 1 },
        },
      } as unknown as RateMonitorOptions),
    );
    expect(await alertsAfter(2)).toHaveLength(1);
  });

  it('reads options that a class gives by getters', async () => {
    class Shared {
      get channels() {
        return null;
      }
    }
    class Options extends Shared {
      enabled = true;

      get categories() {
        return { evaluations: { threshold: 1 }, collections: { threshold: 1 } };
      }

      get isProduction(): boolean {
        throw new Error('not an option, but a helper of the class');
      }
    }
    await start(RateMonitorModule.forRoot(new Options() as unknown as RateMonitorOptions));
    expect(await alertsAfter(2)).toHaveLength(1);
  });

  it('reads options of another realm, as a copy by structuredClone in a test is', async () => {
    const options = structuredClone({ categories: { evaluations: { threshold: 1 }, collections: { threshold: 1 } } });
    expect(Object.getPrototypeOf(options)).not.toBe(Object.prototype);
    await start(RateMonitorModule.forRoot(options));
    expect(await alertsAfter(2)).toHaveLength(1);
  });

  it("leaves the app's own class-validator unchanged", async () => {
    const { getMetadataStorage } = jest.requireActual<typeof import('class-validator')>('class-validator');
    const storage = getMetadataStorage();
    await start(RateMonitorModule.forRoot());
    expect(getMetadataStorage()).toBe(storage);
    expect(storage.hasValidationMetaData).toBe(false);
  });

  describe('that is wrong stops the boot with an error that names the remedy', () => {
    it.each([
      ['abc', "RATE_MONITOR_THRESHOLD_EVALUATIONS is 'abc': write a whole number, 0 or more"],
      ['-1', "RATE_MONITOR_THRESHOLD_EVALUATIONS is '-1': write a whole number, 0 or more"],
      ['1.5', "RATE_MONITOR_THRESHOLD_EVALUATIONS is '1.5': write a whole number, 0 or more"],
    ])('a threshold of %p', async (value, message) => {
      await expect(withEnvironment({ RATE_MONITOR_THRESHOLD_EVALUATIONS: value })).rejects.toThrow(message);
    });

    it.each([
      [{ RATE_MONITOR_ENABLED: 'maybe' }, "RATE_MONITOR_ENABLED is 'maybe': write true or false"],
      [{ RATE_MONITOR_ENABLED: 'constructor' }, "RATE_MONITOR_ENABLED is 'constructor': write true or false"],
      [{ RATE_MONITOR_COUNTING: 'later' }, "RATE_MONITOR_COUNTING is 'later': write 'auto', 'await' or 'background'"],
      [
        { RATE_MONITOR_WAIT_AT_MOST_MS: '0' },
        'RATE_MONITOR_WAIT_AT_MOST_MS is 0: write a whole number of milliseconds, 1 or more, or leave it out for 50',
      ],
      [
        { RATE_MONITOR_BLIND_AFTER_MS: '0' },
        'RATE_MONITOR_BLIND_AFTER_MS is 0: write a whole number of milliseconds, 1 or more, or leave it out for 30000',
      ],
      [
        { RATE_MONITOR_FLUSH_INTERVAL_MS: '99999999999' },
        'RATE_MONITOR_FLUSH_INTERVAL_MS is 99999999999: write 2147483647 at most',
      ],
      [{ RATE_MONITOR_KEY_PREFIX: 'redis://:hunter2@db' }, 'RATE_MONITOR_KEY_PREFIX is an address: write letters'],
      [{ RATE_MONITOR_KEY_PREFIX: '{x}' }, "RATE_MONITOR_KEY_PREFIX is '{x}': write letters"],
      [
        { RATE_MONITOR_MAX_TRACKED_TENANTS: 'all' },
        "RATE_MONITOR_MAX_TRACKED_TENANTS is 'all': write a whole number of tenants",
      ],
    ])('the environment %p', async (variables, message) => {
      await expect(withEnvironment(variables as Record<string, string>)).rejects.toThrow(message);
    });

    const rest = { evaluations: { threshold: 1 }, collections: { threshold: 1 } };
    const wrong: [string, unknown, string][] = [
      ['a misspelt option', { treshold: 3 }, 'treshold is not an option: write its name as in the docs'],
      [
        'a threshold below 0',
        { categories: { ...rest, evaluations: { threshold: -1 } } },
        'categories.evaluations.threshold is -1: write a whole number, 0 or more',
      ],
      [
        'a missing threshold',
        { categories: { ...rest, evaluations: {} } },
        'categories.evaluations.threshold is missing: write',
      ],
      [
        'a category that is no object',
        { categories: { ...rest, evaluations: 3 } },
        'categories.evaluations is 3: write an object',
      ],
      [
        'a category that is not snake_case',
        { categories: { ...rest, LlmCall: { threshold: 1 } } },
        'categories.LlmCall is not a name: write snake_case',
      ],
      [
        'a short window',
        { categories: { ...rest, evaluations: { threshold: 1, windowMs: 10 } } },
        'categories.evaluations.windowMs is 10: write a whole number of milliseconds, 1000 to 2678400000, or leave it out for 60000',
      ],
      [
        'an option of a category, given to the module',
        { windowMs: 60_000 },
        'windowMs is an option of a category, not of the module: write it there',
      ],
      [
        'an option of the module, given to a category',
        { categories: { ...rest, evaluations: { threshold: 1, keyPrefix: 'x' } } },
        'keyPrefix is an option of the module, not of categories.evaluations: write it there',
      ],
      [
        'totals published less often than twice a window',
        { flushIntervalMs: 700, categories: { ...rest, evaluations: { threshold: 1, windowMs: 1_000 } } },
        'flushIntervalMs is 700: write 500 at most, half of the shortest window',
      ],
      [
        'no open incidents',
        { maxOpenIncidents: 0 },
        'maxOpenIncidents is 0: write a whole number of incidents, 1 to 1000000, or leave it out for 10000',
      ],
      ['a required option that is null', { categories: { ...rest, evaluations: { threshold: null } } }, 'is missing'],
      [
        'a password in a public address, which it does not show',
        { publicUrl: 'https://me:hunter2@host' },
        "publicUrl is a string: write an address such as 'https://api.example.com/rate-monitor'",
      ],
      ['a service of no name', { service: '' }, 'service is empty: write a name of 100 characters at most'],
      ['a service of blanks', { service: '  ' }, "service is '': write a name of 100 characters at most"],
      ['an environment of blanks', { environment: '\t' }, "environment is '': write a name such as 'production'"],
      [
        'a store without a name, which the log would show',
        { store: { publish: () => [], read: () => [] } },
        'store is an object: write an object with the methods of CounterStore and its name',
      ],
      [
        'no levels',
        { categories: { ...rest, evaluations: { threshold: 1, levels: [] } } },
        'categories.evaluations.levels is a list: write a list such as',
      ],
      [
        'a level at 0',
        { categories: { ...rest, evaluations: { threshold: 1, levels: [{ at: 0, severity: 'info' }] } } },
        'categories.evaluations.levels[0].at is 0: write a multiple of the threshold above 0',
      ],
      [
        'a severity there is not',
        { categories: { ...rest, evaluations: { threshold: 1, levels: [{ at: 1, severity: 'bad' }] } } },
        "levels[0].severity is 'bad': write 'info', 'warning' or 'critical'",
      ],
      [
        'a level twice',
        {
          categories: {
            ...rest,
            evaluations: {
              threshold: 1,
              levels: [
                { at: 1, severity: 'info' },
                { at: 1, severity: 'critical' },
              ],
            },
          },
        },
        'levels[1].at is 1 again: write each multiple once',
      ],
      ['a tenant that is no function', { tenant: 'acme' }, "tenant is 'acme': write a function"],
      [
        'a Redis URL, which it does not show',
        { redis: 'redis://:hunter2@db' },
        'redis is a string: write an ioredis client or Cluster',
      ],
      [
        'a store without methods',
        { store: {} },
        'store is an object: write an object with the methods of CounterStore',
      ],
      [
        'a store beside redis',
        { store: { publish: () => [], read: () => 0 }, redis: { namespace: 'x' } },
        'store is set together with redis: write one of the two',
      ],
      ['categories that are a number', { categories: -1 }, 'categories is -1: write an object such as { llm_call:'],
      ['categories by a function', { categories: () => rest }, 'categories is a function: write an object'],
      ['categories as a list', { categories: [rest] }, 'categories is a list: write an object'],
      ['incidents that are to come', { incidents: Promise.resolve({}) }, 'incidents is an object: write an object'],
      ['usage as a list', { usage: [] }, 'usage is a list: write an object'],
      [
        'a length that is no number',
        { categories: { ...rest, evaluations: { threshold: 1, windowMs: 60_000n } } },
        'categories.evaluations.windowMs is a bigint: write a whole number of milliseconds',
      ],
      [
        'an option that every object has',
        { constructor: 1 },
        'constructor is not an option: write its name as in the docs',
      ],
      ['an option that JSON may bring', JSON.parse('{ "__proto__": {} }'), '__proto__ is not an option'],
      ['a channel that cannot send', { channels: [{ name: 'x' }] }, 'channels[0].send is missing: write a method'],
      [
        'a channel that wants to be told again without a pause',
        { channels: [{ name: 'x', send: () => undefined, repeatEveryMs: 0 }] },
        'channels[0].repeatEveryMs is 0: write a whole number of milliseconds, 1000 or more',
      ],
    ];
    it.each(wrong)('%s', async (_what, options, message) => {
      const boot = start(RateMonitorModule.forRoot(options as RateMonitorOptions));
      await expect(boot).rejects.toThrow(message);
      await expect(boot).rejects.toMatchObject({
        name: 'RateMonitorConfigError',
        message: expect.not.stringContaining('hunter2'),
      });
    });

    it.each([
      ['a number', 3],
      ['a list', []],
      ['a promise', Promise.resolve({})],
      ['a function', () => ({})],
    ])('%s for all options, of which no option would be found', async (kind, options) => {
      const message = `the options are ${kind}: give an object such as`;
      expect(() => RateMonitorModule.forRoot(options as RateMonitorOptions)).toThrow(message);
      // Nest waits for promises of factories.
      const given = kind === 'a promise' ? Promise.resolve(new Date()) : options;
      const boot = start(RateMonitorModule.forRootAsync({ useFactory: () => given as RateMonitorOptions }));
      await expect(boot).rejects.toThrow(kind === 'a promise' ? 'the options are an object: give' : message);
    });

    const revoked = <T extends object>(target: T): T => {
      const { proxy, revoke } = Proxy.revocable(target, {});
      revoke();
      return proxy;
    };
    const throwing = (name: string, of: object = {}): object =>
      Object.defineProperty(of, name, {
        enumerable: true,
        get: () => {
          throw new Error('not for you');
        },
      });
    class Channel {
      send() {}
    }
    const unreadable: [string, object, RegExp][] = [
      ['a revoked proxy', { redis: revoked({}) }, / redis cannot be read \(.*revoked\): write a plain value/],
      [
        'a revoked proxy deep within',
        { categories: { ...rest, evaluations: { windows: [revoked({})] } } },
        / categories\.evaluations\.windows\[0\] cannot be read \(.*revoked\)/,
      ],
      ['a revoked function', { tenant: revoked(() => 'acme') }, / tenant cannot be read \(.*revoked\)/],
      ['a getter that throws', { categories: throwing('x') }, / categories\.x cannot be read \(not for you\)/],
      [
        'a channel with such a getter',
        { channels: [throwing('name', new Channel())] },
        / channels\[0\] is a channel that cannot be read \(not for you\)/,
      ],
      ['a store with such a getter', { store: throwing('publish', new Channel()) }, / store is an object: write/],
      ['a list with a hole', { channels: Array(1) }, / channels\[0\]\.send is missing/],
    ];
    it.each(unreadable)('%s', async (_what, options, message) => {
      const boot = start(RateMonitorModule.forRootAsync({ useFactory: () => options }));
      await expect(boot).rejects.toThrow(message);
      await expect(boot).rejects.toMatchObject({ name: 'RateMonitorConfigError' });
    });

    it.each([
      [revoked({}), 'the options are an object that cannot be read: give an object such as'],
      [throwing('categories'), 'categories cannot be read (not for you): write a plain value'],
    ])('options that cannot be read at all', (options, message) => {
      expect(() => RateMonitorModule.forRoot(options as RateMonitorOptions)).toThrow(message);
    });

    it('of what cannot be read, all at once', async () => {
      const categories = { ...rest, evaluations: { threshold: 1, tenant: revoked(() => 'acme') } };
      const options = throwing('channels', throwing('redis', { categories, tenant: revoked(() => 'acme') }));
      const boot = start(RateMonitorModule.forRootAsync({ useFactory: () => options }));
      for (const path of ['channels', 'redis', 'tenant', 'categories.evaluations.tenant'])
        await expect(boot).rejects.toThrow(`  - ${path} cannot be read (`);
    });

    it('options that contain themselves', () => {
      const options: Record<string, object> = {};
      Object.assign(options, { metrics: options, usage: options, categories: options });
      expect(() => RateMonitorModule.forRoot(options)).toThrow(
        /cannot start:(\n {2}- (metrics|usage|categories) cannot be read \(it is nested too deeply, or contains itself\): write a plain value){3}$/,
      );
    });

    it('all of it at once', async () => {
      await expect(start(RateMonitorModule.forRoot({ counting: 'x' as never, keyPrefix: '' }))).rejects.toThrow(
        /cannot start:\n {2}- .*keyPrefix is empty.*\n {2}- .*counting is 'x'|cannot start:\n {2}- .*counting is 'x'.*\n {2}- .*keyPrefix is empty/,
      );
    });

    it('a decorator with an unknown category, on any handler', async () => {
      @Controller()
      class Wrong {
        @Post('a')
        @MonitorRate('llm_cal')
        call() {}
      }
      @MonitorRate('embeddings')
      @Controller()
      class AlsoWrong {
        @Post('b')
        embed() {}
      }
      const boot = startApp({ monitor: RateMonitorModule.forRoot(), metadata: { controllers: [Wrong, AlsoWrong] } });
      await expect(boot).rejects.toThrow(
        "@MonitorRate on Wrong.call names 'llm_cal', which is not a category: write one of llm_call, collections, evaluations",
      );
      await expect(boot).rejects.toThrow("@MonitorRate on AlsoWrong.embed names 'embeddings'");
      expect(() => (MonitorRate as () => unknown)()).toThrow('names no category');
    });

    it.each([
      [[undefined], '@MonitorRate() names no category: write categories, then options'],
      [[['a', 'b']], '@MonitorRate() is given a list: write categories, then options'],
      [['a', () => 3], '@MonitorRate() is given a function: write'],
      [[{ cost: 1 }, 'a'], '@MonitorRate() is given an object: write'],
      [[undefined, 'a'], '@MonitorRate() is given undefined: write'],
      [['a', { cots: 3 }], '@MonitorRate() has no option cots: write cost, after, when'],
    ])('a decorator with %j, when its file is imported', (args, message) => {
      expect(() => MonitorRate(...(args as [string]))).toThrow(new TypeError(message).message);
    });

    it('but not a decorator whose options are null', () => {
      expect(() => MonitorRate('llm_call', null as never)).not.toThrow();
    });
  });
});
