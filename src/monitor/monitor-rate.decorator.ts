import 'reflect-metadata';

import { UseGuards, UseInterceptors, type ExecutionContext } from '@nestjs/common';

import { isOutcomeInterceptor, OutcomeInterceptor } from './outcome.interceptor.js';
import { isRateMonitorGuard, RateMonitorGuard } from './rate-monitor.guard.js';
import { isRecord } from '../util/shapes.js';
import { checkNames } from '../util/option-names.js';
import { kindOf, oneLine } from '../util/text.js';

const MONITORED = Symbol.for('nestjs-rate-monitor:monitored');
const SKIPPED = Symbol.for('nestjs-rate-monitor:skipped');
const MARKED_KEYS = Symbol.for('nestjs-rate-monitor:marked-keys');

/** Where Nest keeps the guards and interceptors of a handler or class, in the order in which they run. */
export const GUARDS = '__guards__';
export const INTERCEPTORS = '__interceptors__';

/** The cost of one request, 0 or more: a number, or a function of the request that may return a promise. */
export type Cost = number | ((context: ExecutionContext) => number | Promise<number>);

/** Options of `@MonitorRate`. */
export interface MonitorRateOptions {
  /**
   * The cost of one request, 0 or more. If a function throws, rejects or returns anything else, the request counts as 1, which is logged once.
   * @defaultValue 1
   */
  cost?: Cost | undefined;
  /**
   * Computes the cost from the handler's result, such as tokens or rows. For an Observable it is called when that ends, with the last value.
   * Nothing is counted if the handler throws. If this function throws or returns anything but a number, 0 or more, nothing is counted
   * either, which is logged once. Not together with `cost`.
   * @defaultValue the request is counted before the handler runs, at `cost`
   */
  after?: After | undefined;
  /**
   * Counts only requests whose handler returned (`success`) or threw (`failure`). An Observable that ends without a value is a failure, as it
   * is for Nest, unless the handler streams.
   * @defaultValue the request is counted before the handler runs
   */
  when?: 'success' | 'failure' | undefined;
}

const MONITOR = '@MonitorRate';
const SKIP = '@SkipMonitorRate';
const OPTIONS = ['cost', 'after', 'when'];

/** Computes the cost of a request from its handler's result. */
type After = (result: unknown, context: ExecutionContext) => number | Promise<number>;

/** A category that a decorator names, and the cost of a request in it. */
export interface Mark {
  readonly category: string;
  readonly cost: Cost;
  readonly after?: After | undefined;
  /** Set if the outcome decides whether to count. The request is counted once the outcome is known. */
  readonly when?: 'success' | 'failure' | undefined;
}

type Decorated = MethodDecorator & ClassDecorator;

/**
 * Counts each request of a handler (on a class, of every handler) against its tenant in one or more categories. A request that a guard
 * rejects is not counted.
 *
 * A method's decorators win over its class's. Several on one method add up, so that categories can have different costs.
 *
 * @example
 * ```ts
 * @MonitorRate('evaluations')
 * @MonitorRate('llm_call', 'llm_call_per_key')
 * @MonitorRate('collections', { cost: (context) => Number(context.switchToHttp().getRequest<Request>().query.pages) })
 * @MonitorRate('llm_tokens', { after: (result) => (result as Completion).usage.total_tokens })
 * @MonitorRate('failures', { when: 'failure' })
 * ```
 * @throws TypeError if no category is named, an option is unknown, the options contradict each other, or it is on anything but a class or a
 * method that Nest could call. A category that is not configured stops the boot.
 */
export function MonitorRate(...args: [string, ...string[]] | [string, ...string[], MonitorRateOptions]): Decorated {
  const { categories, options } = readArguments(args);
  checkOutcome(options);
  const { cost = 1, after, when = after && 'success' } = options;
  const added = categories.map((category): Mark => ({ category, cost, after, when }));
  const names = added.map(() => MONITOR);
  return decorate(names, (target, isMethod) => {
    // A wrapped handler keeps the original's marks; a class's marks replace those of the class it extends.
    const before = (isMethod ? Reflect.getMetadata(MONITORED, target) : Reflect.getOwnMetadata(MONITORED, target)) as
      Mark[] | undefined;
    Reflect.defineMetadata(MONITORED, [...added, ...(before ?? [])], target);
    // With Nest's own decorators, so that its scanner sees what is bound and creates an instance in each app.
    const bind = (decorator: Decorated): void => {
      if (isMethod) decorator({}, '', { value: target });
      else decorator(target as new () => unknown);
    };
    if (!enhancersOf(GUARDS, target).some(isRateMonitorGuard)) bind(UseGuards(RateMonitorGuard));
    if (when && !enhancersOf(INTERCEPTORS, target).some(isOutcomeInterceptor))
      bind(UseInterceptors(OutcomeInterceptor));
  });
}

/** Untyped code may pass anything here, and an ignored argument would silently count something else than intended. */
function readArguments(args: readonly unknown[]): { categories: string[]; options: MonitorRateOptions } {
  const last = args.at(-1);
  const categories = typeof last === 'string' ? args : args.slice(0, -1);
  // `null` counts as absent.
  const options = typeof last === 'string' ? {} : (last ?? {});
  const remedy = "write categories, then options: @MonitorRate('llm_call', { cost: 2 })";
  const notNames = categories.filter((category) => typeof category !== 'string');
  if (notNames.length > 0 || !isRecord(options))
    throw new TypeError(`@MonitorRate() is given ${kindOf(notNames.length > 0 ? notNames[0] : options)}: ${remedy}`);
  if (categories.length === 0) throw new TypeError(`@MonitorRate() names no category: ${remedy}`);
  checkNames(options, OPTIONS, '@MonitorRate()');
  const { cost, after, when } = options as MonitorRateOptions;
  return {
    categories: categories as string[],
    options: { cost: cost ?? undefined, after: after ?? undefined, when: when ?? undefined },
  };
}

function checkOutcome({ cost, after, when }: MonitorRateOptions): void {
  if (after !== undefined && typeof after !== 'function')
    throw new TypeError('after of @MonitorRate() is not a function: write (result) => number');
  if (after && cost !== undefined) throw new TypeError('@MonitorRate() has both after and cost: write one of the two');
  if (when !== undefined && when !== 'success' && when !== 'failure')
    throw new TypeError(
      "when of @MonitorRate() is neither 'success' nor 'failure': write one of them, or leave it out",
    );
  if (after && when === 'failure')
    throw new TypeError(
      "@MonitorRate() has after together with when: 'failure', which has no result: write cost instead of after",
    );
}

/** Takes a handler, or every handler of a class that has no `@MonitorRate` of its own, out of monitoring. */
export function SkipMonitorRate(): Decorated {
  return decorate([SKIP], (target) => Reflect.defineMetadata(SKIPPED, true, target));
}

/** What the decorators say about a handler; empty if it is not monitored. The nearest wins; in the same place, a skip wins. */
export function marksOf(handler: object, owner: object): readonly Mark[] {
  return nearestMarks(handler) ?? nearestMarks(owner) ?? [];
}

/** A decorator of a method: what it is called, and the method's key. */
type DecoratorOf = readonly [decorator: string, key: string];

/**
 * Decorators of a class or its base classes whose mark is lost, because another decorator replaced the function without its metadata, or
 * replaced the method by an accessor.
 */
export function lostMarks(owner: { prototype: unknown }): Record<'replaced' | 'accessors', DecoratorOf[]> {
  const marked = markedMembers(owner.prototype);
  const named = (lost: (member: PropertyDescriptor, given: readonly string[]) => readonly string[]): DecoratorOf[] =>
    marked.flatMap(([key, member, given]) =>
      Array.from(new Set(lost(member, given)), (decorator) => [decorator, key] as const),
    );
  return {
    replaced: named(({ value }, given) => (typeof value === 'function' ? lostOf(value, given) : [])),
    accessors: named((member, given) => ('value' in member ? [] : given)),
  };
}

/** Which of its decorators a method lacks: `MonitorRate` above the decorator that replaced it may have marked it again. */
function lostOf(method: unknown, given: readonly string[]): readonly string[] {
  const marks = nearestMarks(method);
  if (!marks) return given;
  // A skip wins, whatever else is lost.
  if (marks.length === 0) return [];
  const skips = given.filter((name) => name === SKIP);
  return marks.length < given.length - skips.length ? given : skips;
}

/** Methods of a class that override a marked one but have no mark, nor has the class. A skip counts as a mark. */
export function unmarkedOverrides(owner: { prototype: unknown }): string[] {
  const prototype = owner.prototype as Record<string, unknown>;
  return markedMembers(prototype)
    .filter(([key, { value: marked }]) => {
      const handler = prototype[key];
      return typeof handler === 'function' && handler !== marked && !nearestMarks(handler) && !nearestMarks(owner);
    })
    .filter(([, { value: marked }]) => nearestMarks(marked)?.length)
    .map(([key]) => key);
}

/** Members that decorators have marked in a class or its base classes, nearest first: the key, what is there now, and which ones marked it. */
function markedMembers(prototype: unknown): [key: string, member: PropertyDescriptor, given: readonly string[]][] {
  const members: [string, PropertyDescriptor, readonly string[]][] = [];
  for (let each = prototype; each && each !== Object.prototype; each = Object.getPrototypeOf(each))
    for (const [key, given] of markedKeys(each)) {
      const member = Object.getOwnPropertyDescriptor(each, key);
      if (member) members.push([key, member, given]);
    }
  return members;
}

/** The decorators that members of a prototype were given, by key: each as often as it marked. */
function markedKeys(prototype: object): Map<string, readonly string[]> {
  return (Reflect.getOwnMetadata(MARKED_KEYS, prototype) ?? new Map()) as Map<string, readonly string[]>;
}

/** Guards or interceptors of a handler or a class. Like Nest, reads through prototypes, because a wrapped handler inherits the original's. */
export function enhancersOf(kind: string, target: object): readonly unknown[] {
  return (Reflect.getMetadata(kind, target) ?? []) as unknown[];
}

/** Replaces the guards or interceptors of a handler or a class. */
export function bindEnhancers(kind: string, target: object, enhancers: readonly unknown[]): void {
  Reflect.defineMetadata(kind, enhancers, target);
}

/** The marks of a function or class, else of its prototype, which is the class it extends or the handler it wraps. */
function nearestMarks(target: unknown): readonly Mark[] | undefined {
  for (let each: unknown = target; typeof each === 'function'; each = Object.getPrototypeOf(each)) {
    if (Reflect.getOwnMetadata(SKIPPED, each)) return [];
    const marks = Reflect.getOwnMetadata(MONITORED, each) as Mark[] | undefined;
    if (marks) return marks;
  }
  return undefined;
}

/** The name of a class. It may have none, or a static member of that name, even a getter that throws. */
export function classNameOf(of: { readonly name?: unknown }): string {
  try {
    const { name } = of;
    if (typeof name === 'string' && name !== '') return name;
  } catch {
    // As if it had none.
  }
  return '(nameless class)';
}

/** @param marks - The decorator's name, once for each mark. */
function decorate(marks: readonly string[], mark: (target: object, isMethod: boolean) => void): Decorated {
  return (target: object, key?: string | symbol, descriptor?: PropertyDescriptor) => {
    if (key === undefined) return mark(target, false);
    const method = descriptor?.value as unknown;
    // Nest looks for handlers only among prototype methods whose key is a string.
    if (typeof method !== 'function' || typeof target === 'function' || typeof key !== 'string') {
      const owner = classNameOf(typeof target === 'function' ? target : target.constructor);
      throw new TypeError(
        `${marks[0]}() on ${oneLine(`${owner}.${String(key)}`)} has no effect: Nest routes no requests to properties, accessors, static ` +
          'methods or methods named by a symbol. Put it on a method with a name',
      );
    }
    mark(method, true);
    const marked = markedKeys(target);
    Reflect.defineMetadata(MARKED_KEYS, marked.set(key, [...(marked.get(key) ?? []), ...marks]), target);
  };
}
