import type { ExecutionContext } from '@nestjs/common';

import type { Counter, RouteOf } from '../counter/counter.js';
import { insteadOfCategory, type Category } from '../model/category.js';
import type { Route } from '../model/route.js';
import { bareTenant, toTenant, type Tenant } from '../model/tenant.js';
import type { CompleteOptions } from '../options/with-defaults.js';
import { givenAtOnce, GuestFunction } from '../util/guest-function.js';
import { UNNAMED } from '../counter/contributor-table.js';
import { contributorLabel, type Contributors } from '../counter/contributors.js';
import { OwnLogger } from '../util/own-logger.js';
import type { SayOnce } from '../util/say-once.js';
import { kindOf, numberOrKind, reasonOf } from '../util/text.js';
import { within } from '../util/within.js';
import type { MarkedHandlers } from './marked-handlers.js';
import { defaultTenantResolver, whyNoTenant } from '../options/tenant-resolvers.js';
import { marksOf, type Mark } from './monitor-rate.decorator.js';
import { mountPathOf } from './mount-path.js';
import type { Monitor, Outcome } from './rate-monitor.guard.js';

/** A monitored handler, and the categories it counts in. */
interface MonitoredHandler {
  /** Class and method: `EvaluationsController.create`. */
  readonly name: string;
  /** Categories that every request counts in. */
  readonly counts: readonly CountsIn[];
  /** Categories that depend on the outcome of a request. */
  readonly outcomes: readonly CountsIn[];
  /** Whether the handler's own guard sees its requests. */
  readonly bound: boolean;
  /** The route of a request to the handler. */
  readonly routeOf: RouteOf<ExecutionContext>;
  /** Whether a request with a tenant was counted. */
  isSeen: boolean;
  readonly skipFault: Fault;
}

/** What is known about a method, as a list over the classes that have it. Usually there is only one. */
interface Known {
  readonly handler: object;
  readonly owner: object;
  readonly monitored: MonitoredHandler | undefined;
  readonly next: Known | undefined;
}

/** A category that a handler counts in. */
interface CountsIn {
  readonly category: Category;
  readonly tenant: GuestFunction<ExecutionContext, unknown>;
  /** The cost of a request in this category. */
  readonly cost: number | GuestFunction<ExecutionContext, unknown>;
  /** Computes the cost from the outcome, instead of `cost`. */
  readonly after: GuestFunction<{ result: unknown; context: ExecutionContext }, unknown> | undefined;
  readonly when: 'success' | 'failure' | undefined;
  readonly tenantFault: Fault;
  readonly costFault: Fault;
  readonly contributorFault: Fault;
}

/** Logs each fault of one of the app's functions once, and again if the fault returns after a success. */
class Fault {
  /** Lets the common case, success after success, skip the log's bookkeeping. */
  private isOpen = false;

  constructor(
    private readonly once: SayOnce,
    private readonly about: string,
  ) {}

  warn(message: () => string, fault?: string): void {
    this.isOpen = true;
    this.once.warn(this.about, message, fault);
  }

  good(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.once.good(this.about);
  }
}

type Wait = Promise<void> | undefined;

/** Counts requests: finds the handler's categories, the tenant and the cost. */
export class RequestMonitor implements Monitor {
  /** Names of the handlers that counted a request. */
  readonly seen = new Set<string>();
  private readonly logger = new OwnLogger();
  /** Weak, because wrapped handlers of request-scoped controllers are new for each request. */
  private readonly known = new WeakMap<object, Known>();
  /** The method of the last request: the next guard, or the next request, usually asks about the same. */
  private last: Known | undefined;
  private readonly guests = new Map<unknown, GuestFunction<never, unknown>>();
  /** Those of `after`, which are called with the result too. */
  private readonly afterGuests = new Map<unknown, GuestFunction<never, unknown>>();
  private readonly skip: GuestFunction<ExecutionContext, unknown> | undefined;

  constructor(
    private readonly options: Pick<CompleteOptions, 'categories' | 'skipIf' | 'counting' | 'waitAtMostMs'>,
    private readonly handlers: Pick<MarkedHandlers, 'handlerName' | 'isBound'>,
    private readonly counter: Pick<Counter, 'add' | 'expect'>,
    private readonly contributors: Pick<Contributors, 'count'>,
    private readonly once: SayOnce,
  ) {
    this.skip = options.skipIf && this.guest(options.skipIf);
  }

  /** Ignores what the app's functions still answer. */
  stop(): void {
    for (const guests of [this.guests, this.afterGuests]) for (const guest of guests.values()) guest.stop();
  }

  observe(context: ExecutionContext, isUnbound: boolean): Wait {
    try {
      const handler = this.find(context.getClass(), context.getHandler());
      if (handler === undefined || (isUnbound && handler.bound)) return undefined;
      return this.count(handler.counts, context, handler);
    } catch (error) {
      return this.notCounted(error);
    }
  }

  outcome(context: ExecutionContext, { failed, result }: Outcome): void {
    try {
      const handler = this.find(context.getClass(), context.getHandler());
      if (handler === undefined) return;
      const counts = handler.outcomes.filter(({ when }) => (when === 'failure') === failed);
      void this.count(counts, context, handler, result);
    } catch (error) {
      this.notCounted(error);
    }
  }

  /** What is monitored about a handler, looked up once; undefined if nothing is. */
  private find(owner: object, handler: object): MonitoredHandler | undefined {
    const { last } = this;
    if (last?.handler === handler && last.owner === owner) return last.monitored;
    const first = this.known.get(handler);
    let known = first;
    while (known && known.owner !== owner) known = known.next;
    if (!known) {
      known = { handler, owner, monitored: this.lookUp(owner, handler), next: first };
      this.known.set(handler, known);
    }
    this.last = known;
    return known.monitored;
  }

  private lookUp(owner: object, handler: object): MonitoredHandler | undefined {
    const marks = marksOf(handler, owner);
    if (marks.length === 0) return undefined;
    const name = this.handlers.handlerName(owner, handler);
    const counts = new Map<string, CountsIn>();
    const outcomes: CountsIn[] = [];
    for (const mark of marks) {
      const category = this.options.categories.get(mark.category);
      // Found only now, because the handler's module was loaded after the boot.
      if (!category) this.logger.error(unknownCategory(name, mark.category, this.options.categories));
      else if (mark.when) outcomes.push(this.countsIn(category, mark, name));
      else counts.set(mark.category, this.countsIn(category, mark, name));
    }
    const bound = this.handlers.isBound(owner, handler);
    const skipFault = new Fault(this.once, `skipIf ${name}`);
    const routeOf = routesOf(name);
    return { name, counts: [...counts.values()], outcomes, bound, routeOf, isSeen: false, skipFault };
  }

  private countsIn(category: Category, { cost, after, when }: Mark, handler: string): CountsIn {
    const fault = (kind: string): Fault => new Fault(this.once, `${kind} ${category.name} ${handler}`);
    return {
      category,
      tenant: this.guest(category.tenant),
      cost: typeof cost === 'number' ? cost : this.guest(cost),
      after: after && this.guest(after, ({ result, context }) => after(result, context), this.afterGuests),
      when,
      tenantFault: fault('tenant'),
      costFault: fault(after ? 'after' : 'cost'),
      contributorFault: fault('contributor'),
    };
  }

  /** One per function, because a function that hangs does so for all its callers. */
  private guest<Q>(of: unknown, ask = of as (question: Q) => unknown, guests = this.guests): GuestFunction<Q, unknown> {
    const guest =
      (guests.get(of) as GuestFunction<Q, unknown> | undefined) ?? new GuestFunction(ask, this.options.waitAtMostMs);
    guests.set(of, guest);
    return guest;
  }

  private count(
    all: readonly CountsIn[],
    context: ExecutionContext,
    handler: MonitoredHandler,
    result?: unknown,
  ): Wait {
    if (all.length === 0) return undefined;
    if (this.skip === undefined) return this.countAll(all, context, handler, result);
    const skips = this.skips(this.skip, context, handler);
    if (skips === true) return undefined;
    if (skips === false) return this.countAll(all, context, handler, result);
    const counted = skips.then((skip) => (skip ? undefined : this.countAll(all, context, handler, result)));
    return this.later(counted, this.skip.isPrompt);
  }

  private countAll(
    all: readonly CountsIn[],
    context: ExecutionContext,
    handler: MonitoredHandler,
    result: unknown,
  ): Wait {
    if (all.length === 1) return this.countOne(all[0] as CountsIn, context, handler, result);
    let wait: Wait;
    for (const counts of all) wait = both(wait, this.countOne(counts, context, handler, result));
    return wait;
  }

  private countOne(counts: CountsIn, context: ExecutionContext, handler: MonitoredHandler, result: unknown): Wait {
    const tenant = this.tenantOf(counts, context, handler);
    if (tenant === undefined) return undefined;
    const cost = this.costOf(counts, context, handler, result);
    if (!(tenant instanceof Promise) && typeof cost === 'number')
      return this.add(counts, tenant, cost, context, handler);
    const counted = Promise.all([tenant, cost]).then(
      ([known, worth]) => known && this.add(counts, known, worth, context, handler),
    );
    return this.later(counted, counts.tenant.isPrompt && (typeof counts.cost === 'number' || counts.cost.isPrompt));
  }

  private add(
    counts: CountsIn,
    tenant: Tenant,
    cost: number,
    context: ExecutionContext,
    handler: MonitoredHandler,
  ): Wait {
    // The computed cost of an outcome may be 0.
    if (cost === 0) return undefined;
    if (!handler.isSeen) {
      handler.isSeen = true;
      this.seen.add(handler.name);
    }
    if (counts.category.contributor) this.countContributor(counts, tenant, cost, context, handler);
    return this.counter.add(counts.category.name, tenant, cost, handler.routeOf, context);
  }

  /** Runs before the request is counted, so that an alert it causes can name its contributor. */
  private countContributor(
    { category, contributorFault: fault }: CountsIn,
    tenant: Tenant,
    cost: number,
    context: ExecutionContext,
    handler: MonitoredHandler,
  ): void {
    const unnamed = (how: string): void =>
      fault.warn(
        () =>
          `contributor ${how} on ${place(context, handler)}: alerts of ${category.name} do not name who made its requests`,
        how,
      );
    let label: string | undefined;
    try {
      const answer: unknown = givenAtOnce(category.contributor?.(context));
      label = contributorLabel(answer);
      if (label !== undefined || answer === undefined || answer === null) fault.good();
      else
        unnamed(`returned ${typeof answer === 'string' ? 'an empty string' : `${kindOf(answer)} instead of a string`}`);
    } catch (error) {
      unnamed(`threw (${reasonOf(error)})`);
    }
    this.contributors.count(category, tenant.id, label ?? UNNAMED, cost);
  }

  /** What a request waits for if one of the app's functions is asynchronous. */
  private later(counted: Promise<void>, isPrompt: boolean): Wait {
    const caught = counted.catch((error: unknown) => this.notCounted(error));
    this.counter.expect(caught);
    if (this.options.counting === 'background' || !isPrompt) return undefined;
    return within(caught, this.options.waitAtMostMs, 'not counted').catch(() => undefined);
  }

  private notCounted(error: unknown): undefined {
    this.once.warn(`observe ${reasonOf(error)}`, () => `A request was not counted (${reasonOf(error)})`);
  }

  private skips(
    skip: GuestFunction<ExecutionContext, unknown>,
    context: ExecutionContext,
    { name, skipFault }: MonitoredHandler,
  ): boolean | Promise<boolean> {
    const threw = (error: unknown): false => {
      const reason = reasonOf(error);
      skipFault.warn(() => `skipIf threw on ${name} (${reason}): the request is counted`, reason);
      return false;
    };
    const known = (answer: unknown): boolean => {
      if (typeof answer === 'boolean' || answer === undefined || answer === null) skipFault.good();
      else
        skipFault.warn(
          () => `skipIf returned ${kindOf(answer)} on ${name}: the request is counted. Return true or false`,
        );
      return answer === true;
    };
    return answered(skip, context, known, threw);
  }

  private tenantOf(
    counts: CountsIn,
    context: ExecutionContext,
    handler: MonitoredHandler,
  ): Tenant | undefined | Promise<Tenant | undefined> {
    try {
      const answer = counts.tenant.answer(context);
      if (!(answer instanceof Promise)) return this.knownTenant(answer, counts, context, handler);
      return answer.then(
        (later) => this.knownTenant(later, counts, context, handler),
        (error: unknown) => this.tenantThrew(error, counts, context, handler),
      );
    } catch (error) {
      return this.tenantThrew(error, counts, context, handler);
    }
  }

  private knownTenant(
    answer: unknown,
    counts: CountsIn,
    context: ExecutionContext,
    handler: MonitoredHandler,
  ): Tenant | undefined {
    try {
      const tenant = toTenant(answer);
      if (tenant === undefined) this.hasNoTenant(answer, counts, context, handler);
      else counts.tenantFault.good();
      return tenant;
    } catch (error) {
      const bare = bareTenant(answer);
      if (bare === undefined) return this.tenantThrew(error, counts, context, handler);
      const reason = reasonOf(error);
      counts.tenantFault.warn(
        () =>
          `The name or attributes of the tenant threw on ${place(context, handler)} (${reason}): it counts in ${counts.category.name} by its id alone`,
        `name ${reason}`,
      );
      return bare;
    }
  }

  private tenantThrew(
    error: unknown,
    counts: CountsIn,
    context: ExecutionContext,
    handler: MonitoredHandler,
  ): undefined {
    const [{ name }, reason] = [counts.category, reasonOf(error)];
    counts.tenantFault.warn(
      () =>
        `The tenant resolver threw on ${place(context, handler)} (${reason}): its requests are not counted in ${name}`,
      reason,
    );
  }

  private costOf(
    counts: CountsIn,
    context: ExecutionContext,
    { name }: MonitoredHandler,
    result: unknown,
  ): number | Promise<number> {
    const { category, cost, costFault } = counts;
    if (counts.after) return this.worthAfter(counts, counts.after, context, result);
    if (typeof cost === 'number') return cost;
    const threw = (error: unknown): number => {
      const reason = reasonOf(error);
      costFault.warn(
        () => `The cost of ${category.name} threw on ${name} (${reason}): the request counts as 1`,
        reason,
      );
      return 1;
    };
    const known = (answer: unknown): number => {
      costFault.good();
      // The counter turns anything that is not a cost into 1, and logs it.
      return answer as number;
    };
    return answered(cost, context, known, threw);
  }

  /** Like `cost`, except that a failure counts as 0. */
  private worthAfter(
    { category, costFault }: CountsIn,
    after: NonNullable<CountsIn['after']>,
    context: ExecutionContext,
    result: unknown,
  ): number | Promise<number> {
    const wrong = (how: string): number => {
      costFault.warn(
        () => `after of ${category.name} ${how}: nothing is counted for such a result. Return a number, 0 or more`,
        how,
      );
      return 0;
    };
    const known = (cost: unknown): number => {
      if (typeof cost !== 'number') return wrong(`returned ${kindOf(cost)}`);
      if (cost < 0) return wrong('returned less than 0');
      if (!Number.isFinite(cost)) return wrong(`returned ${cost}`);
      costFault.good();
      return cost;
    };
    const threw = (error: unknown): number => wrong(`threw (${reasonOf(error)})`);
    return answered(after, { result, context }, known, threw);
  }

  private hasNoTenant(answer: unknown, counts: CountsIn, context: ExecutionContext, handler: MonitoredHandler): void {
    const { name, tenant } = counts.category;
    const { fault, reason } = whyNoTenant(context, tenant);
    const kind = answer === '' ? 'an empty string' : numberOrKind(answer);
    const warning = (): string => {
      const where = `No tenant on ${place(context, handler)}: its requests are not counted in ${name}`;
      const ofResolver = `The tenant resolver returned ${kind}, neither an id (string or number) nor an object with one. `;
      return `${where}. ${tenant === defaultTenantResolver ? '' : ofResolver}Found: ${reason()}`;
    };
    this.once.warn(`no-tenant ${name} ${handler.name}`, warning, `${kind} ${fault}`);
  }
}

/** The error for a category that a decorator names but that is not configured. */
export function unknownCategory(handler: string, category: string, categories: ReadonlyMap<string, unknown>): string {
  return `@MonitorRate on ${handler} names '${category}', which is not a category: write ${insteadOfCategory(categories.keys())}`;
}

/** Passes a function's answer to `known`, at once unless it is a promise, or its error to `threw`. */
function answered<Q, T>(
  guest: GuestFunction<Q, unknown>,
  question: Q,
  known: (answer: unknown) => T,
  threw: (error: unknown) => T,
): T | Promise<T> {
  try {
    const answer = guest.answer(question);
    return answer instanceof Promise ? answer.then(known, threw) : known(answer);
  } catch (error) {
    return threw(error);
  }
}

function both(a: Wait, b: Wait): Wait {
  return a && b ? Promise.all([a, b]).then(() => undefined) : (a ?? b);
}

function place(context: ExecutionContext, handler: MonitoredHandler): string {
  const { method, path } = handler.routeOf(context, true);
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

/** Returns the routes of a handler's requests, reusing one object while the route stays the same. */
function routesOf(handler: string): RouteOf<ExecutionContext> {
  let last: Route | undefined;
  return (context, isExact) => {
    if (last && !isExact) return last;
    const { method, path } = readRoute(context);
    if (last?.path === path && last.method === method) return last;
    return (last = { method, path, handler });
  };
}

function readRoute(context: ExecutionContext): Omit<Route, 'handler'> {
  try {
    const type = context.getType<string>();
    const request = type === 'http' ? context.getArgByIndex<RoutedRequest | undefined>(0) : undefined;
    return { method: request?.method ?? type, path: (request && pattern(request)) ?? context.getHandler().name };
  } catch {
    // A getter that the app put on its request threw. The request is counted even so.
    return { method: 'unknown', path: 'route' };
  }
}

function pattern(request: RoutedRequest): string | undefined {
  const { routeOptions, route } = request;
  if (routeOptions?.url !== undefined) return routeOptions.url;
  return typeof route?.path === 'string' ? mountPathOf(request) + route.path : undefined;
}
