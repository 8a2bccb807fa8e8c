import 'reflect-metadata';

import type { ExecutionContext } from '@nestjs/common';

const MONITORED = Symbol.for('nestjs-rate-monitor:monitored');
const SKIPPED = Symbol.for('nestjs-rate-monitor:skipped');

/** What one request counts as: a number, or worked out per request. */
export type Cost = number | ((context: ExecutionContext) => number);

/** What a handler may say beside its categories. */
export interface MonitorRateOptions {
  /**
   * What one request counts as. One that throws, or is no number from 0 to 2^53 - 1, counts 1, and the log says so once.
   * @defaultValue 1
   */
  cost?: Cost;
}

/** One category that a decorator names, and what a request costs in it. */
export interface Monitored {
  readonly category: string;
  readonly cost: Cost;
}

type Decorated = MethodDecorator & ClassDecorator;

/**
 * Counts each request of a handler (of every handler, on a class) against its tenant in one or more categories.
 *
 * A method's decorators win over its class's. Several on one method add up, which gives categories different costs.
 *
 * @example
 * ```ts
 * @MonitorRate('evaluations')
 * @MonitorRate('llm_call', 'llm_call_per_key')
 * @MonitorRate('collections', { cost: (context) => context.switchToHttp().getRequest().body.items.length })
 * ```
 * @throws TypeError where no category is named. A category that is not configured stops the boot.
 */
export function MonitorRate(...args: [string, ...string[]] | [string, ...string[], MonitorRateOptions]): Decorated {
  const last = args.at(-1);
  const { cost = 1 } = typeof last === 'object' ? last : {};
  const categories = args.filter((arg): arg is string => typeof arg === 'string');
  if (categories.length === 0) throw new TypeError("@MonitorRate() names no category: write @MonitorRate('llm_call')");
  return decorate((target) => {
    const before = (Reflect.getOwnMetadata(MONITORED, target) ?? []) as Monitored[];
    const added = categories.map((category) => ({ category, cost }));
    Reflect.defineMetadata(MONITORED, [...added, ...before], target);
  });
}

/** Takes a handler, or every handler of a class that has no `@MonitorRate` of its own, out of monitoring. */
export function SkipMonitorRate(): Decorated {
  return decorate((target) => Reflect.defineMetadata(SKIPPED, true, target));
}

/** What the decorators say of a handler: nothing where it is not monitored. The nearest word wins, and a skip over its neighbour. */
export function monitoredOf(handler: object, owner: object): readonly Monitored[] {
  for (const target of [...lineOf(handler), ...lineOf(owner)]) {
    if (Reflect.getOwnMetadata(SKIPPED, target)) return [];
    const monitored = Reflect.getOwnMetadata(MONITORED, target) as Monitored[] | undefined;
    if (monitored) return monitored;
  }
  return [];
}

/** A class, and those it extends; a handler, and the one it wraps where that is its prototype. */
function* lineOf(target: object): Generator<object> {
  for (let each: unknown = target; typeof each === 'function'; each = Object.getPrototypeOf(each)) yield each;
}

function decorate(mark: (target: object) => void): Decorated {
  return (target: object, _key?: string | symbol, descriptor?: PropertyDescriptor) =>
    mark((descriptor?.value as object | undefined) ?? target);
}
