import 'reflect-metadata';

import { UseGuards, type ExecutionContext } from '@nestjs/common';

import { isRateMonitorGuard, RateMonitorGuard } from './rate-monitor.guard.js';

const MONITORED = Symbol.for('nestjs-rate-monitor:monitored');
const SKIPPED = Symbol.for('nestjs-rate-monitor:skipped');
const MARKED_KEYS = Symbol.for('nestjs-rate-monitor:marked-keys');
/** Where Nest keeps the guards of a handler or a class, in the order in which they run. */
const GUARDS = '__guards__';

/** What one request counts as: a number, or worked out per request. */
export type Cost = number | ((context: ExecutionContext) => number | Promise<number>);

/** What a handler may state beside its categories. */
export interface MonitorRateOptions {
  /**
   * What one request counts as, 0 or more. A function that throws, rejects or gives anything else counts 1, and the log explains it once.
   * @defaultValue 1
   */
  cost?: Cost;
}

/** One category that a decorator names, and what a request costs in it. */
export interface Mark {
  readonly category: string;
  readonly cost: Cost;
}

type Decorated = MethodDecorator & ClassDecorator;

/**
 * Counts each request of a handler (of every handler, on a class) against its tenant in one or more categories. A request that a guard
 * refuses is not counted.
 *
 * A method's decorators win over its class's. Several on one method add up, which gives categories different costs.
 *
 * @example
 * ```ts
 * @MonitorRate('evaluations')
 * @MonitorRate('llm_call', 'llm_call_per_key')
 * @MonitorRate('collections', { cost: (context) => context.switchToHttp().getRequest().body.items.length })
 * ```
 * @throws TypeError if no category is named. A category that is not configured stops the boot.
 */
export function MonitorRate(...args: [string, ...string[]] | [string, ...string[], MonitorRateOptions]): Decorated {
  const last = args.at(-1);
  const { cost = 1 } = typeof last === 'object' ? last : {};
  const categories = args.filter((arg): arg is string => typeof arg === 'string');
  if (categories.length === 0) throw new TypeError("@MonitorRate() names no category: write @MonitorRate('llm_call')");
  const added = categories.map((category) => ({ category, cost }));
  return decorate((target, isMethod) => {
    // A wrapped handler has the marks of the original too; a class's replace those of the class it extends.
    const before = (isMethod ? Reflect.getMetadata(MONITORED, target) : Reflect.getOwnMetadata(MONITORED, target)) as
      Mark[] | undefined;
    Reflect.defineMetadata(MONITORED, [...added, ...(before ?? [])], target);
    if (guardsOf(target).some(isRateMonitorGuard)) return;
    // By Nest's own decorator: its scanner knows the guard then, and makes one in each app.
    if (isMethod) UseGuards(RateMonitorGuard)({}, '', { value: target });
    else UseGuards(RateMonitorGuard)(target as new () => unknown);
  });
}

/** Takes a handler, or every handler of a class that has no `@MonitorRate` of its own, out of monitoring. */
export function SkipMonitorRate(): Decorated {
  return decorate((target) => Reflect.defineMetadata(SKIPPED, true, target));
}

/** What the decorators state of a handler: nothing if it is not monitored. The nearest one wins, and a skip over its neighbour. */
export function marksOf(handler: object, owner: object): readonly Mark[] {
  return nearestMarks(handler) ?? nearestMarks(owner) ?? [];
}

/** Methods of a class or of those it extends whose decorator's mark did not stay: another decorator replaced the function, and kept nothing of it. */
export function lostMarks(owner: { prototype: unknown }): string[] {
  const lost: string[] = [];
  for (let each: unknown = owner.prototype; each && each !== Object.prototype; each = Object.getPrototypeOf(each)) {
    const prototype = each as Record<string, unknown>;
    for (const key of (Reflect.getOwnMetadata(MARKED_KEYS, prototype) ?? []) as string[]) {
      const handler = Object.getOwnPropertyDescriptor(prototype, key)?.value as unknown;
      if (typeof handler === 'function' && !nearestMarks(handler)) lost.push(key);
    }
  }
  return lost;
}

/** The guards of a handler or a class: as Nest reads them, through prototypes, since a wrapped handler inherits those of the original. */
export function guardsOf(target: object): readonly unknown[] {
  return (Reflect.getMetadata(GUARDS, target) ?? []) as unknown[];
}

/** Makes `guards` all the guards of a handler or a class. */
export function bindGuards(target: object, guards: readonly unknown[]): void {
  Reflect.defineMetadata(GUARDS, guards, target);
}

/** The marks of a function or class itself, else of its prototype: the class it extends, or the handler it wraps. */
function nearestMarks(target: object): readonly Mark[] | undefined {
  for (let each: unknown = target; typeof each === 'function'; each = Object.getPrototypeOf(each)) {
    if (Reflect.getOwnMetadata(SKIPPED, each)) return [];
    const marks = Reflect.getOwnMetadata(MONITORED, each) as Mark[] | undefined;
    if (marks) return marks;
  }
  return undefined;
}

function decorate(mark: (target: object, isMethod: boolean) => void): Decorated {
  return (target: object, key?: string | symbol, descriptor?: PropertyDescriptor) => {
    const method = descriptor?.value as object | undefined;
    mark(method ?? target, method !== undefined);
    if (method === undefined) return;
    const marked = (Reflect.getOwnMetadata(MARKED_KEYS, target) ?? []) as unknown[];
    if (!marked.includes(key)) Reflect.defineMetadata(MARKED_KEYS, [...marked, key], target);
  };
}
