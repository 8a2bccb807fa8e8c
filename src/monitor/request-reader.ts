import type { ExecutionContext } from '@nestjs/common';

import type { CountsIn, MonitoredHandler } from './monitored-handlers.js';
import { routeOf } from './route-of.js';
import type { SayOnce } from '../util/say-once.js';
import { toTenant, type Tenant } from '../model/tenant.js';
import { answered } from '../util/answered.js';
import { reasonOf } from '../util/text.js';

/** Asks the user's functions about a request, and says once per route what they could not answer. */
export class RequestReader {
  constructor(
    private readonly skipIf: ((context: ExecutionContext) => boolean) | undefined,
    private readonly once: SayOnce,
  ) {}

  /** Whether the request is not to be counted. */
  skips(context: ExecutionContext, { name }: MonitoredHandler): boolean {
    try {
      return this.skipIf?.(context) === true;
    } catch (error) {
      this.once.warn(`skipIf ${name}`, () => `skipIf threw on ${name} (${reasonOf(error)}): the request is counted`);
      return false;
    }
  }

  /**
   * Whom the request counts against; undefined where that is not known. A resolver may throw before the guard that it relies on has
   * run, so only the last look at a request speaks of it.
   */
  tenantOf(
    { category }: CountsIn,
    context: ExecutionContext,
    handler: MonitoredHandler,
    isLast: boolean,
  ): Tenant | undefined | Promise<Tenant | undefined> {
    const threw = (error: unknown): undefined => {
      if (!isLast) return;
      this.once.warn(
        `tenant ${category.name} ${handler.name}`,
        () =>
          `The tenant resolver threw on ${place(context, handler)} (${reasonOf(error)}): its requests are not counted in ${category.name}`,
      );
    };
    try {
      const answer = category.tenant(context);
      return isPromise(answer) ? answered(Promise.resolve(answer)).then(toTenant).catch(threw) : toTenant(answer);
    } catch (error) {
      return threw(error);
    }
  }

  /** What the request counts as. */
  costOf({ category, cost }: CountsIn, context: ExecutionContext, { name }: MonitoredHandler): number {
    if (typeof cost === 'number') return cost;
    try {
      return cost(context);
    } catch (error) {
      this.once.warn(
        `cost ${name}`,
        () => `The cost of ${category.name} threw on ${name} (${reasonOf(error)}): the request counts as 1`,
      );
      return 1;
    }
  }

  /** No guard is to come, and there is still no tenant. */
  hasNoTenant({ category }: CountsIn, context: ExecutionContext, handler: MonitoredHandler): void {
    this.once.warn(
      `tenant ${category.name} ${handler.name}`,
      () =>
        `No tenant on ${place(context, handler)}: its requests are not counted in ${category.name}. Let a guard or middleware set request.auth or request.user ` +
        'with a project or organization of { id, name }, or have a tenant resolver find one',
    );
  }
}

/** Also what only looks like one: a query builder's, say, which asks nothing until it is awaited. */
function isPromise<T>(answer: T | PromiseLike<T>): answer is PromiseLike<T> {
  return typeof (answer as Partial<PromiseLike<T>> | undefined)?.then === 'function';
}

function place(context: ExecutionContext, handler: MonitoredHandler): string {
  const { method, path } = routeOf(context, handler);
  return `${method} ${path} (${handler.name})`;
}
