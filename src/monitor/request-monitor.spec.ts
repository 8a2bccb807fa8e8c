import 'reflect-metadata';

import { Logger, type ExecutionContext } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host';

import { isDone } from '../../test/support/fake-timers.js';
import type { RouteOf } from '../counter/counter.js';
import type { Category } from '../model/category.js';
import type { TenantLike } from '../model/tenant.js';
import type { RateMonitorOptions } from '../options/rate-monitor-options.js';
import { completed } from '../../test/support/complete-options.js';
import { WarnOnce } from '../util/warn-once.js';
import { MonitorRate, SkipMonitorRate, type MonitorRateOptions } from './monitor-rate.decorator.js';
import { RequestMonitor } from './request-monitor.js';

const MINUTE_MS = 60_000;
const WAIT_AT_MOST_MS = 50;
/** A request of the tenant `acme` on Express. */
const REQUEST = { method: 'POST', route: { path: '/llm' }, user: { project: 'acme' } };
const ANONYMOUS = { method: 'POST', route: { path: '/llm' } };
/** A request with a getter that throws. */
const throwing = (key: string): object =>
  Object.defineProperty({ method: 'GET' }, key, {
    get: () => {
      throw new Error('no context');
    },
  });

/** How a function of the app may answer. */
const answers = { 'at once': <T>(answer: T): T => answer, later: <T>(answer: T): T => Promise.resolve(answer) as T };
const fault = (): never => {
  throw new Error('no database');
};

type Class = (new () => unknown) & { prototype: object };
type AnyRoute = RouteOf<unknown>;

describe('RequestMonitor', () => {
  let lines: string[];
  let errors: string[];
  /** What was counted, as `category tenant cost`. */
  let counted: string[];
  /** Who made up the counts, as `category tenant label cost`. */
  let contributed: string[];
  /** Gives the routes of the handler that counted last. */
  let routeOf: AnyRoute;
  /** What the request should wait for once it is counted. */
  let nextWait: (category: string) => Promise<void> | undefined;
  /** What the counter is told to wait for when it publishes all. */
  let expected: Promise<void>[];
  /** Handlers that were looked up. */
  let lookedUp: string[];
  let isBound: boolean;
  let monitor: RequestMonitor;

  const start = (options: RateMonitorOptions = {}): void => {
    const categories = { calls: {}, tokens: {} };
    const counter = {
      add: (category: string, { id }: { id: string }, cost: unknown, of: AnyRoute) => {
        counted.push(`${category} ${id} ${String(cost)}`);
        routeOf = of;
        return nextWait(category);
      },
      expect: (counting: Promise<void>) => void expected.push(counting),
    };
    monitor = new RequestMonitor(
      completed({ waitAtMostMs: WAIT_AT_MOST_MS, categories, ...options }),
      {
        handlerName: (owner, handler) => {
          const name = `${(owner as Class).name}.${(handler as Class).name}`;
          lookedUp.push(name);
          return name;
        },
        isBound: () => isBound,
      },
      counter,
      {
        count: ({ name }, tenant, label, cost) => void contributed.push(`${name} ${tenant} '${label}' ${cost}`),
      },
      new WarnOnce({ warn: (line: string) => lines.push(line) }),
    );
  };

  /** A request to a method of the class. */
  const to = (owner: Class, method: string, request: unknown = REQUEST, type = 'http'): ExecutionContext => {
    const handler = (owner.prototype as Record<string, () => void>)[method];
    const context = new ExecutionContextHost([request], owner, handler);
    context.setType(type);
    return context;
  };
  const waitOf = (owner: Class, method = 'call', request: unknown = REQUEST): Promise<void> | undefined =>
    monitor.observe(to(owner, method, request), false);
  const observe = (...request: Parameters<typeof waitOf>): void => void waitOf(...request);
  const succeed = (owner: Class, result?: unknown): void =>
    monitor.outcome(to(owner, 'call'), { failed: false, result });
  const fail = (owner: Class): void => monitor.outcome(to(owner, 'call'), { failed: true, result: undefined });
  /** What was counted since the last look, once all that has an answer is counted. */
  const countedNow = async (): Promise<string[]> => {
    await jest.advanceTimersByTimeAsync(0);
    return counted.splice(0);
  };

  class Api {
    @MonitorRate('calls')
    call(): void {}
    @MonitorRate('tokens')
    other(): void {}
    unmarked(): void {}
  }

  beforeEach(() => {
    jest.useFakeTimers();
    [lines, errors, counted, contributed, expected, lookedUp] = [[], [], [], [], [], []];
    [nextWait, isBound] = [() => undefined, true];
    jest.spyOn(Logger.prototype, 'error').mockImplementation((line: string) => void errors.push(line));
    start();
  });
  afterEach(() => {
    monitor.stop();
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  describe('counts a request', () => {
    it('in every marked category, each at its cost, without waiting if nothing requires it', () => {
      class Several {
        @MonitorRate('calls', 'tokens')
        @MonitorRate('pages', { cost: 5 })
        call(): void {}
      }
      start({ categories: { calls: {}, tokens: {}, pages: {} } });
      expect(waitOf(Several)).toBeUndefined();
      expect(counted).toEqual(['calls acme 1', 'tokens acme 1', 'pages acme 5']);
      expect(lines).toEqual([]);
      expect(contributed).toEqual([]);
    });

    it('once in a category that two marks name, as the mark closest to the method says', () => {
      class Twice {
        @MonitorRate('calls')
        @MonitorRate('calls', { cost: 3 })
        call(): void {}
      }
      observe(Twice);
      expect(counted).toEqual(['calls acme 3']);
    });

    it('not for a handler without a mark', () => {
      class Skipping extends Api {
        @SkipMonitorRate()
        override call(): void {}
      }
      for (const [owner, method] of [
        [Api, 'unmarked'],
        [Skipping, 'call'],
      ] as const) {
        expect(waitOf(owner, method)).toBeUndefined();
        monitor.outcome(to(owner, method), { failed: false, result: {} });
      }
      expect([counted, lines, lookedUp]).toEqual([[], [], []]);
    });

    it('through the global guard only if its handler has no guard of its own', () => {
      void monitor.observe(to(Api, 'call'), true);
      expect(counted).toEqual([]);
      void monitor.observe(to(Api, 'call'), false);
      expect(counted).toEqual(['calls acme 1']);
      isBound = false;
      void monitor.observe(to(Api, 'other'), true);
      expect(counted).toEqual(['calls acme 1', 'tokens acme 1']);
    });

    it('if its class is marked, for each class that inherits the method', () => {
      // The method belongs to all of them, but the class decides.
      class Base {
        call(): void {}
      }
      @MonitorRate('calls')
      class First extends Base {}
      @MonitorRate('tokens')
      class Second extends Base {}
      class Third extends Base {}
      for (let i = 0; i < 2; i++) {
        for (const owner of [First, Second, Third, First, First]) observe(owner);
        expect(counted.splice(0)).toEqual(['calls acme 1', 'tokens acme 1', 'calls acme 1', 'calls acme 1']);
      }
      expect(lookedUp).toEqual(['First.call', 'Second.call']);
    });

    it('not in an unknown category, which is logged once as an error', () => {
      class Later {
        @MonitorRate('cals', 'tokens')
        call(): void {}
        @MonitorRate('cals')
        other(): void {}
      }
      for (let i = 0; i < 2; i++) {
        observe(Later);
        observe(Later, 'other');
      }
      expect(counted).toEqual(['tokens acme 1', 'tokens acme 1']);
      const error = (method: string): string =>
        `@MonitorRate on Later.${method} names 'cals', which is not a category: write one of calls, tokens, or add it to categories`;
      expect(errors).toEqual([error('call'), error('other')]);
      expect(lines).toEqual([]);
    });

    it('and remembers the names of the handlers that counted one', () => {
      class Free {
        @MonitorRate('calls', { cost: 0 })
        call(): void {}
      }
      observe(Api, 'other', ANONYMOUS);
      observe(Free);
      expect([...monitor.seen]).toEqual([]);
      expect(counted).toEqual([]);
      observe(Api);
      observe(Api, 'other');
      expect([...monitor.seen]).toEqual(['Api.call', 'Api.other']);
    });
  });

  describe('by the outcome counts', () => {
    class Outcomes {
      @MonitorRate('started')
      @MonitorRate('done', { when: 'success' })
      @MonitorRate('failed', { when: 'failure', cost: 2 })
      @MonitorRate('tokens', { after: (result) => (result as { tokens: number }).tokens })
      call(): void {}
    }
    beforeEach(() => start({ categories: { started: {}, done: {}, failed: {}, tokens: {} } }));

    it('a request before its handler, and its success or failure after', () => {
      observe(Outcomes);
      expect(counted.splice(0)).toEqual(['started acme 1']);
      succeed(Outcomes, { tokens: 7 });
      expect(counted.splice(0)).toEqual(['done acme 1', 'tokens acme 7']);
      fail(Outcomes);
      expect(counted).toEqual(['failed acme 2']);
      expect(lines).toEqual([]);
    });

    it('nothing if no mark depends on it, and then calls no function', () => {
      const skipIf = jest.fn(() => false);
      start({ categories: { calls: {}, tokens: {} }, skipIf });
      class OnlySuccess {
        @MonitorRate('calls', { when: 'success' })
        call(): void {}
      }
      observe(OnlySuccess);
      fail(OnlySuccess);
      succeed(Api);
      fail(Api);
      expect(skipIf).not.toHaveBeenCalled();
      succeed(OnlySuccess);
      expect(skipIf).toHaveBeenCalledTimes(1);
      expect(counted).toEqual(['calls acme 1']);
    });
  });

  describe('skipIf', () => {
    describe.each(Object.entries(answers))('that answers %s', (_how, answering) => {
      it('is called with the context, and decides', async () => {
        const skipIf = jest.fn((context: ExecutionContext) => answering(context.getArgByIndex(0) !== REQUEST));
        start({ skipIf });
        observe(Api, 'call', { ...REQUEST });
        expect(await countedNow()).toEqual([]);
        observe(Api);
        expect(await countedNow()).toEqual(['calls acme 1']);
        expect(lines).toEqual([]);
      });

      it.each([undefined, null])('counts the request if it is %p, without a warning', async (answer) => {
        start({ skipIf: () => answering(answer as unknown as boolean) });
        observe(Api);
        expect(await countedNow()).toEqual(['calls acme 1']);
        expect(lines).toEqual([]);
      });

      it.each([
        [1, 'a number'],
        ['true', 'a string'],
        [{}, 'an object'],
      ])('counts the request if it is %p, and logs it', async (answer, kind) => {
        start({ skipIf: () => answering(answer as unknown as boolean) });
        observe(Api);
        expect(await countedNow()).toEqual(['calls acme 1']);
        expect(lines).toEqual([`skipIf returned ${kind} on Api.call: the request is counted. Return true or false`]);
      });
    });

    it.each<[string, () => never]>([
      ['throws', () => fault()],
      ['rejects', () => Promise.reject(new Error('no database')) as never],
    ])('counts the request if it %s, and logs it', async (_how, skipIf) => {
      start({ skipIf });
      observe(Api);
      expect(await countedNow()).toEqual(['calls acme 1']);
      expect(lines).toEqual(['skipIf threw on Api.call (no database): the request is counted']);
    });
  });

  describe('without a tenant', () => {
    const where = 'No tenant on POST /llm (Api.call): its requests are not counted in calls.';
    const whose = (kind: string): string =>
      `The tenant resolver returned ${kind}, neither an id (string or number) nor an object with one.`;

    it('counts nothing, and logs once per reason what was found', async () => {
      for (let i = 0; i < 2; i++) observe(Api, 'call', ANONYMOUS);
      observe(Api, 'call', { ...REQUEST, user: 'acme' });
      expect(lines).toEqual([
        `${where} Found: neither request.auth nor request.user is set: let a guard set one, or write tenant: (context) => …`,
        `${where} Found: auth or user is a string: make it an object, or write tenant: (context) => …`,
      ]);
      expect(await countedNow()).toEqual([]);
    });

    it("names the kind of each value that the app's resolver returned", async () => {
      const answers = [
        undefined,
        Buffer.from('an id'),
        undefined,
        false,
        Buffer.from('other'),
      ] as unknown as TenantLike[];
      start({ tenant: () => answers.shift() });
      for (let i = 0; i < 5; i++) observe(Api);
      expect(await countedNow()).toEqual([]);
      const kinds = ['undefined', 'an object (Uint8Array)', 'a boolean'];
      expect(lines.map((line) => line.split(' Found: ')[0])).toEqual(kinds.map((kind) => `${where} ${whose(kind)}`));
    });

    it.each<[string, () => unknown]>([
      ['an object', () => ({ id: '' })],
      ['undefined', () => Promise.resolve(undefined)],
      ['an empty string', () => ''],
      ['NaN', () => NaN],
      ['an object (Uint8Array)', () => Buffer.from('an id')],
    ])("names the app's resolver if that returned %s", async (kind, tenant) => {
      start({ tenant: tenant as () => TenantLike });
      observe(Api);
      expect(await countedNow()).toEqual([]);
      expect(lines).toEqual([
        `${where} ${whose(kind)} Found: the identity has project, which your resolver does not take. Write tenant: tenantFrom('project'), or leave tenant out`,
      ]);
    });

    it("suggests to check the app's resolver if that reads something else", () => {
      start({ tenant: () => undefined });
      observe(Api, 'call', ANONYMOUS);
      expect(lines).toEqual([
        `${where} ${whose('undefined')} Found: neither request.auth nor request.user is set: let a guard set one, or check what your resolver reads`,
      ]);
    });

    it.each<[string, () => never]>([
      ['throws', () => fault()],
      ['rejects', () => Promise.reject(new Error('no database')) as never],
    ])('logs it if the resolver %s, and counts in the other categories', async (_how, tenant) => {
      start({ categories: { calls: { tenant }, tokens: {} } });
      class Both {
        @MonitorRate('calls', 'tokens')
        call(): void {}
      }
      observe(Both);
      expect(await countedNow()).toEqual(['tokens acme 1']);
      expect(lines).toEqual([
        'The tenant resolver threw on POST /llm (Both.call) (no database): its requests are not counted in calls',
      ]);
    });

    it("calls the category's resolver with the context, which may be asynchronous", async () => {
      const tenant = (context: ExecutionContext): Promise<TenantLike> =>
        Promise.resolve({ id: `${context.getClass().name}-1` });
      start({ categories: { calls: { tenant }, tokens: {} } });
      observe(Api);
      observe(Api, 'other');
      expect(await countedNow()).toEqual(['tokens acme 1', 'calls Api-1 1']);
    });
  });

  describe('a tenant whose name or attributes throw', () => {
    it.each(Object.entries(answers))(
      'is counted by its id alone, which is logged once until they can be read; returned %s',
      async (_how, answering) => {
        const throwing = (field: string): TenantLike =>
          Object.defineProperty({ id: 'acme', name: 'Acme' }, field, { get: () => fault() });
        const named = { id: 'acme', name: 'Acme' };
        let answer: TenantLike = throwing('name');
        start({ tenant: () => answering(answer as never) });
        for (const next of [answer, throwing('attributes'), named]) {
          answer = next;
          observe(Api);
          expect(await countedNow()).toEqual(['calls acme 1']);
        }
        expect(lines).toEqual([
          'The name or attributes of the tenant threw on POST /llm (Api.call) (no database): it counts in calls by its id alone',
        ]);
        await jest.advanceTimersByTimeAsync(60_000);
        answer = throwing('name');
        observe(Api);
        await countedNow();
        expect(lines).toHaveLength(2);
      },
    );

    it('is counted by its id alone if it is a project or an organization', async () => {
      const project = Object.defineProperty({ id: 'acme' }, 'name', { get: () => fault() });
      observe(Api, 'call', { user: { project } });
      expect(await countedNow()).toEqual(['calls acme 1']);
      expect(lines[0]).toContain('it counts in calls by its id alone');
    });
  });

  describe('the cost', () => {
    /** A handler with a cost that depends on the request or its result. */
    const costing = (options: MonitorRateOptions): Class => {
      class Costing {
        @MonitorRate('calls', options)
        call(): void {}
      }
      return Costing;
    };

    it.each(Object.entries(answers))(
      'is what a function returns %s; an invalid cost is left to the counter',
      async (_how, answering) => {
        for (const cost of [7, 0.5, -1, 'x', undefined]) {
          observe(costing({ cost: () => answering(cost as number) }));
          expect(await countedNow()).toEqual([`calls acme ${String(cost)}`]);
        }
        observe(costing({ cost: () => answering(0) }));
        expect(await countedNow()).toEqual([]);
        expect(lines).toEqual([]);
      },
    );

    it('is computed from the context', () => {
      const cost = (context: ExecutionContext): number => (context.getArgByIndex<object>(0) === REQUEST ? 4 : 5);
      observe(costing({ cost }));
      expect(counted).toEqual(['calls acme 4']);
    });

    it.each<[string, () => never]>([
      ['throws', () => fault()],
      ['rejects', () => Promise.reject(new Error('no database')) as never],
    ])('is 1 if the function %s, which is logged', async (_how, cost) => {
      observe(costing({ cost }));
      expect(await countedNow()).toEqual(['calls acme 1']);
      expect(lines).toEqual(['The cost of calls threw on Costing.call (no database): the request counts as 1']);
    });

    describe.each(Object.entries(answers))('of a result, which after returns %s,', (_how, answering) => {
      it('is computed from the result and the context', async () => {
        const after = jest.fn(() => answering(2.5));
        succeed(costing({ after }), 'the result');
        expect(after.mock.calls).toEqual([['the result', expect.any(ExecutionContextHost)]]);
        expect(await countedNow()).toEqual(['calls acme 2.5']);
      });

      it('may come from a function that is also a `cost` elsewhere, called there with the context alone', async () => {
        const both = jest.fn(() => answering(2));
        class Both {
          @MonitorRate('calls', { cost: both })
          @MonitorRate('tokens', { after: both })
          call(): void {}
        }
        observe(Both);
        succeed(Both, 'the result');
        const context: unknown = expect.any(ExecutionContextHost);
        expect(both.mock.calls).toEqual([[context], ['the result', context]]);
        expect(await countedNow()).toEqual(['calls acme 2', 'tokens acme 2']);
      });

      it('may be 0, which counts nothing', async () => {
        succeed(costing({ after: () => answering(0) }));
        expect(await countedNow()).toEqual([]);
        expect(lines).toEqual([]);
      });

      it.each<[unknown, string]>([
        ['7', 'a string'],
        [undefined, 'undefined'],
        [-1, 'less than 0'],
        [-Infinity, 'less than 0'],
        [NaN, 'NaN'],
        [Infinity, 'Infinity'],
      ])('counts nothing if it is %p, which is logged', async (cost, shown) => {
        succeed(costing({ after: () => answering(cost as number) }));
        expect(await countedNow()).toEqual([]);
        expect(lines).toEqual([
          `after of calls returned ${shown}: nothing is counted for such a result. Return a number, 0 or more`,
        ]);
      });
    });

    it.each<[string, () => never]>([
      ['throws', () => fault()],
      ['rejects', () => Promise.reject(new Error('no database')) as never],
    ])('of a result is 0 if after %s, which is logged', async (_how, after) => {
      succeed(costing({ after }));
      expect(await countedNow()).toEqual([]);
      expect(lines).toEqual([
        'after of calls threw (no database): nothing is counted for such a result. Return a number, 0 or more',
      ]);
    });
  });

  describe('the contributor', () => {
    const contributing = (contributor: () => unknown): void =>
      start({ categories: { calls: { contributor: contributor as () => string }, tokens: {} } });

    it('is counted with the cost of the request, in categories that have one', () => {
      const contributor = jest.fn((context: ExecutionContext) => context.getHandler().name);
      start({ categories: { calls: { contributor }, tokens: {} } });
      class Keyed {
        @MonitorRate('calls', 'tokens', { cost: 3 })
        call(): void {}
      }
      observe(Keyed);
      expect(contributed).toEqual(["calls acme 'call' 3"]);
      expect(counted).toEqual(['calls acme 3', 'tokens acme 3']);
      expect(lines).toEqual([]);
    });

    it.each([undefined, null])('may be unknown: %p', (answer) => {
      contributing(() => answer);
      observe(Api);
      expect(contributed).toEqual(["calls acme '' 1"]);
      expect(lines).toEqual([]);
    });

    it.each<[string, () => unknown, string]>([
      ['is empty', () => ' ', 'returned an empty string'],
      ['is an object', () => ({}), 'returned an object instead of a string'],
      ['throws', () => fault(), 'threw (no database)'],
      [
        'promises',
        () => Promise.reject(new Error('no database')),
        'threw (it returned a promise, but must be synchronous)',
      ],
    ])('is counted as unknown if it %s, which is logged', async (_how, contributor, shown) => {
      contributing(contributor);
      observe(Api);
      expect(contributed).toEqual(["calls acme '' 1"]);
      expect(await countedNow()).toEqual(['calls acme 1']);
      expect(lines).toEqual([
        `contributor ${shown} on POST /llm (Api.call): alerts of calls do not name who made its requests`,
      ]);
    });
  });

  describe('the route', () => {
    const mounted = { mountpath: '/api/:token', parent: {} };

    it.each([
      ['of Express', { method: 'GET', route: { path: '/a/:id' } }, 'GET', '/a/:id'],
      [
        'of Express, mounted',
        { method: 'GET', route: { path: '/a' }, baseUrl: '/api/secret', app: mounted },
        'GET',
        '/api/:token/a',
      ],
      ['of Express, a pattern that is no text', { method: 'GET', route: { path: /a/ } }, 'GET', 'call'],
      ['of Fastify', { method: 'PUT', routeOptions: { url: '/b/:id' }, route: { path: '/a' } }, 'PUT', '/b/:id'],
      ['of Fastify, where no route matched', { method: 'PUT', routeOptions: {} }, 'PUT', 'call'],
      ['of a request without one', { method: 'PUT' }, 'PUT', 'call'],
      ['without a method', {}, 'http', 'call'],
      ['without a request', null, 'http', 'call'],
      ['that cannot be read', throwing('routeOptions'), 'unknown', 'route'],
    ])('%s is its method and its pattern, else the name of the handler', (_what, request, method, path) => {
      start({ tenant: () => 'acme' });
      observe(Api, 'call', request);
      expect(routeOf(to(Api, 'call', request), true)).toEqual({ method, path, handler: 'Api.call' });
    });

    it('of anything else is its kind and the name of the handler, whatever the message contains', () => {
      start({ tenant: () => 'acme' });
      const message = to(Api, 'call', { method: 'GET', route: { path: '/a' } }, 'rpc');
      void monitor.observe(message, false);
      expect(routeOf(message, true)).toEqual({ method: 'rpc', path: 'call', handler: 'Api.call' });
    });

    it('is one object while it stays the same, and that of the previous request unless it must be exact', () => {
      const [get, put, other] = [
        { method: 'GET', route: { path: '/a' } },
        { method: 'PUT', route: { path: '/a' } },
        { method: 'PUT', route: { path: '/b' } },
      ].map((request) => to(Api, 'call', request)) as [ExecutionContext, ExecutionContext, ExecutionContext];
      observe(Api);
      const first = routeOf(get, false);
      expect(first).toEqual({ method: 'GET', path: '/a', handler: 'Api.call' });
      expect(routeOf(get, true)).toBe(first);
      expect(routeOf(put, false)).toBe(first);
      expect(routeOf(put, true)).toEqual({ method: 'PUT', path: '/a', handler: 'Api.call' });
      expect(routeOf(other, true)).toEqual({ method: 'PUT', path: '/b', handler: 'Api.call' });
      expect(routeOf(get, true)).toEqual(first);
    });

    it('in a warning is that of the request it is about', () => {
      observe(Api);
      routeOf(to(Api, 'call'), false);
      observe(Api, 'call', { method: 'PATCH', route: { path: '/elsewhere' } });
      expect(lines).toEqual([expect.stringContaining('No tenant on PATCH /elsewhere (Api.call)')]);
    });
  });

  describe('a request waits', () => {
    /** The calls of a function of the app that have no answer yet; the oldest is answered first. */
    let unanswered: (() => void)[];
    const hanging = <T>(answer: T) =>
      jest.fn(() => new Promise<T>((resolve) => unanswered.push(() => resolve(answer))));
    const reply = (): void => unanswered.shift()?.();
    const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);
    beforeEach(() => (unanswered = []));

    class Both {
      @MonitorRate('calls', 'tokens')
      call(): void {}
    }

    it('as long as the counter asks, with several marks for each of them', async () => {
      for (const pending of [['calls'], ['tokens'], ['calls', 'tokens'], ['tokens', 'calls']]) {
        const ends = new Map<string, () => void>();
        nextWait = (category) =>
          pending.includes(category) ? new Promise((resolve) => ends.set(category, resolve)) : undefined;
        const waiting = waitOf(Both);
        for (const category of pending) {
          expect(await isDone(waiting)).toBe(false);
          ends.get(category)?.();
        }
        expect(await isDone(waiting)).toBe(true);
        expect(await waiting).toBeUndefined();
      }
    });

    describe.each<
      [string, (ask: () => Promise<unknown>) => RateMonitorOptions & { cost?: () => Promise<number> }, unknown]
    >([
      ['skipIf', (ask) => ({ skipIf: ask as () => Promise<boolean> }), false],
      ['the tenant', (ask) => ({ tenant: ask as () => Promise<string> }), 'acme'],
      ['the cost', (ask) => ({ cost: ask as () => Promise<number> }), 1],
    ])('for %s', (_what, asking, answer) => {
      /** The handler that asks the hanging function. */
      let owner: Class;
      const startWith = (counting: 'auto' | 'await' | 'background'): void => {
        const { cost = 1, ...options } = asking(hanging(answer));
        class Asking {
          @MonitorRate('calls', { cost })
          call(): void {}
        }
        owner = Asking;
        start({ ...options, counting });
      };

      it.each(['auto', 'await'] as const)('and then for the counter, if counting is %s', async (counting) => {
        startWith(counting);
        let end = (): void => undefined;
        nextWait = () => new Promise((resolve) => (end = resolve));
        const waiting = waitOf(owner);
        expect(await isDone(waiting)).toBe(false);
        expect(counted).toEqual([]);
        reply();
        expect(await isDone(waiting)).toBe(false);
        expect(counted).toEqual(['calls acme 1']);
        end();
        expect(await isDone(waiting)).toBe(true);
      });

      it('not in background mode, in which it is counted later', async () => {
        startWith('background');
        expect(waitOf(owner)).toBeUndefined();
        reply();
        expect(await countedNow()).toEqual(['calls acme 1']);
      });

      it.each(['auto', 'background'] as const)('and the counter knows of it, if counting is %s', async (counting) => {
        startWith(counting);
        observe(owner);
        await pass(WAIT_AT_MOST_MS);
        expect(expected).toHaveLength(1);
        expect(await isDone(expected[0])).toBe(false);
        reply();
        expect(await isDone(expected[0])).toBe(true);
        expect(counted).toEqual(['calls acme 1']);
      });

      it('waitAtMostMs at most, and not at all after three late answers, until one is in time', async () => {
        startWith('auto');
        for (let i = 0; i < 3; i++) {
          const waiting = waitOf(owner);
          await pass(WAIT_AT_MOST_MS - 1);
          expect(await isDone(waiting)).toBe(false);
          await pass(1);
          expect(await isDone(waiting)).toBe(true);
          await expect(waiting).resolves.toBeUndefined();
          await pass(1);
        }
        expect(waitOf(owner)).toBeUndefined();
        while (unanswered.length > 0) reply();
        expect(await countedNow()).toEqual(Array(4).fill('calls acme 1'));
        expect(await isDone(waitOf(owner))).toBe(false);
        expect(lines).toEqual([]);
      });
    });

    it('for no hanging function, but for each other one', async () => {
      const tenant = hanging('acme');
      start({
        categories: { calls: { tenant }, tokens: { tenant }, pages: { tenant: () => Promise.resolve('acme') } },
      });
      class Pages {
        @MonitorRate('pages')
        call(): void {}
      }
      for (let i = 0; i < 3; i++) {
        expect(waitOf(Api)).toBeDefined();
        await pass(WAIT_AT_MOST_MS + 1);
      }
      expect(waitOf(Api, 'other')).toBeUndefined();
      expect(waitOf(Pages)).toBeDefined();
    });

    it('for nothing once the monitor has stopped, without leaving a timer', async () => {
      start({ tenant: hanging('acme'), skipIf: () => Promise.resolve(false) });
      observe(Api);
      await pass(WAIT_AT_MOST_MS);
      expect(jest.getTimerCount()).toBeGreaterThan(0);
      monitor.stop();
      expect(jest.getTimerCount()).toBe(0);
    });
  });
});

type Asked = 'skipIf' | 'tenant' | 'cost' | 'after' | 'contributor';

describe("faults of the app's functions, and of our own", () => {
  let lines: string[];
  /** What each function does with the next request. */
  let faults: Partial<Record<Asked, string>>;
  let monitor: RequestMonitor;
  let isAsync: boolean;
  let add: () => undefined;

  const answer = <T>(of: Asked, good: T): T => {
    const fault = faults[of];
    if (fault === undefined) return isAsync ? (Promise.resolve(good) as T) : good;
    if (isAsync) return Promise.reject(new Error(fault)) as T;
    throw new Error(fault);
  };
  class Api {
    @MonitorRate('llm_call', { cost: () => answer('cost', 1) })
    @MonitorRate('tokens', { after: () => answer('after', 1) })
    call(): void {}
  }
  const context = {
    getClass: () => Api,
    getHandler: () => Api.prototype.call,
    getType: () => 'job',
  } as unknown as ExecutionContext;

  beforeEach(() => {
    jest.useFakeTimers();
    [lines, faults, isAsync, add] = [[], {}, false, () => undefined];
    const category = (name: string): Category =>
      ({
        name,
        tenant: () => answer('tenant', 'acme'),
        // Answers at once, or not at all.
        contributor: () => {
          if (faults.contributor !== undefined) throw new Error(faults.contributor);
          return 'sk-1';
        },
      }) as unknown as Category;
    const categories = new Map(['llm_call', 'tokens'].map((name) => [name, category(name)]));
    const logger = { warn: (line: string) => void lines.push(line) } as unknown as Logger;
    monitor = new RequestMonitor(
      { categories, skipIf: () => answer('skipIf', false), counting: 'auto', waitAtMostMs: 100 },
      { handlerName: () => 'Api.call', isBound: () => true },
      { add: () => add(), expect: () => undefined },
      { count: () => undefined },
      new WarnOnce(logger),
    );
  });
  afterEach(() => jest.useRealTimers());

  const request = async (now: Partial<Record<Asked, string>> = {}): Promise<void> => {
    faults = now;
    void monitor.observe(context, false);
    if (!('skipIf' in now)) monitor.outcome(context, { failed: false, result: {} });
    await jest.advanceTimersByTimeAsync(0);
  };
  const logged = (): number => lines.splice(0).length;

  describe.each([
    ['at once', false],
    ['later', true],
  ])('that answer %s', (_how, async) => {
    beforeEach(() => (isAsync = async));

    it.each<[Asked, number]>([
      ['skipIf', 1],
      ['tenant', 2],
      ['cost', 1],
      ['after', 1],
      ['contributor', 2],
    ])('%s: each is logged once, and again if it recurs after a success', async (asked, places) => {
      for (let i = 0; i < 3; i++) await request({ [asked]: 'no database' });
      expect(logged()).toBe(places);
      await request({ [asked]: 'no rights' });
      expect(logged()).toBe(places);
      jest.advanceTimersByTime(MINUTE_MS);
      await request({ [asked]: 'no database' });
      expect(logged()).toBe(0);
      await request();
      jest.advanceTimersByTime(MINUTE_MS);
      await request({ [asked]: 'no database' });
      expect(logged()).toBe(places);
    });

    it.each<[string, (context: ExecutionContext) => unknown]>([
      ['before', (context) => monitor.observe(context, false)],
      ['after', (context) => monitor.outcome(context, { failed: false, result: {} })],
    ])('a fault of our own stops no request %s its handler, and is logged once', async (_when, ask) => {
      add = () => {
        throw new Error('of our own');
      };
      for (let i = 0; i < 3; i++) {
        await expect(Promise.resolve(ask(context))).resolves.toBeUndefined();
        await jest.advanceTimersByTimeAsync(0);
      }
      expect(lines).toEqual(['A request was not counted (of our own)']);
    });
  });

  it('an unreadable context stops no request', () => {
    const unreadable = {} as ExecutionContext;
    expect(monitor.observe(unreadable, false)).toBeUndefined();
    expect(monitor.outcome(unreadable, { failed: false, result: {} })).toBeUndefined();
    expect(lines).toEqual([expect.stringContaining('A request was not counted (')]);
  });
});
