import { inspect } from 'node:util';

import {
  Controller,
  Module,
  Post,
  Req,
  Scope,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  type MiddlewareConsumer,
  type NestModule,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';

import {
  MonitorRate,
  RateCounterService,
  RateMonitorGuard,
  SkipMonitorRate,
  type RateMonitorOptions,
} from '../../src/index.js';
import { startApp, type TestApp, type TestAppOptions } from '../support/app.js';
import { ApiController, AuthGuard, LlmController } from '../support/controllers.js';
import { sharedRedis } from '../support/redis.js';
import { endsWithin } from '../support/until.js';

const acme = { 'x-project': 'acme', 'x-name': 'Acme' };

describe.each([
  ['Express', false],
  ['Fastify', true],
])('counting on %s', (_platform, fastify) => {
  let app: TestApp;

  const start = async (more: TestAppOptions = {}): Promise<void> => {
    app = await startApp({ fastify, metadata: { controllers: [ApiController, LlmController] }, ...more });
  };
  const count = (category: string, tenant = 'acme'): Promise<number> =>
    app.app.get(RateCounterService).read(category, tenant);
  const controllers = (...types: (new () => unknown)[]): TestAppOptions => ({ metadata: { controllers: types } });

  afterEach(() => app.close());

  it('counts a handler whose tenant is set by a controller guard', async () => {
    await start();
    expect((await app.post('/evaluations', acme)).status).toBe(201);
    expect((await app.post('/evaluations', acme)).status).toBe(201);
    expect(await count('evaluations')).toBe(2);
  });

  it('counts once if the tenant is known before any guard', async () => {
    await start({ prepare: (it) => authenticateEarly(it) });
    await app.post('/evaluations', acme);
    expect(await count('evaluations')).toBe(1);
  });

  it('counts once if middleware sets the tenant and there is no guard', async () => {
    @Controller()
    class Open {
      @Post('open')
      @MonitorRate('llm_call')
      call() {}
    }
    @Module({ controllers: [Open] })
    class OpenModule implements NestModule {
      configure(consumer: MiddlewareConsumer): void {
        const identify = (request: { user?: unknown }, _response: unknown, next: () => void): void => {
          request.user = { project: { id: 'acme' } };
          next();
        };
        consumer.apply(identify).forRoutes(Open);
      }
    }
    await start({ metadata: { imports: [OpenModule] } });
    await app.post('/open');
    expect(await count('llm_call', 'acme')).toBe(1);
  });

  it('counts once if an earlier global guard sets the tenant', async () => {
    await start({
      metadata: { controllers: [ApiController], providers: [{ provide: APP_GUARD, useClass: AuthGuard }] },
    });
    await app.post('/evaluations', acme);
    expect(await count('evaluations')).toBe(1);
  });

  it('counts once if the guard is bound by hand too, to the class, or to the method above or below the mark', async () => {
    @UseGuards(AuthGuard, RateMonitorGuard)
    @Controller()
    class Twice {
      @Post('class')
      @MonitorRate('llm_call')
      byClass() {}

      @Post('above')
      @UseGuards(RateMonitorGuard)
      @MonitorRate('llm_call')
      above() {}

      @Post('below')
      @MonitorRate('llm_call')
      @UseGuards(RateMonitorGuard, RateMonitorGuard)
      below() {}
    }
    await start(controllers(Twice));
    for (const path of ['/class', '/above', '/below']) await app.post(path, acme);
    expect(await count('llm_call')).toBe(3);
  });

  it('counts once if a subclass of the guard is bound by hand too, and lets that refuse', async () => {
    class Strict extends RateMonitorGuard {
      override canActivate(context: ExecutionContext): boolean | Promise<boolean> {
        const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, unknown> }>();
        return headers['x-stranger'] === undefined && super.canActivate(context);
      }
    }

    @UseGuards(AuthGuard, Strict)
    @Controller()
    class Twice {
      @Post('class')
      @MonitorRate('llm_call')
      byClass() {}

      @Post('above')
      @UseGuards(Strict)
      @MonitorRate('llm_call')
      above() {}

      @Post('below')
      @MonitorRate('llm_call')
      @UseGuards(Strict, RateMonitorGuard)
      below() {}
    }
    await start({
      metadata: { controllers: [Twice], providers: [{ provide: APP_GUARD, useClass: Strict }] },
      prepare: (it) => authenticateEarly(it),
    });
    for (const path of ['/class', '/above', '/below']) {
      await app.post(path, acme);
      expect((await app.post(path, { ...acme, 'x-stranger': '1' })).status).toBe(403);
    }
    expect(await count('llm_call')).toBe(3);
  });

  it('counts a handler that several apps share in the app that received the request', async () => {
    const other = await startApp({ fastify, metadata: { controllers: [ApiController] } });
    await start();
    await app.post('/evaluations', acme);
    await other.post('/evaluations', acme);
    await other.post('/evaluations', acme);
    expect([await count('evaluations'), await other.app.get(RateCounterService).read('evaluations', 'acme')]).toEqual([
      1, 2,
    ]);
    await other.close();
  });

  it('counts a handler that a subclass inherits or overrides', async () => {
    @MonitorRate('llm_call')
    class Base {
      @Post('inherited')
      inherited() {}

      @Post('overridden')
      overridden() {}
    }
    @UseGuards(AuthGuard)
    @Controller()
    class Sub extends Base {
      @Post('overridden')
      override overridden() {}
    }
    await start(controllers(Sub));
    await app.post('/inherited', acme);
    await app.post('/overridden', acme);
    expect(await count('llm_call')).toBe(2);
  });

  it('monitors every handler of a decorated class, except those that opt out', async () => {
    await start();
    await app.post('/llm/call', acme);
    await app.post('/llm/free', acme);
    await app.post('/llm/evaluate', acme);
    expect([await count('llm_call'), await count('evaluations')]).toEqual([1, 1]);
  });

  it('lets a method overrule a skip on its class', async () => {
    @UseGuards(AuthGuard)
    @SkipMonitorRate()
    @Controller()
    class Mostly {
      @Post('counted')
      @MonitorRate('llm_call')
      counted() {}

      @Post('skipped')
      skipped() {}
    }
    await start(controllers(Mostly));
    await app.post('/counted', acme);
    await app.post('/skipped', acme);
    expect(await count('llm_call')).toBe(1);
  });

  it('lets the marks of a class replace those of the class it extends', async () => {
    @SkipMonitorRate()
    class Base {}
    @UseGuards(AuthGuard)
    @MonitorRate('llm_call')
    @Controller()
    class Counted extends Base {
      @Post('counted')
      counted() {}
    }
    @SkipMonitorRate()
    @Controller('again')
    class Skipped extends Counted {
      @Post('skipped')
      skipped() {}
    }
    await start(controllers(Counted, Skipped));
    await app.post('/counted', acme);
    for (const path of ['/again/skipped', '/again/counted']) await app.post(path, acme);
    expect(await count('llm_call')).toBe(1);
  });

  it('counts a handler whose wrapper has the handler as its prototype', async () => {
    const Wrapped: MethodDecorator = (_target, _key, descriptor) => {
      const original = descriptor.value as () => unknown;
      const wrapper = function (this: unknown): unknown {
        return original.call(this);
      };
      descriptor.value = Object.setPrototypeOf(wrapper, original) as never;
    };
    @UseGuards(AuthGuard)
    @Controller()
    class Outer {
      @Wrapped
      @Post('wrapped')
      @MonitorRate('llm_call')
      call() {}
    }
    await start(controllers(Outer));
    await app.post('/wrapped', acme);
    expect(await count('llm_call')).toBe(1);
  });

  it('keeps the guards of a handler that another decorator wraps', async () => {
    const Wrapped: MethodDecorator = (_target, _key, descriptor) => {
      const original = descriptor.value as () => unknown;
      const wrapper = function (this: unknown): unknown {
        return original.call(this);
      };
      descriptor.value = Object.setPrototypeOf(wrapper, original) as never;
    };
    class Deny implements CanActivate {
      canActivate = (): boolean => false;
    }
    @Controller()
    class Guarded {
      @Wrapped
      @Post('guarded')
      @MonitorRate('llm_call')
      @UseGuards(Deny)
      call(): string {
        return 'secret';
      }
    }
    await start(controllers(Guarded));
    expect((await app.post('/guarded', acme)).status).toBe(403);
  });

  it('exposes neither options nor a Redis password if the request is printed', async () => {
    const { client, keyPrefix } = sharedRedis();
    client.options.password = 'hunter2hunter2';
    let printed = '';
    @UseGuards(AuthGuard)
    @Controller()
    class Printing {
      @Post('printed')
      @MonitorRate('llm_call')
      call(@Req() request: unknown): void {
        printed = inspect(request, { depth: 12 });
      }
    }
    await start({ ...controllers(Printing), options: { redis: client, keyPrefix } });
    await app.post('/printed', acme);
    client.disconnect();
    expect(printed).not.toContain('hunter2');
    expect(printed).not.toContain('nestjs-rate-monitor:');
  });

  it('leaves handlers without a decorator alone', async () => {
    await start();
    expect((await fetch(`${app.url}/health`)).status).toBe(200);
    expect(app.log.of('No tenant')).toEqual([]);
  });

  it('does not count a request that is refused before its tenant is known', async () => {
    await start();
    expect((await app.post('/evaluations', { 'x-refuse': '1' })).status).toBe(403);
    expect(app.log.of('No tenant')).toEqual([]);
    expect(await count('evaluations')).toBe(0);
  });

  it('counts nothing without a tenant, and logs once per route what to do', async () => {
    await start();
    for (let i = 0; i < 3; i++) expect((await app.post('/evaluations')).status).toBe(201);
    await app.post('/projects/7/collections');
    expect(app.log.of('No tenant')).toEqual([
      expect.stringMatching(
        /^warn RateMonitor: No tenant on POST \/evaluations \(ApiController.evaluate\).* request.auth /,
      ),
      expect.stringContaining('POST /projects/:id/collections (ApiController.collect)'),
    ]);
  });

  it('adds up several decorators and categories', async () => {
    @UseGuards(AuthGuard)
    @Controller()
    class Several {
      @Post('several')
      @MonitorRate('llm_call', 'evaluations')
      @MonitorRate('collections', { cost: 5 })
      call() {}
    }
    await start(controllers(Several));
    await app.post('/several', acme);
    expect([await count('llm_call'), await count('evaluations'), await count('collections')]).toEqual([1, 1, 5]);
  });

  it('counts a cost computed per request, and 1 if that is no cost, logged once', async () => {
    @UseGuards(AuthGuard)
    @Controller()
    class Costly {
      @Post('tokens')
      @MonitorRate('llm_call', {
        cost: (context) => context.switchToHttp().getRequest<{ body: { tokens: number } }>().body.tokens,
      })
      tokens() {}

      @Post('throws')
      @MonitorRate('collections', { cost: () => JSON.parse('{') as number })
      throws() {}
    }
    await start(controllers(Costly));
    await app.post('/tokens', acme, { tokens: 2.5 });
    for (const tokens of [-1, null, 'x', 1e308, 1e308]) await app.post('/tokens', acme, { tokens });
    for (let i = 0; i < 2; i++) expect((await app.post('/throws', acme)).status).toBe(201);
    expect([await count('llm_call'), await count('collections')]).toEqual([5.5 + 2e9, 2]);
    // One that is no cost, one that is too much, one that throws.
    expect(app.log.of('cost')).toHaveLength(3);
  });

  it('counts 1 if a function returns no cost, for the contributor too', async () => {
    const costs: unknown[] = ['3', 5n, [3], NaN, -2, {}];
    @UseGuards(AuthGuard)
    @Controller()
    class Odd {
      @Post('odd')
      @MonitorRate('llm_call', { cost: () => costs.shift() as number })
      call() {}
    }
    const categories = { llm_call: { threshold: 5, windowMs: 3_600_000 } };
    await start({ ...controllers(Odd), options: { categories, contributor: () => 'dana' } });
    for (let i = 0; i < 6; i++) expect((await app.post('/odd', acme)).status).toBe(201);
    expect(await count('llm_call')).toBe(6);
    expect(app.alerts.map(({ contributors }) => contributors)).toEqual([[{ label: 'dana', count: 6 }]]);
    expect(app.log.of('not counted')).toEqual([]);
  });

  it('counts concurrent requests once each', async () => {
    await start();
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => app.post('/llm/call', { 'x-project': `p${i % 4}` })),
    );
    expect(answers.every(({ status }) => status === 201)).toBe(true);
    expect(await Promise.all(['p0', 'p1', 'p2', 'p3'].map((tenant) => count('llm_call', tenant)))).toEqual([
      10, 10, 10, 10,
    ]);
  });

  it('counts the handlers of request-scoped controllers', async () => {
    @UseGuards(AuthGuard)
    @Controller({ scope: Scope.REQUEST })
    class Scoped {
      @Post('scoped')
      @MonitorRate('llm_call')
      call() {}
    }
    await start(controllers(Scoped));
    await app.post('/scoped', acme);
    expect(await count('llm_call')).toBe(1);
  });

  it.each([
    ['an object without a text', () => Object.create(null) as Error],
    [
      'an error whose message throws',
      () =>
        Object.defineProperty(new Error(), 'message', {
          get(): never {
            throw this as Error;
          },
        }),
    ],
  ])('lets every request through if a function of the app throws or rejects with %s', async (_what, fault) => {
    const unhandled = jest.fn();
    process.on('unhandledRejection', unhandled);
    const throws = (context: ExecutionContext): Promise<never> => {
      if (context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-now']) throw fault();
      return Promise.reject(fault());
    };
    @Controller()
    class Api {
      @Post('cost')
      @MonitorRate('evaluations', { cost: throws })
      cost() {}

      @Post('after')
      @MonitorRate('evaluations', { after: (_result, context) => throws(context) })
      after() {}
    }
    for (const options of [{ tenant: throws }, { skipIf: throws, tenant: () => 'acme' }] as RateMonitorOptions[]) {
      await start({ ...controllers(Api), options });
      for (const path of ['/cost', '/after'])
        for (const headers of [{ 'x-now': '1' }, {}] as Record<string, string>[])
          expect((await app.post(path, headers)).status).toBe(201);
      if (options.skipIf) expect(await count('evaluations')).toBe(2);
      else await app.close();
    }
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
    expect(app.log.of('an error without a message').length).toBeGreaterThan(0);
  });

  it('skips what skipIf names, and counts if it throws', async () => {
    const skipIf = (context: ExecutionContext): boolean => {
      const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
      if (headers['x-throw']) throw new Error('no such thing');
      return headers['x-internal'] !== undefined;
    };
    await start({ metadata: { controllers: [ApiController] }, options: { skipIf } });
    await app.post('/evaluations', { ...acme, 'x-internal': '1' });
    expect(await count('evaluations')).toBe(0);
    await app.post('/evaluations', { ...acme, 'x-throw': '1' });
    await app.post('/evaluations', { ...acme, 'x-throw': '1' });
    expect(await count('evaluations')).toBe(2);
    expect(app.log.of('skipIf threw')).toHaveLength(1);
  });

  it('counts if skipIf returns neither true nor false, and logs it once', async () => {
    const skipIf = (() => 'yes') as unknown as () => boolean;
    await start({ metadata: { controllers: [ApiController] }, options: { skipIf } });
    for (let i = 0; i < 2; i++) await app.post('/evaluations', acme);
    expect(await count('evaluations')).toBe(2);
    expect(app.log.of('skipIf returned a string')).toEqual([
      expect.stringMatching(/on ApiController\..*: the request is counted\. Return true or false$/),
    ]);
  });

  it('supports asynchronous skipIf and cost functions, including those that reject', async () => {
    const headerOf = (context: ExecutionContext, name: string): string | undefined =>
      context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers[name];
    @Controller()
    class Later {
      @Post('later')
      @MonitorRate('llm_call', { cost: (context) => Promise.resolve(Number(headerOf(context, 'x-cost'))) })
      @MonitorRate('collections', { cost: () => Promise.reject(new Error('no cost')) })
      call() {}
    }
    const skipIf = async (context: ExecutionContext): Promise<boolean> => {
      await Promise.resolve();
      if (headerOf(context, 'x-reject')) throw new Error('no database');
      return headerOf(context, 'x-skip') !== undefined;
    };
    await start({ metadata: { controllers: [Later] }, options: { skipIf, tenant: () => 'acme' } });
    await app.post('/later', { 'x-cost': '5' });
    await app.post('/later', { 'x-cost': '5', 'x-skip': '1' });
    for (let i = 0; i < 2; i++) await app.post('/later', { 'x-cost': '2', 'x-reject': '1' });
    expect([await count('llm_call'), await count('collections')]).toEqual([9, 3]);
    expect(app.log.of('skipIf threw on Later.call (no database)')).toHaveLength(1);
    expect(app.log.of('threw on Later.call (no cost): the request counts as 1')).toHaveLength(1);
  });

  it('stops waiting for a resolver that hangs after a few requests', async () => {
    await start({
      metadata: { controllers: [ApiController] },
      options: { tenant: () => new Promise(() => undefined), waitAtMostMs: 3_000 },
    });
    await Promise.all(Array.from({ length: 4 }, () => app.post('/evaluations', acme)));
    const more = Promise.all(Array.from({ length: 20 }, () => app.post('/evaluations', acme)));
    expect(await endsWithin(more, 2_900)).toBe(true);
  });

  describe('with a resolver of your own', () => {
    const header = (context: ExecutionContext, name: string): string | undefined =>
      context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers[name];
    const resolving = (options: RateMonitorOptions): Promise<void> =>
      start({ metadata: { controllers: [ApiController] }, options });

    it('accepts an id or a promise of one', async () => {
      await resolving({ tenant: (context) => header(context, 'x-key') });
      await app.post('/evaluations', { 'x-key': 'k1' });
      expect(await count('evaluations', 'k1')).toBe(1);
      await app.close();

      const later = async (context: ExecutionContext): Promise<number> => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        return Number(header(context, 'x-key'));
      };
      await resolving({ tenant: later });
      await app.post('/evaluations', { 'x-key': '42' });
      expect(await count('evaluations', '42')).toBe(1);
      expect(await count('evaluations', 'k1')).toBe(0);
    });

    it('calls the resolver after the guards', async () => {
      await resolving({
        tenant: (context) =>
          Promise.resolve(context.switchToHttp().getRequest<{ auth?: { project: string } }>().auth?.project),
      });
      await app.post('/evaluations', acme);
      expect(await count('evaluations', 'acme')).toBe(1);
      expect(app.log.of('No tenant')).toEqual([]);
    });

    it('awaits any thenable', async () => {
      const asked = (context: ExecutionContext): PromiseLike<string | undefined> => ({
        then: (...then) => Promise.resolve(header(context, 'x-key')).then(...then),
      });
      await resolving({ tenant: (context) => asked(context) as Promise<string | undefined> });
      await app.post('/evaluations', { 'x-key': 'k1' });
      expect(await count('evaluations', 'k1')).toBe(1);
    });

    it('delays a request no longer than allowed in total, however many categories it counts in', async () => {
      await resolving({ tenant: () => new Promise(() => undefined), waitAtMostMs: 1_000 });
      const sent = performance.now();
      expect(await endsWithin(app.post('/evaluations', acme), 1_900)).toBe(true);
      expect(performance.now() - sent).toBeGreaterThan(900);
    });

    it('does not wait for one that never answers, and continues in the background', async () => {
      await resolving({ tenant: () => new Promise(() => undefined), waitAtMostMs: 20 });
      expect((await app.post('/evaluations', acme)).status).toBe(201);
      await app.close();
      await resolving({ tenant: (context) => Promise.resolve(header(context, 'x-key')), counting: 'background' });
      await app.post('/evaluations', { 'x-key': 'k9' });
      expect(await count('evaluations', 'k9')).toBe(1);
    });

    it.each([
      ['throws', (): never => JSON.parse('{') as never],
      ['rejects', (): Promise<never> => Promise.reject(new Error('no database'))],
    ])('logs once per route that it %s, and lets the requests through', async (_how, tenant) => {
      await resolving({ tenant });
      for (let i = 0; i < 3; i++) expect((await app.post('/evaluations', acme)).status).toBe(201);
      await app.post('/projects/1/collections', acme);
      expect(app.log.of('resolver threw')).toHaveLength(2);
      expect(app.log.of('No tenant')).toHaveLength(0);
    });

    it('does not call the resolver before the guards', async () => {
      await resolving({
        tenant: (context) => context.switchToHttp().getRequest<{ auth: { project: { id: string } } }>().auth.project,
      });
      await app.post('/evaluations', acme);
      expect(await count('evaluations')).toBe(1);
      expect(app.log.of('resolver')).toEqual([]);
    });

    it('counts a category against the tenant of its own resolver', async () => {
      @UseGuards(AuthGuard)
      @Controller()
      class PerKey {
        @Post('call')
        @MonitorRate('llm_call', 'llm_call_per_key')
        call() {}
      }
      const categories = {
        llm_call: { threshold: 15 },
        llm_call_per_key: { threshold: 5, tenant: (context: ExecutionContext) => header(context, 'x-key') },
      };
      await start({ metadata: { controllers: [PerKey] }, options: { categories } });
      await app.post('/call', { ...acme, 'x-key': 'k1' });
      await app.post('/call', { ...acme, 'x-key': 'k2' });
      expect([await count('llm_call'), await count('llm_call_per_key', 'k1')]).toEqual([2, 1]);
    });

    it('keeps ids apart, whatever they contain', async () => {
      const ids = [
        'a:b',
        'a',
        'a}',
        '{a',
        '__proto__',
        'constructor',
        'ü',
        'u\u0308',
        '\u0000',
        '%3A',
        '\uD800',
        '\uDFFF',
        ` `,
        `${'x'.repeat(10_000)}1`,
        `${'x'.repeat(10_000)}2`,
      ];
      let next = 0;
      await resolving({ tenant: () => ids[next] });
      for (const [i] of ids.entries()) {
        next = i;
        for (let times = 0; times <= i; times++) await app.post('/evaluations');
      }
      expect(await Promise.all(ids.map((id) => count('evaluations', id)))).toEqual(ids.map((_, i) => i + 1));
    });

    it.each([[null], [{}], [{ id: {} }], [true], [Number.NaN], [''], [[]]])(
      'treats %p as no tenant',
      async (answer) => {
        await resolving({ tenant: () => answer as never });
        expect((await app.post('/evaluations')).status).toBe(201);
        expect(app.log.of('No tenant')).toHaveLength(1);
      },
    );
  });
});

interface EarlyRequest {
  headers: Record<string, string>;
  auth?: unknown;
}

function authenticateEarly(app: INestApplication): void {
  const authenticate = (request: EarlyRequest, _response: unknown, next: () => void): void => {
    request.auth = { project: { id: request.headers['x-project'] } };
    next();
  };
  const server: {
    addHook?: (on: string, hook: (request: { raw: EarlyRequest }, ...rest: [unknown, () => void]) => void) => void;
  } = app.getHttpAdapter().getInstance();
  // Nest 10 supports middleware on Fastify only once the app is initialized.
  if (server.addHook) server.addHook('onRequest', ({ raw }, reply, next) => authenticate(raw, reply, next));
  else app.use(authenticate);
}
