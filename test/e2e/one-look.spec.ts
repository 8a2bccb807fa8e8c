import { inspect } from 'node:util';

import {
  ConsoleLogger,
  Controller,
  HttpException,
  Injectable,
  Module,
  Post,
  Req,
  Scope,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { APP_GUARD, LazyModuleLoader, NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';

import {
  AlertmanagerChannel,
  AlertService,
  DiscordChannel,
  MonitorRate,
  PagerDutyChannel,
  RateCounterService,
  RateMonitorModule,
  RateMonitorService,
  SlackChannel,
  ThresholdService,
  UsageService,
  WebhookChannel,
  type AlertChannel,
  type RateMonitorOptions,
} from '../../src/index.js';
import { RateMonitorDashboardModule } from '../../src/dashboard/index.js';
import { startApp, type TestApp, type TestAppOptions } from '../support/app.js';
import { ApiController, AuthGuard } from '../support/controllers.js';
import { DiscordServer } from '../support/discord-server.js';
import { MemoryLogger } from '../support/memory-logger.js';
import { PagerDutyServer } from '../support/pagerduty-server.js';
import { sharedRedis } from '../support/redis.js';
import { SlackServer } from '../support/slack-server.js';
import type { StandIn } from '../support/stand-in.js';
import { until } from '../support/until.js';
import { WebhookServer } from '../support/webhook-server.js';

interface AppRequest {
  headers: Record<string, string>;
  user?: Record<string, unknown>;
}

const requestOf = (context: ExecutionContext): AppRequest => context.switchToHttp().getRequest<AppRequest>();

/** Global, as in many apps: knows the organisation of a token. */
@Injectable()
class KnowsOrganization implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    requestOf(context).user = { organization: { id: 'org' }, plan: 'free' };
    return true;
  }
}

/** A controller's: finds the project, and the plan that was paid for. */
@Injectable()
class KnowsProject implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers, user } = requestOf(context);
    Object.assign(user as object, { project: { id: headers['x-project'] }, plan: headers['x-plan'] ?? 'paid' });
    return true;
  }
}

@UseGuards(KnowsProject)
@Controller()
class ProjectController {
  @Post('before')
  @MonitorRate('evaluations')
  @UseGuards(AuthGuard)
  before() {}

  @Post('call')
  @UseGuards(AuthGuard)
  @MonitorRate('llm_call')
  call() {}
}

describe.each([
  ['Express', false],
  ['Fastify', true],
])('one look, after all guards, on %s', (_platform, fastify) => {
  let app: TestApp;

  const start = async (more: TestAppOptions): Promise<void> => {
    app = await startApp({ fastify, ...more });
  };
  const startWith = (options: RateMonitorOptions): Promise<void> =>
    start({
      options,
      metadata: { controllers: [ProjectController], providers: [{ provide: APP_GUARD, useClass: KnowsOrganization }] },
    });
  const count = (category: string, tenant: string): Promise<number> =>
    app.app.get(RateCounterService).read(category, tenant);

  afterEach(() => app.close());

  it('counts for the tenant that the last guard sets, not for the organization of a project', async () => {
    await startWith({});
    const projects = Array.from({ length: 8 }, (_, i) => `p${i}`);
    for (const project of projects) await app.post('/before', { 'x-project': project });
    expect(await Promise.all(projects.map((project) => count('evaluations', project)))).toEqual(projects.map(() => 1));
    expect(await count('evaluations', 'org')).toBe(0);
    expect(app.alerts).toEqual([]);
  });

  it('lets skipIf see the request after authentication', async () => {
    await startWith({ skipIf: (context) => requestOf(context).user?.plan === 'free' });
    await app.post('/call', { 'x-project': 'p1' });
    await app.post('/call', { 'x-project': 'p1', 'x-plan': 'free' });
    expect(await count('llm_call', 'p1')).toBe(1);
  });

  it.each([401, 403, 429])(
    'counts nothing for a tenant named by a stranger if a guard returns %p, and calls no resolver',
    async (status) => {
      @Injectable()
      class Refuse implements CanActivate {
        canActivate(): boolean {
          throw new HttpException('refused', status);
        }
      }
      @UseGuards(Refuse)
      @Controller()
      class Refusing {
        @Post('call')
        @MonitorRate('llm_call')
        call() {}
      }
      const tenant = jest.fn((context: ExecutionContext) => Promise.resolve(requestOf(context).headers['x-tenant']));
      await start({ options: { tenant }, metadata: { controllers: [Refusing] } });
      for (let i = 0; i < 16; i++) expect((await app.post('/call', { 'x-tenant': 'victim' })).status).toBe(status);
      expect([await count('llm_call', 'victim'), tenant.mock.calls.length, app.alerts]).toEqual([0, 0, []]);
    },
  );

  it('leaves nothing on the request, and no secret when that is printed', async () => {
    const { client, keyPrefix } = sharedRedis();
    client.options.password = 'hunter2hunter2';
    const printed: string[] = [];
    const write = jest.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
      printed.push(String(chunk));
      return true;
    });
    let keys: (string | symbol)[] = [];
    let before: (string | symbol)[] = [];
    const ownKeys = (context: ExecutionContext): true => {
      before = Reflect.ownKeys(requestOf(context));
      return true;
    };
    @UseGuards({ canActivate: ownKeys })
    @Controller()
    class Printing {
      @Post('printed')
      @MonitorRate('llm_call')
      call(@Req() request: object): void {
        keys = Reflect.ownKeys(request);
        printed.push(inspect(request, { depth: null }));
        new ConsoleLogger().log(request);
      }
    }
    await start({
      options: { redis: client, keyPrefix, tenant: () => 'acme' },
      metadata: { controllers: [Printing] },
    });
    await app.post('/printed');
    const services = [RateCounterService, RateMonitorService, AlertService, ThresholdService, UsageService];
    for (const service of services)
      for (const showHidden of [true, false])
        printed.push(inspect(app.app.get<object>(service), { depth: null, showHidden }));
    write.mockRestore();
    client.disconnect();
    expect(keys).toEqual(before);
    expect(printed.length).toBeGreaterThan(3);
    expect(printed.join('\n')).not.toMatch(/hunter2|rate.?monitor:|keyPrefix|waitAtMostMs/);
  });

  it('separates two apps that share controllers, even while both start, and one without the module', async () => {
    @UseGuards(AuthGuard)
    @MonitorRate('llm_call')
    @Controller('shared')
    class Shared {
      @Post()
      @UseGuards(AuthGuard)
      call() {}
    }
    const startShared = (): Promise<TestApp> => startApp({ fastify, metadata: { controllers: [Shared] } });
    @Module({ controllers: [Shared] })
    class Without {}
    const without = async (): Promise<TestApp> => startApp({ fastify, monitor: { module: Without } });
    const [first, second, bare] = await Promise.all([startShared(), startShared(), without()]);
    const third = await startShared();
    const apps = [first, second, third];
    app = first;
    for (const [i, each] of apps.entries())
      for (let times = 0; times <= i; times++) await each.post('/shared', { 'x-project': 'acme' });
    expect((await bare.post('/shared', { 'x-project': 'acme' })).status).toBe(201);
    expect((await bare.post('/shared', { 'x-refuse': '1' })).status).toBe(403);
    const counts = apps.map((each) => each.app.get(RateCounterService).read('llm_call', 'acme'));
    expect(await Promise.all(counts)).toEqual([1, 2, 3]);
    await Promise.all([second, third, bare].map((each) => each.close()));
  });

  it('does not count refused requests of request-scoped controllers, but counts the others', async () => {
    @UseGuards(AuthGuard)
    @MonitorRate('llm_call')
    @Controller({ path: 'scoped', scope: Scope.REQUEST })
    class Scoped {
      @Post()
      call() {}
    }
    await start({ metadata: { controllers: [Scoped] }, options: { tenant: () => 'acme' } });
    await app.post('/scoped');
    expect((await app.post('/scoped', { 'x-refuse': '1' })).status).toBe(403);
    expect(await count('llm_call', 'acme')).toBe(1);
  });

  it.each([
    ['the slow category first', ['slow', 'fast'] as const],
    ['the slow category last', ['fast', 'slow'] as const],
  ])('sends both alerts before the response, with %s', async (_order, names) => {
    @Controller()
    class Both {
      @Post('both')
      @MonitorRate(...names)
      call() {}
    }
    const threshold = async (): Promise<number> => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return 0;
    };
    const categories = { slow: { threshold }, fast: { threshold: 0 } };
    await start({ options: { tenant: () => 'acme', categories }, metadata: { controllers: [Both] } });
    await app.post('/both');
    expect(app.alerts.map(({ category }) => category).sort()).toEqual(['fast', 'slow']);
  });

  it('counts a category that is named twice once, at the cost closest to the method, and its outcomes in addition', async () => {
    @Controller()
    class Twice {
      @Post('twice')
      @MonitorRate('llm_call', { cost: 2 })
      @MonitorRate('llm_call', { cost: 3 })
      call() {}

      @Post('besides')
      @MonitorRate('collections', { after: () => 4 })
      @MonitorRate('collections', { when: 'success', cost: 5 })
      @MonitorRate('collections', { cost: 3 })
      after() {}
    }
    await start({ options: { tenant: () => 'acme' }, metadata: { controllers: [Twice] } });
    for (const path of ['/twice', '/besides']) await app.post(path);
    expect([await count('llm_call', 'acme'), await count('collections', 'acme')]).toEqual([3, 3 + 4 + 5]);
  });

  it('counts a request whose route cannot be read in all of its categories, and alerts', async () => {
    class Unreadable implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        const get = (): never => {
          throw new Error('no context');
        };
        for (const key of ['route', 'routeOptions'])
          Object.defineProperty(context.switchToHttp().getRequest(), key, { get });
        return true;
      }
    }
    @Controller()
    class Both {
      @Post('both')
      @UseGuards(Unreadable)
      @MonitorRate('evaluations', 'llm_call')
      call() {}
    }
    const categories = { evaluations: { threshold: 0 }, llm_call: { threshold: 0 } };
    await start({ options: { tenant: () => 'acme', categories }, metadata: { controllers: [Both] } });
    await app.post('/both');
    expect(app.alerts.map(({ category, route }) => [category, route?.handler])).toEqual([
      ['evaluations', 'Both.call'],
      ['llm_call', 'Both.call'],
    ]);
  });

  it('does not affect an app in which it is disabled', async () => {
    await start({ options: { enabled: false }, metadata: { controllers: [ApiController] } });
    expect((await app.post('/evaluations', { 'x-project': 'acme' })).status).toBe(201);
    expect((await app.post('/evaluations', { 'x-refuse': '1' })).status).toBe(403);
    expect(await count('evaluations', 'acme')).toBe(0);
  });

  it('distinguishes classes of the same name, and names handlers by property key', async () => {
    const anotherHero = (path: string): new () => unknown => {
      @Controller(path)
      class Hero {
        @Post()
        @MonitorRate('evaluations')
        call() {}
      }
      Object.defineProperty(Hero.prototype.call, 'name', { value: '' });
      return Hero;
    };
    @Module({ controllers: [anotherHero('admin')] })
    class AdminModule {}
    await start({
      options: { tenant: () => 'acme' },
      metadata: { imports: [AdminModule], controllers: [anotherHero('hero')] },
    });
    expect(app.log.of('monitoring')[0]).toMatch(/Hero\.call \(.*, \w+\/Hero\.call \(/);
    for (let i = 0; i < 4; i++) await app.post('/hero');
    expect(app.alerts[0]?.route?.handler).toMatch(/Hero\.call$/);
  });

  it('names handlers of classes that have no name, or another static member of that name', async () => {
    const nameless = (path: string): Type => {
      const made = (() => class {})();
      Object.defineProperty(made.prototype, 'call', { value() {}, writable: true, configurable: true });
      const call = Object.getOwnPropertyDescriptor(made.prototype, 'call') as PropertyDescriptor;
      for (const decorate of [Post(path), MonitorRate('evaluations')]) decorate(made.prototype, 'call', call);
      Controller()(made);
      return made;
    };
    @Controller()
    class Titled {
      @Post('titled')
      @MonitorRate('evaluations')
      call() {}
    }
    Object.defineProperty(Titled, 'name', { value: () => 'not a name' });
    await start({ metadata: { controllers: [nameless('a'), nameless('b'), Titled] } });
    await app.post('/a');
    expect(app.log.of('monitoring')[0]).toContain(
      ['(nameless class)', 'AppModule/(nameless class)', 'AppModule/(nameless class)#2']
        .map((name) => `${name}.call (evaluations: more than 3 in 1 min)`)
        .join(', '),
    );
    expect(app.log.of('No tenant on POST /a ((nameless class).call)')).toHaveLength(1);
  });

  it('explains a missing tenant for each of several classes of the same name, and notes which one was called', async () => {
    const users = (path: string): new () => unknown => {
      @UseGuards(AuthGuard)
      @Controller(path)
      class Users {
        @Post()
        @MonitorRate('evaluations')
        call() {}
      }
      return Users;
    };
    const controllers = ['v1', 'v2', 'v3'].map((version) => users(`${version}/users`));
    await start({
      metadata: { controllers, imports: [RateMonitorDashboardModule.forRoot({ authorize: () => 'dana' })] },
    });
    for (const version of ['v1', 'v2', 'v3', 'v1']) await app.post(`/${version}/users`);
    const said = app.log.of('No tenant on').map((line) => /POST \/(v\d.*)\):/.exec(line)?.[1]);
    expect(said).toEqual([
      'v1/users (Users.call',
      'v2/users (AppModule/Users.call',
      'v3/users (AppModule/Users#2.call',
    ]);
    await app.post('/v3/users', { 'x-project': 'acme' });
    const overview = await fetch(`${app.url}/rate-monitor/api/overview`);
    expect(await overview.json()).toMatchObject({ handlers: [{ seen: false }, { seen: false }, { seen: true }] });
  });
});

it('an app with only a gateway, as in its unit test, works without the module, which is logged once', async () => {
  @Controller()
  class Events {
    @Post('events')
    @MonitorRate('llm_call')
    handle(): string {
      return 'handled';
    }
  }
  const testing = await Test.createTestingModule({ providers: [Events] }).compile();
  expect(testing.get(Events).handle()).toBe('handled');
  await testing.close();
});

it.each([
  ['nothing', () => ({})],
  ['methods that give undefined', () => ({ whenSet: jest.fn(), value: undefined })],
  ['a function where a value is', () => ({ whenSet: jest.fn(), value: jest.fn() })],
  ['methods that give objects', () => ({ whenSet: () => ({}), value: { observe: () => ({}), outcome: () => ({}) } })],
])('an automatic mock of %s in place of the module rejects no request', async (_what, mock) => {
  @Controller()
  class Events {
    @Post('events')
    @MonitorRate('llm_call')
    @MonitorRate('llm_tokens', { after: () => 1 })
    handle(): string {
      return 'handled';
    }
  }
  const testing = await Test.createTestingModule({ controllers: [Events] })
    .useMocker(mock)
    .compile();
  const app = testing.createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1');
  const answer = await fetch(`${await app.getUrl()}/events`, { method: 'POST' });
  expect([answer.status, await answer.text()]).toEqual([201, 'handled']);
  await app.close();
});

it('the module without forRoot() stops the boot and says what to write', async () => {
  const testing = await Test.createTestingModule({ imports: [RateMonitorModule] }).compile();
  await expect(testing.init()).rejects.toThrow(/write RateMonitorModule\.forRoot\(\)/);
});

it('options from a request-scoped provider stop the boot with the reason', async () => {
  @Injectable({ scope: Scope.REQUEST })
  class PerRequest {}
  @Module({ providers: [PerRequest], exports: [PerRequest] })
  class PerRequestModule {}
  const monitor = RateMonitorModule.forRootAsync({
    imports: [PerRequestModule],
    inject: [PerRequest],
    useFactory: () => ({}),
  });
  const testing = await Test.createTestingModule({ imports: [monitor], controllers: [ApiController] }).compile();
  await expect(testing.init()).rejects.toThrow(/request-scoped provider.*default scope/);
});

it('counts requests from before the start once the module has started, without delaying the start', async () => {
  const counted: unknown[] = [];
  @Injectable()
  class Early implements OnModuleInit {
    constructor(
      private readonly counter: RateCounterService,
      private readonly monitor: RateMonitorService,
    ) {
      void this.monitor.record('evaluations', 'acme', { cost: 2 });
    }

    async onModuleInit(): Promise<void> {
      counted.push(await this.counter.increment('evaluations', 'acme', 3));
    }
  }
  const app = await startApp({ metadata: { providers: [Early] } });
  expect(counted).toHaveLength(1);
  expect(await app.app.get(RateCounterService).read('evaluations', 'acme')).toBe(5);
  expect(app.alerts).toHaveLength(1);
  await app.close();
});

it('logs how many requests from before the start there was no room for', async () => {
  @Injectable()
  class Early {
    constructor(counter: RateCounterService) {
      for (let i = 0; i < 10_003; i++) void counter.increment('evaluations', 'acme');
    }
  }
  const app = await startApp({ metadata: { providers: [Early] } });
  expect(await app.app.get(RateCounterService).read('evaluations', 'acme')).toBe(10_000);
  const line =
    '3 requests or calls from before the module had started could not be kept, and count nothing: in a hybrid app, await app.init() before startAllMicroservices()';
  expect(app.log.of(line)).toHaveLength(1);
  await app.close();
});

it('the module, if loaded later, explains that it counts nothing', async () => {
  @Module({ imports: [RateMonitorModule.forRoot()] })
  class LazyModule {}
  const log = new MemoryLogger();
  const testing = await Test.createTestingModule({}).setLogger(log).compile();
  const app = testing.createNestApplication();
  await app.listen(0, '127.0.0.1');
  await app.get(LazyModuleLoader).load(() => LazyModule);
  expect(log.of('RateMonitorModule is loaded after the app has started, so nothing is counted')).toHaveLength(1);
  await app.close();
});

it.each<[name: string, receiver: () => StandIn, channel: (url: string) => AlertChannel]>([
  ['webhook', () => new WebhookServer(), (url) => new WebhookChannel({ url })],
  ['Slack', () => new SlackServer(), (url) => new SlackChannel({ url })],
  ['Discord', () => new DiscordServer(), (url) => new DiscordChannel({ url })],
  ['PagerDuty', () => new PagerDutyServer(), (url) => new PagerDutyChannel({ url, routingKey: 'a'.repeat(32) })],
  ['Alertmanager', () => new WebhookServer(), (url) => new AlertmanagerChannel({ url })],
])('counts in an app that puts a proxy around each instance, its %s channel among them', async (_, server, channel) => {
  const receiver = await server().start();
  @Module({ providers: [{ provide: 'CHANNEL', useFactory: () => channel(receiver.url) }], exports: ['CHANNEL'] })
  class Channels {}
  const useFactory = (given: AlertChannel) => ({ channels: [given], groupWaitMs: 0 });
  @Module({
    imports: [RateMonitorModule.forRootAsync({ imports: [Channels], inject: ['CHANNEL'], useFactory })],
    controllers: [ApiController],
  })
  class App {}
  const instanceDecorator = (instance: unknown): unknown =>
    // Nest's own discovery fails with a proxy around its list of modules.
    typeof instance === 'object' && instance !== null && !(instance instanceof Map)
      ? new Proxy(instance, {})
      : instance;
  // Nest 10 has no such option, and ignores it.
  const options = { logger: false as const, abortOnError: false, instrument: { instanceDecorator } };
  const app = await NestFactory.create(App, options);
  await app.listen(0, '127.0.0.1');
  const url = `${await app.getUrl()}/evaluations`;
  for (let i = 0; i < 4; i++) await fetch(url, { method: 'POST', headers: { 'x-project': 'acme' } });
  await until(() => receiver.requests.length > 0);
  await app.close();
  await receiver.close();
  expect(receiver.requests).toHaveLength(1);
});

it('counts what a lazily loaded module records', async () => {
  @Injectable()
  class Lazy {
    constructor(readonly monitor: RateMonitorService) {}
  }
  @Module({ providers: [Lazy] })
  class LazyModule {}
  const app = await startApp({ metadata: { controllers: [ApiController] } });
  const module = await app.app.get(LazyModuleLoader).load(() => LazyModule);
  await module.get(Lazy).monitor.record('evaluations', 'acme', { cost: 2 });
  await app.post('/evaluations', { 'x-project': 'acme' });
  expect(await app.app.get(RateCounterService).read('evaluations', 'acme')).toBe(3);
  await app.close();
});
