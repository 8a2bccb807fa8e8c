import { Injectable, Logger } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';

import { monitoredOf, type Cost, type Monitored } from './monitor-rate.decorator.js';
import type { Category } from '../model/category.js';
import { RateMonitorConfigError } from '../model/config-error.js';
import { lookLast } from './last-look.js';
import type { Route } from '../model/route.js';

/** A handler that is monitored, and what it counts in. */
export interface MonitoredHandler {
  /** Class and method: `EvaluationsController.create`. */
  readonly name: string;
  readonly counts: readonly CountsIn[];
  /** Where its last request went: most likely the next one goes there too. */
  lastRoute: Route | undefined;
}

/** A category that a handler counts in, and what a request costs there. */
export interface CountsIn {
  readonly category: Category;
  readonly cost: Cost;
}

type Class = new (...args: never[]) => unknown;

/** Knows what the decorators say of each handler: looked up once, at boot for all that the app has then. */
@Injectable()
export class MonitoredHandlers {
  private readonly logger = new Logger('RateMonitor');
  /** Weak: where something wraps the handlers of request-scoped controllers, each request has one of its own. */
  private readonly known = new WeakMap<object, WeakMap<object, MonitoredHandler | undefined>>();
  private categories: ReadonlyMap<string, Category> = new Map();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {
    // Now, since Nest makes the routes before it calls onModuleInit.
    for (const [, handler] of this.decorated()) lookLast(handler);
  }

  /**
   * Finds the monitored handlers of the app.
   *
   * @throws RateMonitorConfigError where a decorator names a category that is not configured.
   */
  start(categories: ReadonlyMap<string, Category>): MonitoredHandler[] {
    this.categories = categories;
    const found: MonitoredHandler[] = [];
    const problems = new Set<string>();
    for (const [owner, handler] of this.decorated()) {
      for (const { category } of monitoredOf(handler, owner)) {
        if (!categories.has(category)) problems.add(this.unknownCategory(nameOf(owner, handler), category));
      }
      const monitored = this.find(owner, handler);
      if (monitored) found.push(monitored);
    }
    if (problems.size > 0) throw new RateMonitorConfigError([...problems]);
    return found;
  }

  /** What is monitored of a handler; undefined where nothing is. */
  find(owner: object, handler: object): MonitoredHandler | undefined {
    let handlers = this.known.get(owner);
    if (!handlers) this.known.set(owner, (handlers = new WeakMap<object, MonitoredHandler | undefined>()));
    if (handlers.has(handler)) return handlers.get(handler);
    const monitored = this.lookUp(owner, handler);
    handlers.set(handler, monitored);
    return monitored;
  }

  private lookUp(owner: object, handler: object): MonitoredHandler | undefined {
    const name = nameOf(owner, handler);
    const counts = new Map<string, CountsIn>();
    for (const { category: categoryName, cost } of monitoredOf(handler, owner)) {
      const category = this.categories.get(categoryName);
      if (category) counts.set(categoryName, { category, cost });
      // Known only now, in a module that was loaded after the boot.
      else if (this.categories.size > 0) this.logger.error(this.unknownCategory(name, categoryName));
    }
    return counts.size > 0 ? { name, counts: [...counts.values()], lastRoute: undefined } : undefined;
  }

  private unknownCategory(handler: string, category: Monitored['category']): string {
    const names = [...this.categories.keys()].join(', ');
    return `@MonitorRate on ${handler} names '${category}', which is no category: write one of ${names}, or add it to categories`;
  }

  /** Every handler that a decorator of ours marks, with the class it is a method of. */
  private *decorated(): Generator<[Class, object]> {
    for (const owner of this.classes()) {
      for (const handler of this.handlersOf(owner)) if (monitoredOf(handler, owner).length > 0) yield [owner, handler];
    }
  }

  private classes(): Set<Class> {
    const wrappers = [...this.discovery.getControllers(), ...this.discovery.getProviders()];
    const classes = wrappers.map(
      ({ instance, metatype }) => (Object(instance as unknown) as { constructor?: unknown }).constructor ?? metatype,
    );
    return new Set(classes.filter((owner): owner is Class => typeof owner === 'function' && owner !== Object));
  }

  /** Methods that any decorator marks: beside them a class may have others, which no request reaches. */
  private handlersOf(owner: Class): object[] {
    const prototype = owner.prototype as Record<string, unknown> | undefined;
    if (!prototype) return [];
    const methods = this.scanner.getAllMethodNames(prototype).map((name) => prototype[name]);
    return methods.filter(
      (method): method is object => typeof method === 'function' && Reflect.getMetadataKeys(method).length > 0,
    );
  }
}

function nameOf(owner: object, handler: object): string {
  return `${(owner as Class).name}.${(handler as { name: string }).name}`;
}
