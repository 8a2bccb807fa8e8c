import 'reflect-metadata';

import { Inject, Injectable, Logger, Optional, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { isObservable } from 'rxjs';

import { isThenable } from '../util/guest-function.js';

/** What the guards report requests to. A global name, since two copies of this package must agree on it. */
export const MONITOR = Symbol.for('nestjs-rate-monitor:monitor');

const IS_OURS = Symbol.for('nestjs-rate-monitor:guard');

/** Sees the requests of the app. */
export interface Monitor {
  /** @param isUnbound - Other guards may still refuse the request: it is counted only if its handler has no guard of its own. */
  observe(context: ExecutionContext, isUnbound?: boolean): Promise<void> | undefined;
  /** Counts what asks for the outcome of a handler. Nothing waits for it, and it never throws. */
  outcome(context: ExecutionContext, outcome: Outcome): void;
}

/** The outcome of a handler. */
export interface Outcome {
  readonly failed: boolean;
  /** What the handler gave; of an Observable its last value. */
  readonly result: unknown;
}

let missingModuleIsReported = false;

/**
 * Counts the requests of a handler, and lets every one of them through. `@MonitorRate` binds it, and the module moves it behind the
 * handler's other guards when the app starts: what they refuse is not counted, and the tenant they found is known.
 *
 * In an app without `RateMonitorModule` it does nothing.
 */
@Injectable()
export class RateMonitorGuard implements CanActivate {
  private readonly monitor: Monitor | undefined;

  constructor(@Optional() @Inject(MONITOR) monitor?: Monitor) {
    this.monitor = monitorIn(monitor);
    if (!this.monitor && !missingModuleIsReported) {
      missingModuleIsReported = true;
      new Logger('RateMonitor').warn(
        '@MonitorRate is used in an app without RateMonitorModule, so nothing is counted: import RateMonitorModule.forRoot() in its root module',
      );
    }
  }

  /** Counts the request and always lets it through. */
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const wait = this.monitor?.observe(context);
    return wait === undefined ? true : letThrough(wait, context);
  }
}

Reflect.defineMetadata(IS_OURS, true, RateMonitorGuard);

/** Whether a guard is {@link RateMonitorGuard}, of this copy of the package or another. */
export function isRateMonitorGuard(guard: unknown): boolean {
  return typeof guard === 'function' && Reflect.hasOwnMetadata(IS_OURS, guard);
}

/** Global: counts the requests of monitored handlers to which {@link RateMonitorGuard} could not be bound. */
@Injectable()
export class UnboundHandlersGuard implements CanActivate {
  constructor(@Inject(MONITOR) private readonly monitor: Monitor) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const wait = this.monitor.observe(context, true);
    return wait === undefined ? true : letThrough(wait, context);
  }
}

/** The monitor, if it is one: an app's unit test may have an automatic mock in its place, which must not refuse requests. */
export function monitorIn(injected: Partial<Monitor> | undefined): Monitor | undefined {
  const { observe, outcome } = Object(injected) as Partial<Record<string, unknown>>;
  return typeof observe === 'function' && typeof outcome === 'function' ? (injected as Monitor) : undefined;
}

function letThrough(wait: Promise<void>, context: ExecutionContext): true | Promise<true> {
  // A mock gives anything.
  if (!isThenable(wait)) return true;
  // A gRPC stream: Nest loses messages that arrive while a guard is waited for.
  if (context.getType() === 'rpc' && isObservable(context.getArgByIndex(0))) return true;
  return wait.then(() => true);
}
