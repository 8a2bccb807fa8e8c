import type { ExecutionContext } from '@nestjs/common';

import type { Counter } from '../counter/counter.js';
import { insteadOfCategory, type Category } from '../model/category.js';
import type { Tenant } from '../model/tenant.js';
import type { CompleteOptions } from '../options/with-defaults.js';
import { GuestFunction } from '../util/guest-function.js';
import { UNNAMED } from '../counter/contributor-table.js';
import type { Contributors } from '../counter/contributors.js';
import { OwnLogger } from '../util/own-logger.js';
import type { WarnOnce } from '../util/warn-once.js';
import { kindOf, reasonOf } from '../util/text.js';
import { within } from '../util/within.js';
import { CategoryOfHandler, Fault, type Asked, type MonitoredHandler } from './category-of-handler.js';
import type { MarkedHandlers } from './marked-handlers.js';
import { marksOf, type Mark } from './monitor-rate.decorator.js';
import { routesOf } from './route-of-request.js';
import type { Monitor, Outcome } from './rate-monitor.guard.js';

/** The categories that a handler counts in. */
interface Monitored {
  /** Categories that every request counts in. */
  readonly counts: readonly CategoryOfHandler[];
  /** Categories that depend on the outcome of a request. */
  readonly outcomes: readonly CategoryOfHandler[];
  /** Whether the handler's own guard sees its requests. */
  readonly bound: boolean;
}

/** What is known about a method, as a list over the classes that have it. Usually there is only one. */
interface Known {
  readonly handler: object;
  readonly owner: object;
  readonly monitored: Monitored | undefined;
  readonly next: Known | undefined;
}

type Wait = Promise<void> | undefined;

/** Counts requests: finds the handler's categories, and decides how long a request waits for the app's functions. */
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
    private readonly once: WarnOnce,
  ) {
    this.skip = options.skipIf && this.guest(options.skipIf);
  }

  /** Ignores what the app's functions still answer. */
  stop(): void {
    for (const guests of [this.guests, this.afterGuests]) for (const guest of guests.values()) guest.stop();
  }

  observe(context: ExecutionContext, isUnbound: boolean): Wait {
    try {
      const monitored = this.find(context.getClass(), context.getHandler());
      if (monitored === undefined || (isUnbound && monitored.bound)) return undefined;
      return this.count(monitored.counts, context);
    } catch (error) {
      return this.notCounted(error);
    }
  }

  outcome(context: ExecutionContext, { failed, result }: Outcome): void {
    try {
      const { outcomes = [] } = this.find(context.getClass(), context.getHandler()) ?? {};
      const counts = outcomes.filter(({ when }) => (when === 'failure') === failed);
      void this.count(counts, context, result);
    } catch (error) {
      this.notCounted(error);
    }
  }

  /** What is monitored about a handler, looked up once; undefined if nothing is. */
  private find(owner: object, handler: object): Monitored | undefined {
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

  private lookUp(owner: object, handler: object): Monitored | undefined {
    const marks = marksOf(handler, owner);
    if (marks.length === 0) return undefined;
    const name = this.handlers.handlerName(owner, handler);
    const marked = { name, routeOf: routesOf(name), isSeen: false, skipFault: new Fault(this.once, `skipIf ${name}`) };
    const counts = new Map<string, CategoryOfHandler>();
    const outcomes: CategoryOfHandler[] = [];
    for (const mark of marks) {
      const category = this.options.categories.get(mark.category);
      // Found only now, because the handler's module was loaded after the boot.
      if (!category) this.logger.error(unknownCategory(name, mark.category, this.options.categories));
      else if (mark.when) outcomes.push(this.categoryOf(marked, category, mark));
      else counts.set(mark.category, this.categoryOf(marked, category, mark));
    }
    return { counts: [...counts.values()], outcomes, bound: this.handlers.isBound(owner, handler) };
  }

  private categoryOf(handler: MonitoredHandler, category: Category, { cost, after, when }: Mark): CategoryOfHandler {
    const asked: Asked = {
      tenant: this.guest(category.tenant),
      cost: typeof cost === 'number' ? cost : this.guest(cost),
      after: after && this.guest(after, ({ result, context }) => after(result, context), this.afterGuests),
    };
    return new CategoryOfHandler(handler, category, when, asked, this.once);
  }

  /** One per function, because a function that hangs does so for all its callers. */
  private guest<Q>(of: unknown, ask = of as (question: Q) => unknown, guests = this.guests): GuestFunction<Q, unknown> {
    const guest =
      (guests.get(of) as GuestFunction<Q, unknown> | undefined) ?? new GuestFunction(ask, this.options.waitAtMostMs);
    guests.set(of, guest);
    return guest;
  }

  private count(all: readonly CategoryOfHandler[], context: ExecutionContext, result?: unknown): Wait {
    const first = all[0];
    if (first === undefined) return undefined;
    if (this.skip === undefined) return this.countAll(all, context, result);
    const skips = this.skips(this.skip, context, first.handler);
    if (skips === true) return undefined;
    if (skips === false) return this.countAll(all, context, result);
    const counted = skips.then((skip) => (skip ? undefined : this.countAll(all, context, result)));
    return this.later(counted, this.skip.isPrompt);
  }

  private countAll(all: readonly CategoryOfHandler[], context: ExecutionContext, result: unknown): Wait {
    if (all.length === 1) return this.countOne(all[0] as CategoryOfHandler, context, result);
    let wait: Wait;
    for (const one of all) wait = both(wait, this.countOne(one, context, result));
    return wait;
  }

  private countOne(one: CategoryOfHandler, context: ExecutionContext, result: unknown): Wait {
    const tenant = one.tenantOf(context);
    if (tenant === undefined) return undefined;
    const cost = one.costOf(context, result);
    if (!(tenant instanceof Promise) && typeof cost === 'number') return this.add(one, tenant, cost, context);
    const counted = Promise.all([tenant, cost]).then(([known, worth]) => known && this.add(one, known, worth, context));
    return this.later(counted, one.isPrompt);
  }

  private add(one: CategoryOfHandler, tenant: Tenant, cost: number, context: ExecutionContext): Wait {
    // The computed cost of an outcome may be 0.
    if (cost === 0) return undefined;
    const { category, handler } = one;
    if (!handler.isSeen) {
      handler.isSeen = true;
      this.seen.add(handler.name);
    }
    // Before the request is counted, so that an alert it causes can name its contributor.
    if (category.contributor) this.contributors.count(category, tenant.id, one.contributorOf(context) ?? UNNAMED, cost);
    return this.counter.add(category.name, tenant, cost, handler.routeOf, context);
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
    return skip.pass(context, known, threw);
  }
}

/** The error for a category that a decorator names but that is not configured. */
export function unknownCategory(handler: string, category: string, categories: ReadonlyMap<string, unknown>): string {
  return `@MonitorRate on ${handler} names '${category}', which is not a category: write ${insteadOfCategory(categories.keys())}`;
}

function both(a: Wait, b: Wait): Wait {
  return a && b ? Promise.all([a, b]).then(() => undefined) : (a ?? b);
}
