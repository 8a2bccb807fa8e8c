import { Logger, type ExecutionContext } from '@nestjs/common';

import type { Counter } from '../counter/counter.js';
import type { Category } from '../model/category.js';
import type { Route } from '../model/route.js';
import { toTenant, type Tenant } from '../model/tenant.js';
import type { CompleteOptions } from '../options/complete-options.js';
import { answered } from '../util/answered.js';
import type { SayOnce } from '../util/say-once.js';
import { reasonOf } from '../util/text.js';
import { within } from '../util/within.js';
import type { MarkedHandlers } from './marked-handlers.js';
import { marksOf, type After, type Cost } from './monitor-rate.decorator.js';
import { mountPathOf } from './mount-path.js';
import type { Outcome } from './rate-monitor.guard.js';

/** A handler that is monitored, and what it counts in. */
interface MonitoredHandler {
  /** Class and method: `EvaluationsController.create`. */
  readonly name: string;
  /** What each of its requests counts in. */
  readonly counts: readonly CountsIn[];
  /** What it counts in by what comes of the request. */
  readonly outcomes: readonly CountsIn[];
  /** Whether its own guard sees its requests. */
  readonly bound: boolean;
  /** The route of its last request: most likely the next one has the same. */
  lastRoute: Route | undefined;
}

/** A category that a handler counts in, and what a request costs there. */
interface CountsIn {
  readonly category: Category;
  readonly cost: Cost;
  readonly after?: After | undefined;
  readonly when?: 'success' | 'failure' | undefined;
}

type Wait = Promise<void> | undefined;

/** Counts requests: what is monitored of a handler, whom a request counts against, and what it costs. */
export class RequestMonitor {
  private readonly logger = new Logger('RateMonitor');
  /** Weak: if something wraps the handlers of request-scoped controllers, each request has one of its own. */
  private readonly known = new WeakMap<object, WeakMap<object, MonitoredHandler | undefined>>();

  constructor(
    private readonly options: Pick<CompleteOptions, 'categories' | 'skipIf' | 'counting' | 'waitAtMostMs'>,
    private readonly handlers: Pick<MarkedHandlers, 'handlerName' | 'isBound'>,
    private readonly counter: Pick<Counter, 'add'>,
    private readonly once: SayOnce,
  ) {}

  /**
   * Counts a request; the promise, if there is one, is what the request waits for: `waitAtMostMs` at most.
   *
   * @param isUnbound - Counted only if the handler has no guard of its own.
   */
  observe(context: ExecutionContext, isUnbound: boolean): Wait {
    const handler = this.find(context.getClass(), context.getHandler());
    if (handler === undefined || (isUnbound && handler.bound)) return undefined;
    return this.count(handler.counts, context, handler);
  }

  /** Counts what asks for the outcome of a handler. Nothing waits for it, and it never throws. */
  outcome(context: ExecutionContext, { failed, result }: Outcome): void {
    try {
      const handler = this.find(context.getClass(), context.getHandler());
      const counts = handler?.outcomes.filter(({ when }) => (when === 'failure') === failed) ?? [];
      if (handler && counts.length > 0)
        void this.count(
          counts.map((each) => this.afterwards(each, result)),
          context,
          handler,
        );
    } catch (error) {
      this.notCounted(error);
    }
  }

  /** What is counted is worked out as any cost is, but what cannot be worked out is nothing. */
  private afterwards(counts: CountsIn, result: unknown): CountsIn {
    const { category, after } = counts;
    if (!after) return counts;
    const wrong = (how: string): number => {
      this.once.warn(
        `after ${category.name}`,
        () => `after of ${category.name} ${how}: nothing is counted for such a result. Give a number, 0 or more`,
      );
      return 0;
    };
    const known = (cost: unknown): number =>
      typeof cost === 'number' && cost >= 0 && Number.isFinite(cost)
        ? cost
        : wrong(`gave ${typeof cost === 'number' ? cost : `a ${typeof cost}`}`);
    const threw = (error: unknown): number => wrong(`threw (${reasonOf(error)})`);
    const cost = (context: ExecutionContext): number | Promise<number> => {
      try {
        const answer = after(result, context);
        return isPromise(answer) ? answered(Promise.resolve(answer)).then(known, threw) : known(answer);
      } catch (error) {
        return threw(error);
      }
    };
    return { ...counts, cost };
  }

  /** What is monitored of a handler, looked up once; undefined if nothing is. */
  private find(owner: object, handler: object): MonitoredHandler | undefined {
    let handlers = this.known.get(owner);
    if (!handlers) this.known.set(owner, (handlers = new WeakMap<object, MonitoredHandler | undefined>()));
    const known = handlers.get(handler);
    if (known || handlers.has(handler)) return known;
    const found = this.lookUp(owner, handler);
    handlers.set(handler, found);
    return found;
  }

  private lookUp(owner: object, handler: object): MonitoredHandler | undefined {
    const marks = marksOf(handler, owner);
    if (marks.length === 0) return undefined;
    const name = this.handlers.handlerName(owner, handler);
    const counts = new Map<string, CountsIn>();
    const outcomes: CountsIn[] = [];
    for (const { category: categoryName, ...mark } of marks) {
      const category = this.options.categories.get(categoryName);
      if (category && mark.when) outcomes.push({ category, ...mark });
      else if (category) counts.set(categoryName, { category, ...mark });
      // Known only now, in a module that was loaded after the boot.
      else this.logger.error(unknownCategory(name, categoryName, this.options.categories));
    }
    if (counts.size + outcomes.length === 0) return undefined;
    return {
      name,
      counts: [...counts.values()],
      outcomes,
      bound: this.handlers.isBound(owner, handler),
      lastRoute: undefined,
    };
  }

  private count(counts: readonly CountsIn[], context: ExecutionContext, handler: MonitoredHandler): Wait {
    if (counts.length === 0) return undefined;
    const skips = this.skips(context, handler);
    if (skips === true) return undefined;
    if (skips === false) return this.countAll(counts, context, handler);
    return this.later(skips.then((skip) => (skip ? undefined : this.countAll(counts, context, handler))));
  }

  private countAll(all: readonly CountsIn[], context: ExecutionContext, handler: MonitoredHandler): Wait {
    let wait: Wait;
    for (const counts of all) wait = both(wait, this.countOne(counts, context, handler));
    return wait;
  }

  private countOne(counts: CountsIn, context: ExecutionContext, handler: MonitoredHandler): Wait {
    const tenant = this.tenantOf(counts, context, handler);
    const cost = this.costOf(counts, context, handler);
    if (!(tenant instanceof Promise) && typeof cost === 'number')
      return this.add(counts, tenant, cost, context, handler);
    return this.later(
      Promise.all([tenant, cost]).then(([known, worth]) => this.add(counts, known, worth, context, handler)),
    );
  }

  private add(
    { category }: CountsIn,
    tenant: Tenant | undefined,
    cost: number,
    context: ExecutionContext,
    handler: MonitoredHandler,
  ): Wait {
    // What a handler came to may be nothing.
    if (tenant === undefined || cost === 0) return undefined;
    return this.counter.add(category.name, tenant, cost, routeOf(context, handler));
  }

  /** What a request may wait for if a function of the user's answers later. */
  private later(counted: Promise<void>): Wait {
    const caught = counted.catch((error: unknown) => this.notCounted(error));
    if (this.options.counting === 'background') return undefined;
    return within(caught, this.options.waitAtMostMs, 'not counted').catch(() => undefined);
  }

  private notCounted(error: unknown): void {
    this.once.warn(`observe ${reasonOf(error)}`, () => `A request was not counted (${reasonOf(error)})`);
  }

  private skips(context: ExecutionContext, { name }: MonitoredHandler): boolean | Promise<boolean> {
    const threw = (error: unknown): false => {
      this.once.warn(`skipIf ${name}`, () => `skipIf threw on ${name} (${reasonOf(error)}): the request is counted`);
      return false;
    };
    try {
      const answer = this.options.skipIf?.(context);
      return isPromise(answer)
        ? answered(Promise.resolve(answer)).then((skip) => skip === true, threw)
        : answer === true;
    } catch (error) {
      return threw(error);
    }
  }

  private tenantOf(
    { category }: CountsIn,
    context: ExecutionContext,
    handler: MonitoredHandler,
  ): Tenant | undefined | Promise<Tenant | undefined> {
    const threw = (error: unknown): undefined => {
      this.once.warn(
        `tenant ${category.name} ${handler.name}`,
        () =>
          `The tenant resolver threw on ${place(context, handler)} (${reasonOf(error)}): its requests are not counted in ${category.name}`,
      );
    };
    const known = (answer: unknown): Tenant | undefined => {
      const tenant = toTenant(answer);
      if (!tenant) this.hasNoTenant(category.name, context, handler);
      return tenant;
    };
    try {
      const answer = category.tenant(context);
      return isPromise(answer) ? answered(Promise.resolve(answer)).then(known).catch(threw) : known(answer);
    } catch (error) {
      return threw(error);
    }
  }

  private costOf(
    { category, cost }: CountsIn,
    context: ExecutionContext,
    { name }: MonitoredHandler,
  ): number | Promise<number> {
    if (typeof cost === 'number') return cost;
    const threw = (error: unknown): number => {
      this.once.warn(
        `cost ${name}`,
        () => `The cost of ${category.name} threw on ${name} (${reasonOf(error)}): the request counts as 1`,
      );
      return 1;
    };
    try {
      const answer = cost(context);
      return isPromise(answer) ? answered(Promise.resolve(answer)).catch(threw) : answer;
    } catch (error) {
      return threw(error);
    }
  }

  private hasNoTenant(category: string, context: ExecutionContext, handler: MonitoredHandler): void {
    this.once.warn(
      `tenant ${category} ${handler.name}`,
      () =>
        `No tenant on ${place(context, handler)}: its requests are not counted in ${category}. Let a guard or middleware set request.auth or request.user ` +
        'with a project or organization of { id, name }, or have a tenant resolver find one',
    );
  }
}

/** A category that a decorator names and that is not configured. */
export function unknownCategory(handler: string, category: string, categories: ReadonlyMap<string, unknown>): string {
  const names = [...categories.keys()].join(', ');
  return `@MonitorRate on ${handler} names '${category}', which is no category: write one of ${names}, or add it to categories`;
}

function both(a: Wait, b: Wait): Wait {
  return a && b ? Promise.all([a, b]).then(() => undefined) : (a ?? b);
}

/** Also what only looks like one: a query builder's, say, which asks nothing until it is awaited. */
function isPromise<T>(answer: T | PromiseLike<T>): answer is PromiseLike<T> {
  return typeof (answer as Partial<PromiseLike<T>> | null | undefined)?.then === 'function';
}

function place(context: ExecutionContext, handler: MonitoredHandler): string {
  const { method, path } = routeOf(context, handler);
  return `${method} ${path} (${handler.name})`;
}

interface RoutedRequest {
  method?: string;
  /** Express. */
  baseUrl?: string;
  app?: object;
  route?: { path?: unknown };
  /** Fastify. */
  routeOptions?: { url?: string };
}

/** The route of the request in `context`; if it is that of the handler's last request, the very same object. */
function routeOf(context: ExecutionContext, handler: MonitoredHandler): Route {
  const type = context.getType<string>();
  const request = type === 'http' ? context.getArgByIndex<RoutedRequest | undefined>(0) : undefined;
  const method = request?.method ?? type;
  const path = (request && pattern(request)) ?? context.getHandler().name;
  const last = handler.lastRoute;
  if (last?.path === path && last.method === method) return last;
  return (handler.lastRoute = { method, path, handler: handler.name });
}

function pattern(request: RoutedRequest): string | undefined {
  const { routeOptions, route } = request;
  if (routeOptions?.url !== undefined) return routeOptions.url;
  return typeof route?.path === 'string' ? mountPathOf(request) + route.path : undefined;
}
