import { Controller, Injectable, Module, Post, type DynamicModule } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';

import {
  MonitorRate,
  type RateAlert,
  RateCounterService,
  RateMonitorConfigError,
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

  it('works without options, and logs at boot what it counts and where', async () => {
    await start(RateMonitorModule.forRoot());
    expect((app as TestApp).log.of('Counting in')).toEqual([
      'log RateMonitor: Counting in memory; monitoring ApiController.evaluate (evaluations: more than 3 in 1 min), ' +
        'ApiController.collect (collections: more than 3 in 1 min); alerts go to log, sentry (installed, not set up)',
    ]);
    expect(await alertsAfter(5)).toHaveLength(1);
  });

  it('works with the same lines if nothing is decorated', async () => {
    app = await startApp({ monitor: RateMonitorModule.forRoot() });
    expect(app.log.of('no handler yet: put @MonitorRate on one, or call RateMonitorService.record()')).toHaveLength(1);
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

    it('by a class whose members are the options', async () => {
      class Members {
        get categories(): RateMonitorOptions['categories'] {
          return options.categories;
        }
        createRateMonitorOptions(): this {
          return this;
        }
      }
      await start(RateMonitorModule.forRootAsync({ useClass: Members }));
      expect(await alertsAfter(2)).toHaveLength(1);
    });

    it('or inherited', async () => {
      await start(RateMonitorModule.forRoot(Object.create(options) as RateMonitorOptions));
      expect(await alertsAfter(2)).toHaveLength(1);
    });

    it.each([{}, { imports: [] }, undefined, null])('but not by %j', (source) => {
      expect(() => RateMonitorModule.forRootAsync(source as never)).toThrow(
        'forRootAsync() has no source of options: write useFactory, useClass or useExisting, or call forRoot()',
      );
    });

    it.each<[object, string]>([
      [{ useFactory: () => options, useClass: Factory }, 'has useFactory and useClass: give one of them'],
      [{ useClass: Factory, useExisting: Factory }, 'has useClass and useExisting: give one of them'],
      [
        { useFactory: () => options, useClass: Factory, useExisting: 'OPTIONS' },
        'has useFactory and useClass and useExisting: give one of them',
      ],
      [{ useFactroy: () => options }, 'useFactroy is not an option of forRootAsync(): write useFactory'],
      [{ useFactory: () => options, injcet: [] }, 'injcet is not an option of forRootAsync(): write inject'],
      [{ useFactory: () => options, redis: {} }, 'redis is not an option of forRootAsync(): write one of imports, inj'],
      [() => options, 'the options of forRootAsync() are a function: write an object with imports, inject'],
      [{ useFactory: {} }, 'has an object as useFactory: write a function that returns the options'],
      [{ useClass: 'Factory' }, 'has a string as useClass: write a class with the method'],
      [{ useClass: () => ({}) }, 'has a function as useClass: write a class with the method'],
    ])('but not by %p', (source, message) => {
      const giveThem = () => RateMonitorModule.forRootAsync(source);
      expect(giveThem).toThrow(RateMonitorConfigError);
      expect(giveThem).toThrow(message);
    });

    it('but not by a class or a provider without the method, which the error names', async () => {
      class Other {}
      const provider = { provide: 'OPTIONS', useValue: null };
      const imports = [{ module: class {}, providers: [provider], exports: [provider] }];
      for (const [source, name] of [
        [{ useClass: Other }, 'Other'],
        [{ imports, useExisting: 'OPTIONS' }, 'null'],
      ] as const)
        await expect(start(RateMonitorModule.forRootAsync(source as never))).rejects.toThrow(
          `forRootAsync() is given ${name}, which has no method createRateMonitorOptions(): add it`,
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

    it("comes from the process if a test has put something without get() in its ConfigService's place", async () => {
      process.env.RATE_MONITOR_THRESHOLD_EVALUATIONS = '0';
      const config = { provide: ConfigService, useValue: { getOrThrow: () => 'x' } };
      await start(RateMonitorModule.forRoot(), [{ module: class Config {}, providers: [config] }]);
      expect(await alertsAfter(1)).toHaveLength(1);
    });

    it('turns the module off: it counts nothing and opens no connection', async () => {
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

    it('treats an empty variable of each kind as not set', async () => {
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

    it('warns of a threshold for an unknown category, names the known ones, and starts', async () => {
      await withEnvironment({ RATE_MONITOR_THRESHOLD_LLM: '5' });
      expect((app as TestApp).log.of('RATE_MONITOR_THRESHOLD_LLM is set')).toEqual([
        'warn RateMonitor: RATE_MONITOR_THRESHOLD_LLM is set, but nothing reads it: the categories here have ' +
          'RATE_MONITOR_THRESHOLD_LLM_CALL, RATE_MONITOR_THRESHOLD_LLM_CALL_MINUTE, ' +
          'RATE_MONITOR_THRESHOLD_COLLECTIONS, RATE_MONITOR_THRESHOLD_COLLECTIONS_MINUTE, ' +
          'RATE_MONITOR_THRESHOLD_EVALUATIONS, RATE_MONITOR_THRESHOLD_EVALUATIONS_MINUTE',
      ]);
      expect(await alertsAfter(4)).toHaveLength(1);
    });

    it('warns of a variable that nothing reads', async () => {
      await withEnvironment({ RATE_MONITOR_TRESHOLD_EVALUATIONS: '5' });
      expect((app as TestApp).log.of('RATE_MONITOR_TRESHOLD_EVALUATIONS is set')).toHaveLength(1);
    });
  });

  it('treats null as not given, at any depth', async () => {
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

  it('reads options from getters of a class', async () => {
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

  it('sends to an object-literal channel itself, not to a copy', async () => {
    const channel = {
      name: 'mine',
      repeatEveryMs: null,
      sent: [] as string[],
      self: undefined as unknown,
      send(alert: RateAlert) {
        this.sent.push(alert.tenant.id);
      },
    };
    channel.self = channel;
    await start(RateMonitorModule.forRoot({ channels: [channel] } as unknown as RateMonitorOptions));
    await alertsAfter(4);
    expect(channel.sent).toEqual(['proj_1']);
  });

  it('reads options from another realm, such as copies by structuredClone in a test', async () => {
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
    it('a variable', async () => {
      await expect(withEnvironment({ RATE_MONITOR_THRESHOLD_EVALUATIONS: 'abc' })).rejects.toThrow(
        "RATE_MONITOR_THRESHOLD_EVALUATIONS is 'abc': write a whole number, 0 or more",
      );
    });

    it('a variable that looks right because part of it is invisible', async () => {
      await expect(withEnvironment({ RATE_MONITOR_THRESHOLD_EVALUATIONS: '15\u200b' })).rejects.toThrow(
        "RATE_MONITOR_THRESHOLD_EVALUATIONS is '15' with invisible characters: write a whole number, 0 or more",
      );
    });

    it('a ConfigService that throws', async () => {
      const get = (name: string): never => {
        throw new Error(`no ${name} here`);
      };
      const providers = [{ provide: ConfigService, useValue: { get } }];
      await expect(start(RateMonitorModule.forRoot(), [{ module: class Config {}, providers }])).rejects.toThrow(
        /- RATE_MONITOR_\w+ cannot be read from ConfigService \(no RATE_MONITOR_\w+ here\): let it return undefined if/,
      );
    });

    it('an option: all at once, and no secret', async () => {
      const redis = 'redis://:hunter2@db';
      const boot = start(RateMonitorModule.forRoot({ redis, publicUrl: redis, treshold: 3 } as never));
      await expect(boot).rejects.toMatchObject({ name: 'RateMonitorConfigError' });
      await expect(boot).rejects.toThrow(
        /cannot start:(\n {2}- (redis is a string: write an ioredis|publicUrl is a string: write an address|treshold is not an option: write one of categories, ).*){3}$/,
      );
    });

    it('an option whose name is a symbol, at any level', async () => {
      const categories = { evaluations: { threshold: 3, [Symbol('levels')]: [] }, [Symbol('llm')]: { threshold: 1 } };
      const boot = start(RateMonitorModule.forRoot({ categories, [Symbol('redis')]: 1 }));
      for (const place of ['Symbol(redis)', 'categories.Symbol(llm)', 'categories.evaluations.Symbol(levels)'])
        await expect(boot).rejects.toThrow(`${place} is not a`);
    });

    it.each([
      ['a number', 3],
      ['a list', []],
      ['a promise', Promise.resolve({})],
      ['a function', () => ({})],
    ])('%s instead of the options, which would silently count as none', async (kind, options) => {
      const message = `the options are ${kind}: give an object such as`;
      expect(() => RateMonitorModule.forRoot(options as RateMonitorOptions)).toThrow(message);
      // Nest waits for promises of factories.
      const given = kind === 'a promise' ? Promise.resolve(new Date()) : options;
      const boot = start(RateMonitorModule.forRootAsync({ useFactory: () => given as RateMonitorOptions }));
      await expect(boot).rejects.toThrow(kind === 'a promise' ? 'the options are an object (Date): give' : message);
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
    it.each<[string, object, RegExp]>([
      ['a revoked proxy', { redis: revoked({}) }, / redis cannot be read \(.*revoked\): write a plain value/],
      [
        'a channel with a getter that throws',
        { channels: [throwing('name', new Channel())] },
        / channels\[0\] is a channel that cannot be read \(not for you\)/,
      ],
    ])('%s', async (_what, options, message) => {
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
      [
        ['a', { [Symbol('cost')]: 3 }],
        'Symbol(cost) is not an option of @MonitorRate(): write one of cost, after, when',
      ],
      [['a', { cots: 3 }], 'cots is not an option of @MonitorRate(): write cost'],
    ])('a decorator with %j, when its file is imported', (args, message) => {
      expect(() => MonitorRate(...(args as [string]))).toThrow(new TypeError(message).message);
    });

    it('but not a decorator whose options are null', () => {
      expect(() => MonitorRate('llm_call', null as never)).not.toThrow();
    });
  });
});
