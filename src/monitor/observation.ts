import type { ExecutionContext } from '@nestjs/common';

import type { CountsIn, MonitoredHandler } from './monitored-handlers.js';

/** Kept on what is one and the same for guard and interceptor. By a global name, so that two copies of this package see each other's. */
const OBSERVATION = Symbol.for('nestjs-rate-monitor:observation');

/** Looks at requests. */
export interface Observer {
  observe(context: ExecutionContext, isLast: boolean): Promise<void> | undefined;
}

/** One invocation of a handler, as far as it has been counted. */
export interface Observation {
  readonly handler: MonitoredHandler;
  /** What is still to count: its tenant was not known yet. */
  left: readonly CountsIn[];
  /** Where a resolver answers later: settles once `left` is right. */
  pending: Promise<void> | undefined;
  /** For how long it has been waited for already. */
  waitedMs: number;
  /** Whose it is: several apps of a process may share a handler. */
  readonly observer: Observer;
}

type Invocation = Record<symbol, Observation | undefined>;

/** The observation of this invocation, where it has begun. */
export function observationOf(context: ExecutionContext, handler: MonitoredHandler): Observation | undefined {
  const observation = invocationOf(context)[OBSERVATION];
  // An HTTP request may pass through one handler into another.
  return observation?.handler.name === handler.name ? observation : undefined;
}

/** Begins the observation of this invocation. */
export function beginObservation(
  context: ExecutionContext,
  handler: MonitoredHandler,
  observer: Observer,
): Observation {
  const observation: Observation = {
    handler,
    left: handler.counts,
    pending: undefined,
    waitedMs: 0,
    observer,
  };
  // Not enumerable: whoever prints a request must not see our options, with the Redis client's password in them.
  Object.defineProperty(invocationOf(context), OBSERVATION, { value: observation, writable: true, configurable: true });
  return observation;
}

/** What has begun on this invocation, of whichever handler. */
export function begunObservation(context: ExecutionContext): Observation | undefined {
  return invocationOf(context)[OBSERVATION];
}

/** HTTP gives guards and interceptors each their own list of arguments, with the same request in it; other contexts the same list. */
function invocationOf(context: ExecutionContext): Invocation {
  const args = context.getArgs<unknown[]>();
  const [request] = args;
  return (context.getType() === 'http' && typeof request === 'object' && request !== null
    ? request
    : args) as unknown as Invocation;
}
