import type { ExecutionContext } from '@nestjs/common';

import { contributorLabel } from '../counter/contributors.js';
import type { RouteOf } from '../counter/counter.js';
import type { Category } from '../model/category.js';
import { bareTenant, toTenant, type Tenant } from '../model/tenant.js';
import { defaultTenantResolver, whyNoTenant } from '../options/tenant-resolvers.js';
import { givenAtOnce, type GuestFunction } from '../util/guest-function.js';
import type { WarnOnce } from '../util/warn-once.js';
import { kindOf, numberOrKind, reasonOf } from '../util/text.js';

/** A request whose handler has ended. */
interface Ended {
  readonly result: unknown;
  readonly context: ExecutionContext;
}

/** The functions of the app that are asked about a request. */
export interface Asked {
  readonly tenant: GuestFunction<ExecutionContext, unknown>;
  /** The cost of a request in this category. */
  readonly cost: number | GuestFunction<ExecutionContext, unknown>;
  /** Computes the cost from the outcome, instead of `cost`. */
  readonly after: GuestFunction<Ended, unknown> | undefined;
}

/** A handler that counts its requests. */
export interface MonitoredHandler {
  /** Class and method: `EvaluationsController.create`. */
  readonly name: string;
  /** The route of a request to the handler. */
  readonly routeOf: RouteOf<ExecutionContext>;
  /** Whether a request with a tenant was counted. */
  isSeen: boolean;
  readonly skipFault: Fault;
}

/** Logs each fault of one of the app's functions once, and again if the fault returns after a success. */
export class Fault {
  /** Lets the common case, success after success, skip the log's bookkeeping. */
  private isOpen = false;

  constructor(
    private readonly once: WarnOnce,
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

/**
 * A category that a handler counts in: whom a request counts against, at what cost, and who made it. Asks the app's functions, and logs what
 * is wrong with their answers.
 */
export class CategoryOfHandler {
  private readonly tenantFault: Fault;
  private readonly costFault: Fault;
  private readonly contributorFault: Fault;

  constructor(
    readonly handler: MonitoredHandler,
    readonly category: Category,
    /** The outcome of the requests to count; undefined if all are, before the handler runs. */
    readonly when: 'success' | 'failure' | undefined,
    private readonly asked: Asked,
    private readonly once: WarnOnce,
  ) {
    const fault = (kind: string): Fault => new Fault(once, `${kind} ${category.name} ${handler.name}`);
    this.tenantFault = fault('tenant');
    this.costFault = fault(asked.after ? 'after' : 'cost');
    this.contributorFault = fault('contributor');
  }

  /** Whether the app's functions answer soon enough for a request to wait. */
  get isPrompt(): boolean {
    const { tenant, cost } = this.asked;
    return tenant.isPrompt && (typeof cost === 'number' || cost.isPrompt);
  }

  /** Whom a request counts against; undefined if that is unknown. */
  tenantOf(context: ExecutionContext): Tenant | undefined | Promise<Tenant | undefined> {
    try {
      const answer = this.asked.tenant.answer(context);
      if (!(answer instanceof Promise)) return this.knownTenant(answer, context);
      return answer.then(
        (later) => this.knownTenant(later, context),
        (error: unknown) => this.tenantThrew(error, context),
      );
    } catch (error) {
      return this.tenantThrew(error, context);
    }
  }

  /** @param result - What the handler returned, if the cost depends on it. */
  costOf(context: ExecutionContext, result: unknown): number | Promise<number> {
    const { cost, after } = this.asked;
    if (after) return this.costAfter(after, { result, context });
    if (typeof cost === 'number') return cost;
    const { category, handler, costFault } = this;
    const threw = (error: unknown): number => {
      const reason = reasonOf(error);
      costFault.warn(
        () => `The cost of ${category.name} threw on ${handler.name} (${reason}): the request counts as 1`,
        reason,
      );
      return 1;
    };
    const known = (answer: unknown): number => {
      costFault.good();
      // The counter turns anything that is not a cost into 1, and logs it.
      return answer as number;
    };
    return cost.pass(context, known, threw);
  }

  /** Who made a request; undefined if the app's function does not name it. */
  contributorOf(context: ExecutionContext): string | undefined {
    const { category, contributorFault: fault } = this;
    const unnamed = (how: string): void =>
      fault.warn(
        () =>
          `contributor ${how} on ${this.place(context)}: alerts of ${category.name} do not name who made its requests`,
        how,
      );
    try {
      const answer: unknown = givenAtOnce(category.contributor?.(context));
      const label = contributorLabel(answer);
      if (label !== undefined || answer === undefined || answer === null) fault.good();
      else
        unnamed(`returned ${typeof answer === 'string' ? 'an empty string' : `${kindOf(answer)} instead of a string`}`);
      return label;
    } catch (error) {
      unnamed(`threw (${reasonOf(error)})`);
      return undefined;
    }
  }

  private knownTenant(answer: unknown, context: ExecutionContext): Tenant | undefined {
    try {
      const tenant = toTenant(answer);
      if (tenant === undefined) this.hasNoTenant(answer, context);
      else this.tenantFault.good();
      return tenant;
    } catch (error) {
      const bare = bareTenant(answer);
      if (bare === undefined) return this.tenantThrew(error, context);
      const [{ name }, reason] = [this.category, reasonOf(error)];
      this.tenantFault.warn(
        () =>
          `The name or attributes of the tenant threw on ${this.place(context)} (${reason}): it counts in ${name} by its id alone`,
        `name ${reason}`,
      );
      return bare;
    }
  }

  private tenantThrew(error: unknown, context: ExecutionContext): undefined {
    const [{ name }, reason] = [this.category, reasonOf(error)];
    this.tenantFault.warn(
      () => `The tenant resolver threw on ${this.place(context)} (${reason}): its requests are not counted in ${name}`,
      reason,
    );
  }

  private hasNoTenant(answer: unknown, context: ExecutionContext): void {
    const { name, tenant } = this.category;
    const { fault, reason } = whyNoTenant(context, tenant);
    const kind = answer === '' ? 'an empty string' : numberOrKind(answer);
    const warning = (): string => {
      const where = `No tenant on ${this.place(context)}: its requests are not counted in ${name}`;
      const ofResolver = `The tenant resolver returned ${kind}, neither an id (string or number) nor an object with one. `;
      return `${where}. ${tenant === defaultTenantResolver ? '' : ofResolver}Found: ${reason()}`;
    };
    this.once.warn(`no-tenant ${name} ${this.handler.name}`, warning, `${kind} ${fault}`);
  }

  /** Like `cost`, except that a failure counts as 0. */
  private costAfter(after: NonNullable<Asked['after']>, of: Ended): number | Promise<number> {
    const { category, costFault } = this;
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
    return after.pass(of, known, threw);
  }

  private place(context: ExecutionContext): string {
    const { name, routeOf } = this.handler;
    const { method, path } = routeOf(context, true);
    return `${method} ${path} (${name})`;
  }
}
