import { Controller, Injectable, Post, UseGuards, type CanActivate } from '@nestjs/common';
import { AopModule, Aspect, createDecorator, type LazyDecorator, type WrapParams } from '@toss/nestjs-aop';

import { MonitorRate, RateCounterService, SkipMonitorRate } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';

const LOGGED = Symbol('logged');
const Logged = (): MethodDecorator => createDecorator(LOGGED, {});
const calls: string[] = [];

@Aspect(LOGGED)
class LoggedAspect implements LazyDecorator {
  wrap({ method, methodName }: WrapParams<(...args: unknown[]) => unknown>) {
    return (...args: unknown[]): unknown => {
      calls.push(methodName);
      return method(...args);
    };
  }
}

/** A typical hand-written wrapper: its prototype is the original, so that its metadata can be read. */
const Wrapped: MethodDecorator = (_target, _key, descriptor) => {
  const original = descriptor.value as unknown as (...args: unknown[]) => unknown;
  const wrapper = function (this: unknown, ...args: unknown[]): unknown {
    return original.apply(this, args);
  };
  descriptor.value = Object.setPrototypeOf(wrapper, original) as never;
};

@Injectable()
class Deny implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

const monitored = MonitorRate('llm_call') as MethodDecorator;

const denied = UseGuards(Deny) as MethodDecorator;

/** A controller whose method has these decorators, written from top to bottom. */
function controllerWith(...decorators: MethodDecorator[]): new () => unknown {
  @Controller()
  class Wrapping {
    call(): string {
      return 'secret';
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Wrapping.prototype, 'call') as PropertyDescriptor;
  for (const decorate of [...decorators].reverse()) decorate(Wrapping.prototype, 'call', descriptor);
  Object.defineProperty(Wrapping.prototype, 'call', descriptor);
  return Wrapping;
}

function ordersOf<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item) => ordersOf(items.filter((other) => other !== item)).map((rest) => [item, ...rest]));
}

describe.each([
  ['Express', false],
  ['Fastify', true],
])('a wrapped handler on %s', (_platform, fastify) => {
  let app: TestApp;

  const start = async (controller: new () => unknown, enabled = true): Promise<void> => {
    app = await startApp({
      fastify,
      options: { tenant: () => 'acme', enabled },
      metadata: { imports: [AopModule], providers: [LoggedAspect], controllers: [controller] },
    });
  };
  const count = (category: string): Promise<number> => app.app.get(RateCounterService).read(category, 'acme');

  it.each([
    ['@toss/nestjs-aop', Logged(), true],
    ['@toss/nestjs-aop', Logged(), false],
    ['a wrapper by hand', Wrapped, true],
    ['a wrapper by hand', Wrapped, false],
  ])('of %s keeps its guards in every order, enabled: %p is %p', async (_what, wrap, enabled) => {
    for (const decorators of ordersOf([wrap, monitored, denied])) {
      await start(controllerWith(...decorators, Post()), enabled);
      const response = await app.post('/');
      expect([response.status, (await response.text()).includes('secret'), await count('llm_call')]).toEqual([
        403,
        false,
        0,
      ]);
      await app.close();
    }
  });

  it('is counted and still wrapped', async () => {
    await start(controllerWith(Logged(), monitored, Post()));
    calls.length = 0;
    await app.post('/');
    expect([await count('llm_call'), calls]).toEqual([1, ['call']]);
    await app.close();
  });

  it.each([['@toss/nestjs-aop'], ['a wrapper by hand']])('counts marks above and below %s', async (what) => {
    const wrap = what === '@toss/nestjs-aop' ? Logged() : Wrapped;
    await start(controllerWith(MonitorRate('collections'), wrap, monitored, Post()));
    await app.post('/');
    expect([await count('collections'), await count('llm_call')]).toEqual([1, 1]);
    await app.close();
  });

  const Losing: MethodDecorator = (_target, _key, descriptor) => {
    descriptor.value = (() => 'wrapped') as never;
  };

  it.each([
    ['its only mark', [Losing, monitored], ['MonitorRate']],
    ['the lower of two marks', [MonitorRate('collections'), Losing, monitored], ['MonitorRate']],
    ['the lower of two marks of one category', [monitored, Losing, monitored], ['MonitorRate']],
    [
      'some of the marks below it',
      [MonitorRate('collections'), Losing, MonitorRate('evaluations', 'llm_call')],
      ['MonitorRate'],
    ],
    ['its skip', [Losing, SkipMonitorRate()], ['SkipMonitorRate']],
    ['its skip and its mark', [Losing, SkipMonitorRate(), monitored], ['MonitorRate', 'SkipMonitorRate']],
    ['its skip, marked above', [monitored, Losing, SkipMonitorRate()], ['SkipMonitorRate']],
  ])('whose wrapper keeps no metadata stops the boot: %s and its guards are lost', async (_what, decorators, lost) => {
    const problems = await start(controllerWith(Post(), ...decorators)).then(String, (error: Error) => error.message);
    expect([...problems.matchAll(/@(\w+) on Wrapping\.call is lost: /g)].map(([, name]) => name)).toEqual(lost);
  });

  it.each([
    ['marked above it only', [monitored, MonitorRate('collections'), Losing], 1],
    ['skipped above it', [SkipMonitorRate(), Losing, monitored], 0],
  ])('whose wrapper keeps no metadata starts if it is %s', async (_what, decorators, counted) => {
    await start(controllerWith(Post(), ...decorators));
    await app.post('/');
    expect([await count('llm_call'), await count('collections')]).toEqual([counted, counted]);
    await app.close();
  });
});
