import 'reflect-metadata';

import { Inject, Injectable, Optional, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { isObservable } from 'rxjs';

import type { Deferred } from '../util/deferred.js';
import { isThenable } from '../util/guest-function.js';
import { OwnLogger } from '../util/own-logger.js';

/** Injection token for what counts requests, once the app has started. The symbol is global, so that two copies of this package share it. */
export const MONITOR = Symbol.for('nestjs-rate-monitor:monitor');

const IS_OURS = Symbol.for('nestjs-rate-monitor:guard');

/** Counts the requests of the app. */
export interface Monitor {
  /**
   * Counts a request, and never throws. The request must wait for the promise, if there is one, which never rejects and never takes longer
   * than `waitAtMostMs`.
   *
   * @param isUnbound - Called from the global guard, so other guards may still reject the request. Counts only if the handler has no guard of
   *   its own.
   */
  observe(context: ExecutionContext, isUnbound: boolean): Promise<void> | undefined;
  /** Counts what depends on the outcome of a handler. Nothing waits for it, and it never throws. */
  outcome(context: ExecutionContext, outcome: Outcome): void;
}

/** The outcome of a handler. */
export interface Outcome {
  readonly failed: boolean;
  /** What the handler returned; for an Observable, its last value. */
  readonly result: unknown;
}

let missingModuleIsReported = false;

/**
 * Counts the requests of a handler, and lets every one through. `@MonitorRate` binds it, and the module moves it after the handler's other
 * guards at startup, so that it does not count what they reject, and knows the tenant that they found.
 *
 * In an app without `RateMonitorModule` it does nothing, nor does a subclass that the app binds by hand: the mark binds this class as well.
 */
@Injectable()
export class RateMonitorGuard implements CanActivate {
  private readonly monitor: Deferred<Monitor> | undefined;

  /** @internal */
  constructor(@Optional() @Inject(MONITOR) monitor?: Deferred<Monitor>) {
    // A subclass may check more, so it stays where the app binds it, but two would count each request twice.
    if (!isRateMonitorGuard(new.target)) return;
    this.monitor = monitorIn(monitor);
    if (!this.monitor && !missingModuleIsReported) {
      missingModuleIsReported = true;
      new OwnLogger().warn(
        '@MonitorRate is used in an app without RateMonitorModule, so nothing is counted: import RateMonitorModule.forRoot() in its root module',
      );
    }
  }

  /** Counts the request and always lets it through. */
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    return this.monitor === undefined || countAndLetThrough(this.monitor, context, false);
  }
}

Reflect.defineMetadata(IS_OURS, true, RateMonitorGuard);

/** Whether a guard is {@link RateMonitorGuard}, from this copy of the package or another. */
export function isRateMonitorGuard(guard: unknown): boolean {
  return typeof guard === 'function' && Reflect.hasOwnMetadata(IS_OURS, guard);
}

/** A global guard that counts requests of monitored handlers to which {@link RateMonitorGuard} could not be bound. */
@Injectable()
export class UnboundHandlersGuard implements CanActivate {
  constructor(@Inject(MONITOR) private readonly monitor: Deferred<Monitor>) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    return countAndLetThrough(this.monitor, context, true);
  }
}

/** The monitor, if it is a real one. A unit test of the app may inject an automatic mock, which must not reject requests. */
export function monitorIn(injected: Partial<Deferred<Monitor>> | undefined): Deferred<Monitor> | undefined {
  const { whenSet } = Object(injected) as Partial<Record<string, unknown>>;
  return typeof whenSet === 'function' ? (injected as Deferred<Monitor>) : undefined;
}

/** A request that arrives before the module has started is counted once it has. */
function countAndLetThrough(
  monitor: Deferred<Monitor>,
  context: ExecutionContext,
  isUnbound: boolean,
): true | Promise<true> {
  const { value } = monitor;
  // A mock may have anything here, and return anything.
  if (typeof value?.observe !== 'function') {
    monitor.whenSet((started) => void started.observe(context, isUnbound));
    return true;
  }
  const wait = value.observe(context, isUnbound);
  if (!isThenable(wait)) return true;
  // In a gRPC stream, Nest loses messages that arrive while a guard is pending.
  if (context.getType() === 'rpc' && isObservable(context.getArgByIndex(0))) return true;
  return wait.then(() => true);
}
