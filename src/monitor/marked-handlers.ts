import { Injectable } from '@nestjs/common';
import { APP_GUARD, ApplicationConfig, DiscoveryService, MetadataScanner } from '@nestjs/core';

import {
  bindEnhancers,
  classNameOf,
  enhancersOf,
  GUARDS,
  INTERCEPTORS,
  lostMarks,
  marksOf,
  unmarkedOverrides,
  type Mark,
} from './monitor-rate.decorator.js';
import { isOutcomeInterceptor } from './outcome.interceptor.js';
import { isRateMonitorGuard } from './rate-monitor.guard.js';

type Class = (new (...args: never[]) => unknown) & { prototype: object };
type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** Where the app lists classes. Nest looks for routes and patterns only in controllers, and for gateways and resolvers only in providers. */
interface Places {
  readonly controllers: ReadonlySet<unknown>;
  readonly providers: ReadonlySet<unknown>;
}

/** How requests reach a handler. */
type Reach =
  /** Nest runs its guards. */
  | 'guarded'
  /** A GraphQL field: Nest runs guards only if the app turns that on. */
  | 'field'
  /** A timer, an event emitter or a queue calls the method without guards. */
  | 'unguarded'
  | 'unknown';

/** A handler that a decorator marks, as found in the app's modules. */
export interface MarkedHandler {
  readonly owner: Class;
  /** Class and property key: `EvaluationsController.create`. */
  readonly name: string;
  /** The name of the class. If two classes share a name, the later one is prefixed with its module, and of several there numbered. */
  readonly ownerName: string;
  readonly marks: readonly Mark[];
  /** Whether the handler itself is marked, not only its class. */
  readonly isMarkedItself: boolean;
  readonly reach: Reach;
  /** Whether Nest runs the handler's own guard. If not, only a global guard sees its requests. */
  readonly bound: boolean;
}

const OF_CONTROLLERS = ['path', 'microservices:pattern'];
const OF_GATEWAYS = 'websockets:message_mapping';
const GATEWAY = 'websockets:is_gateway';
/** Metadata of a resolver's method or, as with `@Resolver('Query')`, of its class. */
const GRAPHQL_TYPE = 'graphql:resolver_type';
/** GraphQL types for whose fields Nest always runs guards and interceptors. */
const OPERATIONS: readonly unknown[] = ['Query', 'Mutation', 'Subscription'];
const FIELD = ['graphql:resolve_property', 'graphql:resolve_reference'];
/** Metadata of a method or, for queue workers and CQRS, of its class. */
const UNGUARDED = /^(SCHEDULE|EVENT_LISTENER_METADATA$|bull:|bullmq:|__(command|query|events)Handler__$)/;

/** Finds what the decorators mark in this app, and puts the monitor's guard after all others of each marked handler. */
@Injectable()
export class MarkedHandlers {
  /** How classes are called here. */
  private readonly names = new Map<object, string>();
  private readonly taken = new Set<string>();
  /** Whether a module that provides the class has the guard. */
  private readonly hosted = new WeakMap<object, boolean>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly config: ApplicationConfig,
  ) {
    // In the constructor, because Nest reads guards when it creates routes, which is before it calls onModuleInit.
    this.bindLast(GUARDS, isRateMonitorGuard, () => true);
    this.bindLast(INTERCEPTORS, isOutcomeInterceptor, (marks) => marks.some(({ when }) => when));
  }

  /** Every handler that a decorator marks, itself or through its class. */
  list(): MarkedHandler[] {
    const places = this.places();
    return [...this.marked()].map(([wrapper, owner, key, handler]) => ({
      owner,
      name: `${this.nameOf(owner, wrapper)}.${key}`,
      ownerName: this.nameOf(owner, wrapper),
      marks: marksOf(handler, owner),
      isMarkedItself: marksOf(handler, Object).length > 0,
      reach: reachOf(handler, owner, places),
      bound: this.isBound(owner, handler),
    }));
  }

  /**
   * Decorators whose mark another decorator removed (`lost`) or whose method it made an accessor; names of methods that the instance
   * replaces by a function without the mark, unmarked handlers that override a marked one, marked classes without handlers (`empty`), and
   * marked classes that the app lists but that have instances of another class (`foreign`).
   */
  problems(): Record<'lost' | 'accessors' | 'replaced' | 'overriding' | 'empty' | 'foreign', string[]> {
    const methods = [...this.marked()];
    const marked = new Set(methods.map(([, owner]) => owner));
    const replaced = methods
      .filter(([wrapper, , key, handler]) => attempt(() => isReplaced(wrapper, key, handler)))
      .map(([wrapper, owner, key]) => `${this.nameOf(owner, wrapper)}.${key}`);
    const places = this.places();
    const lost: string[] = [];
    const accessors: string[] = [];
    const overriding: string[] = [];
    const empty: string[] = [];
    const foreign: string[] = [];
    for (const [wrapper, owner] of this.classes()) {
      const name = this.nameOf(owner, wrapper);
      const lostOfClass = attempt(() => lostMarks(owner));
      lost.push(...(lostOfClass?.replaced ?? []).map(([decorator, key]) => `${decorator} on ${name}.${key}`));
      accessors.push(...(lostOfClass?.accessors ?? []).map(([decorator, key]) => `${decorator} on ${name}.${key}`));
      overriding.push(...(attempt(() => overridingHandlers(owner, places)) ?? []).map((key) => `${name}.${key}`));
      if (!marked.has(owner) && attempt(() => marksOf(owner, owner).length > 0)) empty.push(name);
      if (attempt(() => hasOnlyListedMark(wrapper, owner))) foreign.push(name);
    }
    return { lost, accessors, replaced, overriding, empty, foreign };
  }

  /** How the app makes our guard a global one too, if it does. */
  globalBy(): 'APP_GUARD' | 'useGlobalGuards()' | undefined {
    const isProvided = this.discovery
      .getProviders()
      .some((each) => attempt(() => String(each.token).startsWith(APP_GUARD) && isRateMonitorGuard(classOf(each))));
    if (isProvided) return 'APP_GUARD';
    const isPassed = this.config
      .getGlobalGuards()
      .some((guard) => attempt(() => isRateMonitorGuard(guard.constructor)));
    return isPassed ? 'useGlobalGuards()' : undefined;
  }

  /** Class and property key of any handler. A handler that was created per request, around a method, has the method's name. */
  handlerName(owner: object, handler: object): string {
    const { prototype } = owner as { prototype: Record<string, unknown> };
    const keys = attempt(() => this.scanner.getAllMethodNames(prototype)) ?? [];
    const key = keys.find((name) => isOrWraps(handler, prototype[name])) ?? (handler as { name: string }).name;
    return `${this.nameOf(owner)}.${key}`;
  }

  /** Whether Nest runs the monitor's guard for the handler: the guard is bound to it, and in a module that provides its class. */
  isBound(owner: object, handler: object): boolean {
    if (![...enhancersOf(GUARDS, handler), ...enhancersOf(GUARDS, owner)].some(isRateMonitorGuard)) return false;
    if (!this.hosted.has(owner)) this.hosted.set(owner, this.isHosted(owner));
    return this.hosted.get(owner) === true;
  }

  private places(): Places {
    const classes = (wrappers: Wrapper[]): Set<unknown> =>
      new Set(wrappers.map((each) => attempt(() => classOf(each))));
    return { controllers: classes(this.discovery.getControllers()), providers: classes(this.discovery.getProviders()) };
  }

  private isHosted(owner: object): boolean {
    const wrappers = this.wrappers().filter((wrapper) => attempt(() => classOf(wrapper)) === owner);
    // Nest knows the class by another name, or from a module that was loaded later.
    if (wrappers.length === 0) return true;
    return wrappers.some(({ host }) => [...(host?.injectables.keys() ?? [])].some(isRateMonitorGuard));
  }

  /** Puts our guard or interceptor after all others, and moves it from classes to those of their handlers whose marks want it. */
  private bindLast(
    kind: string,
    isOurs: (enhancer: unknown) => boolean,
    isWanted: (marks: readonly Mark[]) => boolean,
  ): void {
    const unmarkedClasses = new Set<Class>();
    for (const [, owner, , handler] of this.marked()) {
      const bound = enhancersOf(kind, handler);
      const ours = [...bound, ...enhancersOf(kind, owner)].find(isOurs);
      // Only if it is already bound: Nest ignores a guard or interceptor that its scanner has not seen.
      if (ours === undefined) continue;
      unmarkedClasses.add(owner);
      // Not taken away either: another class may inherit the same method, and want it.
      if (!isWanted(marksOf(handler, owner))) continue;
      // Once, also if the app binds it by hand: two would count each request twice.
      bindEnhancers(kind, handler, [...bound.filter((enhancer) => !isOurs(enhancer)), ours]);
    }
    // Guards and interceptors of a class run before those of its methods, so ours must not stay on the class.
    for (const owner of unmarkedClasses) {
      const bound = enhancersOf(kind, owner);
      const others = bound.filter((enhancer) => !isOurs(enhancer));
      if (others.length < bound.length) bindEnhancers(kind, owner, others);
    }
  }

  private *marked(): Generator<[wrapper: Wrapper, owner: Class, key: string, handler: object]> {
    for (const [wrapper, owner] of this.classes()) {
      for (const [key, handler] of attempt(() => this.markedMethods(owner)) ?? []) yield [wrapper, owner, key, handler];
    }
  }

  /** A class's methods with any decorator. A mark on the class does not apply to the others, which no request reaches. */
  private markedMethods(owner: Class): [string, object][] {
    const prototype = owner.prototype as Record<string, unknown>;
    const methods = this.scanner.getAllMethodNames(prototype).map((key) => [key, prototype[key]] as const);
    return methods.filter((method): method is [string, object] => {
      const [, handler] = method;
      if (typeof handler !== 'function' || marksOf(handler, owner).length === 0) return false;
      return Reflect.getMetadataKeys(handler).length > 0 || isOperation(handler, owner);
    });
  }

  private *classes(): Generator<[Wrapper, Class]> {
    const seen = new Set<object>();
    for (const wrapper of this.wrappers()) {
      const owner = attempt(() => classOf(wrapper));
      if (!owner || seen.has(owner)) continue;
      seen.add(owner);
      yield [wrapper, owner];
    }
  }

  /** Wrappers of all classes that Nest instantiates, including guards, interceptors, pipes, filters and middleware. */
  private wrappers(): Wrapper[] {
    const providers = this.discovery.getProviders();
    const modules = new Set(providers.flatMap(({ host }) => host ?? []));
    const others = [...modules].flatMap(({ injectables, middlewares }) => [
      ...injectables.values(),
      ...middlewares.values(),
    ]);
    return [...this.discovery.getControllers(), ...providers, ...(others as Wrapper[])];
  }

  private nameOf(owner: object, wrapper?: Wrapper): string {
    const known = this.names.get(owner);
    if (known !== undefined) return known;
    const plain = classNameOf(owner);
    const inModule = `${wrapper?.host?.name || 'another'}/${plain}`;
    let name = plain;
    for (let i = 1; this.taken.has(name); i++) name = i > 1 ? `${inModule}#${i}` : inModule;
    this.taken.add(name);
    this.names.set(owner, name);
    return name;
  }
}

/** The class of the instance, which may come from a value or a factory. */
function classOf({ instance, metatype }: Wrapper): Class | undefined {
  // From the prototype, where Nest looks for handlers too: a proxy that wraps every method of the instance wraps its constructor as well.
  const { constructor } = Object(Object.getPrototypeOf(Object(instance))) as object;
  return [constructor, metatype].find(isClass);
}

function isClass(of: unknown): of is Class {
  return typeof of === 'function' && of !== Object && typeof of.prototype === 'object';
}

/** Whether the app lists a marked class whose instance is of an unmarked one, for example because the listed class is a proxy. */
function hasOnlyListedMark({ metatype }: Wrapper, owner: Class): boolean {
  return isClass(metatype) && metatype !== owner && marksOf(metatype, metatype).length > marksOf(owner, owner).length;
}

/** Whether the instance has its own function instead of a marked method. Nest then calls that function, with only its guards. */
function isReplaced({ instance }: Wrapper, key: string, handler: object): boolean {
  const called = (Object(instance) as Record<string, unknown>)[key];
  return typeof called === 'function' && called !== handler && !enhancersOf(GUARDS, called).some(isRateMonitorGuard);
}

/** Unmarked methods that override a marked one, and to which Nest routes requests. */
function overridingHandlers(owner: Class, places: Places): string[] {
  const prototype = owner.prototype as Record<string, object>;
  return unmarkedOverrides(owner).filter((key) =>
    ['guarded', 'field'].includes(reachOf(prototype[key] as object, owner, places)),
  );
}

function reachOf(handler: object, owner: object, { controllers, providers }: Places): Reach {
  const keys = keysOf(handler);
  const has = (key: string): boolean => keys.includes(key);
  if (OF_CONTROLLERS.some(has) && controllers.has(owner)) return 'guarded';
  const isHandled = isOperation(handler, owner) || (has(OF_GATEWAYS) && Reflect.hasMetadata(GATEWAY, owner));
  if (isHandled && providers.has(owner)) return 'guarded';
  if (FIELD.some(has)) return 'field';
  return [...keys, ...keysOf(owner)].some((key) => UNGUARDED.test(key)) ? 'unguarded' : 'unknown';
}

/** Whether GraphQL operations call it. With `@Resolver('Query')`, Nest takes each method of the class for one, decorated or not. */
function isOperation(handler: object, owner: object): boolean {
  return OPERATIONS.includes(Reflect.getMetadata(GRAPHQL_TYPE, handler) ?? Reflect.getMetadata(GRAPHQL_TYPE, owner));
}

function keysOf(target: object): string[] {
  return (Reflect.getMetadataKeys(target) as unknown[]).map(String);
}

function isOrWraps(handler: object, method: unknown): boolean {
  for (
    let each: object | null = handler;
    each && each !== Function.prototype;
    each = Object.getPrototypeOf(each) as object
  )
    if (each === method) return true;
  return false;
}

/** Reads from foreign classes, whose getters or proxies may throw. What throws is not a handler. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
