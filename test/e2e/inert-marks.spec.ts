import { Controller, Get, Injectable, Post, SetMetadata, UseGuards, type DynamicModule } from '@nestjs/common';
import { OnEvent } from '@nestjs/event-emitter';
import { Query, ResolveField, ResolveReference, Resolver } from '@nestjs/graphql';
import { MessagePattern } from '@nestjs/microservices';
import { Cron, Timeout } from '@nestjs/schedule';
import { SubscribeMessage } from '@nestjs/websockets';

import { MonitorRate, SkipMonitorRate } from '../../src/index.js';
import { startApp } from '../support/app.js';

@Injectable()
class Nightly {
  @Cron('0 3 * * *')
  @MonitorRate('llm_call')
  run() {}
}

@Injectable()
class Once {
  @Timeout(60_000)
  @MonitorRate('llm_call')
  run() {}
}

@Injectable()
class Listener {
  @OnEvent('order.created')
  @MonitorRate('llm_call')
  created() {}
}

@Injectable()
class Processor {
  // What @Process of @nestjs/bull sets.
  @SetMetadata('bull:module_queue_process', {})
  @MonitorRate('llm_call')
  process() {}
}

// What @Processor of @nestjs/bullmq sets: a worker's method is known by its name.
@SetMetadata('bullmq:processor_metadata', { name: 'reports' })
@Injectable()
class Worker {
  @MonitorRate('llm_call')
  process() {}
}

// What @CommandHandler of @nestjs/cqrs sets.
@SetMetadata('__commandHandler__', { id: 'x' })
@Injectable()
class CommandHandler {
  @MonitorRate('llm_call')
  execute() {}
}

@MonitorRate('llm_call')
@Injectable()
class MarkedJobs {
  @Cron('0 3 * * *')
  run() {}
}

// Nest looks for routes in controllers, and for what a gateway handles in gateways.
@Injectable()
class RouteInProvider {
  @Post('call')
  @MonitorRate('llm_call')
  call() {}
}

@Injectable()
class MessageInProvider {
  @MessagePattern('call')
  @MonitorRate('llm_call')
  call() {}
}

@Injectable()
class NoGateway {
  @SubscribeMessage('call')
  @MonitorRate('llm_call')
  call() {}
}

// Neither a controller nor a provider: Nest makes it for the class that uses it.
@Injectable()
class MarkedGuard {
  @MonitorRate('llm_call')
  canActivate(): boolean {
    return true;
  }
}

@UseGuards(MarkedGuard)
@Injectable()
class Guarded {}

// A library's own way to call methods, such as @RabbitSubscribe.
@MonitorRate('llm_call')
@Injectable()
class MarkedSubscriber {
  @SetMetadata('RABBIT_HANDLER', {})
  handle() {}
}

@Injectable()
class Service {
  @MonitorRate('llm_call')
  work() {}
}

@MonitorRate('llm_call')
@Injectable()
class MarkedService {
  work() {}
}

@Resolver()
class References {
  @Query(() => String)
  one(): string {
    return '';
  }

  @ResolveReference()
  @MonitorRate('llm_call')
  reference(): string {
    return '';
  }
}

@Resolver()
class Fields {
  @Query(() => String)
  all(): string {
    return '';
  }

  @ResolveField(() => String)
  @MonitorRate('llm_call')
  summary(): string {
    return '';
  }
}

@Resolver()
class Outcomes {
  @Query(() => String)
  all(): string {
    return '';
  }

  @ResolveField(() => String)
  @MonitorRate('llm_call', { after: () => 2 })
  tokens(): string {
    return '';
  }

  @ResolveReference()
  @MonitorRate('llm_call')
  @MonitorRate('evaluations', { when: 'failure' })
  reference(): string {
    return '';
  }
}

@MonitorRate('llm_call')
@MonitorRate('evaluations', { when: 'failure' })
@Resolver()
class ByClass {
  @Query(() => String)
  all(): string {
    return '';
  }

  @ResolveField(() => String)
  summary(): string {
    return '';
  }
}

@MonitorRate('llm_call')
@MonitorRate('evaluations', { when: 'failure' })
@Resolver()
class FieldsByClass {
  @ResolveField(() => String)
  summary(): string {
    return '';
  }

  @ResolveField(() => String)
  title(): string {
    return '';
  }
}

// Nest runs guards and interceptors for fields of these types, and takes each method for one, decorated or not.
@Resolver('Query')
class OfQuery {
  @ResolveField('one')
  @MonitorRate('llm_call')
  @MonitorRate('evaluations', { when: 'failure' })
  one(): string {
    return '';
  }

  @MonitorRate('llm_call')
  another(): string {
    return '';
  }
}

@MonitorRate('llm_call')
@Resolver('Mutation')
class OfMutation {
  go(): string {
    return '';
  }
}

describe('a mark without effect', () => {
  it.each([
    ['on a timer', [Nightly], /Nightly\.run has no effect: .*record\(\)/],
    ['on a timeout', [Once], /Once\.run has no effect: .*record\(\)/],
    ['on a listener of events', [Listener], /Listener\.created has no effect: .*record\(\)/],
    ['on a processor of a queue', [Processor], /Processor\.process has no effect: .*record\(\)/],
    ["on a queue's worker", [Worker], /Worker\.process has no effect: .*record\(\)/],
    [
      'on a handler of commands',
      [CommandHandler],
      /CommandHandler\.execute has no effect: .*queues and commands\. .*record\(\)/,
    ],
    ['on a class that only timers call', [MarkedJobs], /MarkedJobs has no effect: no method of the class/],
    [
      'on a reference that runs no guards',
      [References, { provide: 'GqlModuleOptions', useValue: {} }],
      /References\.reference has no effect: .*fieldResolverEnhancers: \['guards'\]/,
    ],
    ['on a class without handlers', [MarkedService], /MarkedService has no effect/],
    [
      'on a field that runs no guards',
      [Fields, { provide: 'GqlModuleOptions', useValue: {} }],
      /Fields\.summary has no effect: .*fieldResolverEnhancers: \['guards'\]/,
    ],
    [
      'by outcome on a field that runs no interceptors',
      [Outcomes, { provide: 'GqlModuleOptions', useValue: { fieldResolverEnhancers: ['guards'] } }],
      /on Outcomes\.tokens with after or when has no effect: .*no interceptors .*fieldResolverEnhancers: \['guards', 'interceptors'\] in GraphQLModule\n.*on Outcomes\.reference with after or when has/,
    ],
    [
      'on a field that runs only interceptors',
      [Outcomes, { provide: 'GqlModuleOptions', useValue: { fieldResolverEnhancers: ['interceptors'] } }],
      /^nestjs-rate-monitor cannot start:\n.*@MonitorRate on Outcomes\.reference has no effect: .*no guards .*in GraphQLModule$/,
    ],
    [
      'on a class whose fields run neither guards nor interceptors',
      [FieldsByClass, { provide: 'GqlModuleOptions', useValue: {} }],
      /^nestjs-rate-monitor cannot start:\n.*on FieldsByClass has no effect: .*no guards .*: \['guards'\] in GraphQLModule\n.*on FieldsByClass with after or when has no effect: .*no interceptors .*GraphQLModule$/,
    ],
  ])('%s stops the boot with the remedy', async (_where, providers, message) => {
    await expect(startApp({ metadata: { providers } })).rejects.toThrow(message);
  });

  it.each([
    ['first', [true, false]],
    ['last', [false, true]],
    ['only', [true]],
  ])(
    'is not reported on a field whose GraphQL module, the %s of the app, runs guards for fields',
    async (_which, all) => {
      const imports = all.map((guards): DynamicModule => {
        const useValue = guards ? { fieldResolverEnhancers: ['guards'] } : {};
        return { module: class GraphQLModule {}, providers: [{ provide: 'GqlModuleOptions', useValue }] };
      });
      const app = await startApp({ metadata: { imports, providers: [Fields] } });
      expect(app.log.of('Fields.summary counts only if')).toEqual(
        all.length === 1 ? [] : [expect.stringMatching(/^warn .*fieldResolverEnhancers: \['guards'\]/)],
      );
      expect(app.log.of('monitoring Fields.summary')).toHaveLength(1);
      await app.close();
    },
  );

  it('is not one on a field of Query, Mutation or Subscription', async () => {
    const options = { provide: 'GqlModuleOptions', useValue: {} };
    const app = await startApp({ metadata: { providers: [OfQuery, OfMutation, options] } });
    expect(app.log.of('monitoring OfQuery.one')).toEqual([
      expect.stringContaining(
        'OfQuery.one (llm_call: more than 15 in 1 min, evaluations: more than 3 in 1 min), OfQuery.another (llm_call: more than 15 in 1 min), OfMutation.go (llm_call: more than 15 in 1 min);',
      ),
    ]);
    expect(app.log.of('warn')).toEqual([]);
    await app.close();
  });

  it('by outcome on a field is warned of, if only some GraphQL modules of the app run interceptors for fields', async () => {
    const imports = [['guards'], ['guards', 'interceptors']].map((fieldResolverEnhancers): DynamicModule => {
      const provider = { provide: 'GqlModuleOptions', useValue: { fieldResolverEnhancers } };
      return { module: class GraphQLModule {}, providers: [provider] };
    });
    const app = await startApp({ metadata: { imports, providers: [Outcomes] } });
    expect(app.log.of('counts only if its GraphQLModule')).toEqual([
      expect.stringMatching(/^warn .*on Outcomes\.tokens with after or when .*: \['guards', 'interceptors'\]/),
      expect.stringMatching(/^warn .*on Outcomes\.reference with after or when .*: \['guards', 'interceptors'\]/),
    ]);
    await app.close();
  });

  it('is not shown as monitored on a field, if a mark on the class is by outcome and fields run guards only', async () => {
    const useValue = { fieldResolverEnhancers: ['guards'] };
    const app = await startApp({ metadata: { providers: [ByClass, { provide: 'GqlModuleOptions', useValue }] } });
    const [line] = app.log.of('monitoring ByClass.all');
    expect(line).toContain(
      'ByClass.all (llm_call: more than 15 in 1 min, evaluations: more than 3 in 1 min), ByClass.summary (llm_call: more than 15 in 1 min);',
    );
    await app.close();
  });

  it.each([
    ['below 0', -5, '-5'],
    ['that is no number', NaN, 'NaN'],
    ['above maxCost', 1e15, '1000000000000000'],
    ['of another type', '3' as unknown as number, 'a string'],
  ])('stops the boot if it has a constant cost %s', async (_what, cost, shown) => {
    @Controller()
    class Api {
      @Post('call')
      @MonitorRate('llm_call', { cost })
      call() {}
    }
    await expect(startApp({ metadata: { controllers: [Api] } })).rejects.toThrow(
      `@MonitorRate on Api.call has a cost in llm_call that cannot be counted: ${shown}. Write a number, 0 to 1000000000 (maxCost), or a function`,
    );
  });

  it.each([
    ['Service.work', Service],
    ['MarkedSubscriber', MarkedSubscriber],
    ['RouteInProvider.call', RouteInProvider],
    ['MessageInProvider.call', MessageInProvider],
    ['NoGateway.call', NoGateway],
    ['MarkedGuard.canActivate', Guarded],
  ])('is warned of, and not listed as monitored, if it may have one, as on %s', async (name, provider) => {
    const app = await startApp({ metadata: { providers: [provider] } });
    expect(app.log.of(name)).toEqual([expect.stringMatching(/^warn .*no request is known to reach it/)]);
    await app.close();
  });

  it.each([
    ['@MonitorRate', MonitorRate('llm_call')],
    ['@SkipMonitorRate', SkipMonitorRate()],
  ])('stops the boot if it is %s on a method that another decorator makes an accessor', async (name, mark) => {
    const autobind: MethodDecorator = (_api, _key, { value, ...rest }) => {
      const { configurable, enumerable } = rest;
      return { configurable, enumerable, get: () => value } as PropertyDescriptor;
    };
    class Base {
      @autobind
      @Post('call')
      @mark
      call() {}
    }
    @Controller()
    class Api extends Base {}
    await expect(startApp({ metadata: { controllers: [Api] } })).rejects.toThrow(
      `${name} on Api.call has no effect: a decorator above it makes the method an accessor, and Nest routes no requests to accessors. ` +
        'Remove that decorator: Nest binds handlers to their instance itself',
    );
  });

  it.each([
    ['its method', MonitorRate('llm_call'), undefined],
    ['its class', undefined, MonitorRate('llm_call')],
  ])(
    'is warned of, and not listed as monitored, if a controller loses it by binding its methods, from %s',
    async (_where, onMethod, onClass) => {
      class Api {
        constructor() {
          this.call = this.call.bind(this);
        }

        call(): this {
          return this;
        }
      }
      const method = Object.getOwnPropertyDescriptor(Api.prototype, 'call') as PropertyDescriptor;
      for (const decorate of [Post('call'), onMethod]) decorate?.(Api.prototype, 'call', method);
      for (const decorate of [Controller(), onClass]) decorate?.(Api);
      const app = await startApp({ metadata: { controllers: [Api] } });
      expect(app.log.of('Api.call')).toEqual([
        expect.stringMatching(
          /^warn .* is lost, and nothing is counted there: .* bound in the constructor .* Guards on the/,
        ),
      ]);
      await app.close();
    },
  );

  type Method = (...args: unknown[]) => unknown;
  const byArrow = (method: Method, of: object): Method => {
    return (...args) => method.apply(of, args);
  };
  const byFunction = (method: Method, of: object): Method => {
    return function (...args) {
      return method.apply(of, args);
    };
  };

  it.each([
    ['an arrow function', 'its method', byArrow, MonitorRate('llm_call'), undefined],
    ['an arrow function', 'its class', byArrow, undefined, MonitorRate('llm_call')],
    ['a function', 'its method', byFunction, MonitorRate('llm_call'), undefined],
    ['a function', 'its class', byFunction, undefined, MonitorRate('llm_call')],
  ])(
    'is warned of, and not listed as monitored, if a proxy wraps every method of the instance by %s, on %s',
    async (_how, _where, wrapped, onMethod, onClass) => {
      class Api {
        constructor() {
          return new Proxy(this, {
            get: (api, key) => {
              const value = Reflect.get(api, key) as unknown;
              return typeof value === 'function' ? wrapped(value as Method, api) : value;
            },
          });
        }

        call() {}
      }
      const method = Object.getOwnPropertyDescriptor(Api.prototype, 'call') as PropertyDescriptor;
      for (const decorate of [Post('call'), onMethod]) decorate?.(Api.prototype, 'call', method);
      for (const decorate of [Controller(), onClass]) decorate?.(Api);
      const app = await startApp({ metadata: { controllers: [Api] } });
      expect(app.log.of('Api.call')).toEqual([
        expect.stringMatching(/^warn .* is lost, and nothing is counted there: .* made by a proxy/),
      ]);
      await app.close();
    },
  );

  it('is warned of on the proxy of a class: Nest uses the class itself', async () => {
    class Api {
      call() {}
    }
    const method = Object.getOwnPropertyDescriptor(Api.prototype, 'call') as PropertyDescriptor;
    Post('call')(Api.prototype, 'call', method);
    const Listed = new Proxy(Api, {});
    for (const decorate of [Controller(), MonitorRate('llm_call')]) decorate(Listed);
    const app = await startApp({ metadata: { controllers: [Listed] } });
    expect(app.log.of('Api is lost')).toEqual([
      expect.stringMatching(/^warn .*nothing is counted there: .* below the decorator that makes the proxy/),
    ]);
    await app.close();
  });

  it('is not inherited by an overriding method: the boot warns of it once, unless it is skipped on purpose', async () => {
    class Base {
      @Post('call')
      @MonitorRate('llm_call')
      call() {}

      @Post('ask')
      @MonitorRate('llm_call')
      ask() {}

      @Post('list')
      @SkipMonitorRate()
      list() {}
    }
    @Controller('plain')
    class Plain extends Base {
      @Post('call')
      override call() {}

      // What it overrides is not counted either.
      @Post('list')
      override list() {}

      // Nest sends no request here.
      override ask() {}
    }
    @Controller('below')
    class Below extends Plain {}
    @Controller('marked')
    class Marked extends Base {
      @Post('call')
      @MonitorRate('llm_call')
      override call() {}
    }
    @Controller('skipped')
    class Skipped extends Base {
      @Get('call')
      @SkipMonitorRate()
      override call() {}
    }
    @MonitorRate('llm_call')
    @Controller('class')
    class OfClass extends Base {
      @Post('call')
      override call() {}
    }
    const app = await startApp({ metadata: { controllers: [Plain, Below, Marked, Skipped, OfClass] } });
    expect(app.log.of('overrides')).toEqual(
      ['Plain', 'Below'].map(
        (name) =>
          `warn RateMonitor: ${name}.call overrides a method that has @MonitorRate, and is not counted: an overriding method does not inherit ` +
          'decorators. Write @MonitorRate there too, or @SkipMonitorRate() if nothing should be counted',
      ),
    );
    await app.close();
  });

  it.each([
    ['a property', 'Api.call', (api: object) => MonitorRate('llm_call')(api, 'call', undefined as never)],
    ['an accessor', 'Api.call', (api: object) => MonitorRate('llm_call')(api, 'call', { get: () => 1 })],
    [
      'a method that a symbol names',
      'Api.Symbol(call)',
      (api: object) => MonitorRate('llm_call')(api, Symbol('call'), { value: () => 1 }),
    ],
    [
      'a static method',
      'Api.call',
      (api: object) => MonitorRate('llm_call')(api.constructor, 'call', { value: () => 1 }),
    ],
  ])('on %s throws when its file is imported', (_what, place, mark) => {
    class Api {}
    expect(() => mark(Api.prototype)).toThrow(
      new TypeError(
        `@MonitorRate() on ${place} has no effect: Nest routes no requests to properties, accessors, static methods or methods named by a ` +
          'symbol. Put it on a method with a name',
      ),
    );
    expect(Reflect.getMetadataKeys(Api.prototype)).toEqual([]);
  });

  it('is not looked for in objects that throw on access or in function proxies, nor in classes whose static members throw', async () => {
    const refuse = (): never => {
      throw new Error('not for you');
    };
    const throwing = Object.defineProperty({}, 'constructor', { get: refuse });
    class Nameless {}
    Object.defineProperty(Nameless, 'name', { get: refuse });
    class Token {}
    Object.defineProperty(Token, 'toString', { value: refuse });
    @Controller()
    class Api {
      @Post('call')
      @MonitorRate('llm_call')
      call() {}
    }
    const providers = [
      { provide: 'throwing', useValue: throwing },
      { provide: 'proxy', useValue: new Proxy(() => undefined, {}) },
      { provide: 'nameless', useValue: new Nameless() },
      { provide: Token, useValue: {} },
    ];
    const app = await startApp({ metadata: { providers, controllers: [Api] } });
    expect(app.log.of('monitoring Api.call')).toHaveLength(1);
    await app.close();
  });
});
