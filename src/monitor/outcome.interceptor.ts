import { AsyncResource } from 'node:async_hooks';
import { finished, Readable } from 'node:stream';

import {
  Inject,
  Injectable,
  Optional,
  StreamableFile,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Observable, type Subscriber } from 'rxjs';

import type { Deferred } from '../util/deferred.js';
import { MONITOR, monitorIn, type Monitor, type Outcome } from './rate-monitor.guard.js';

/** The metadata by which Nest knows a handler of server-sent events. */
const SSE = '__sse__';
const IS_OURS = Symbol.for('nestjs-rate-monitor:interceptor');

/**
 * Counts by the outcome of a handler. `@MonitorRate` binds it to handlers with `after` or `when`, and the module moves it after their other
 * interceptors, so that it sees what the handler itself returns. Results and errors pass through unchanged.
 */
@Injectable()
export class OutcomeInterceptor implements NestInterceptor {
  private readonly monitor: Deferred<Monitor> | undefined;

  constructor(@Optional() @Inject(MONITOR) monitor?: Deferred<Monitor>) {
    this.monitor = monitorIn(monitor);
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { monitor } = this;
    if (!monitor) return next.handle();
    return new Observable((subscriber) => {
      // When a client leaves, the socket's event has none of the request's AsyncLocalStorage, where an app may keep the tenant.
      const tell = AsyncResource.bind((outcome: Outcome) =>
        monitor.whenSet((started) => started.outcome(context, outcome)),
      );
      const watch = new Watch(subscriber, context, tell);
      const subscription = next.handle().subscribe(watch);
      return () => {
        subscription.unsubscribe();
        watch.left();
      };
    });
  }
}

Reflect.defineMetadata(IS_OURS, true, OutcomeInterceptor);

/** Whether an interceptor is {@link OutcomeInterceptor}, from this copy of the package or another. */
export function isOutcomeInterceptor(interceptor: unknown): boolean {
  return typeof interceptor === 'function' && Reflect.hasOwnMetadata(IS_OURS, interceptor);
}

/** Passes on what a handler returns, and reports the outcome once. */
class Watch {
  private result: unknown;
  private hasResult = false;
  private iterates = false;
  private isComplete = false;
  private isOver = false;

  constructor(
    private readonly subscriber: Subscriber<unknown>,
    private readonly context: ExecutionContext,
    private readonly tell: (outcome: Outcome) => void,
  ) {}

  next(value: unknown): void {
    this.hasResult = true;
    this.iterates = isAsyncIterable(value);
    // An iterable is not a result itself; each value it yields is one.
    this.result = this.iterates ? undefined : value;
    this.subscriber.next(this.iterates ? this.watched(value as AsyncIterable<unknown>) : value);
  }

  error(error: unknown): void {
    this.end({ failed: true, result: undefined });
    this.subscriber.error(error);
  }

  complete(): void {
    this.isComplete = true;
    // Nest answers with an error.
    if (!this.hasResult && needsResult(this.context)) this.end({ failed: true, result: undefined });
    const stream = this.hasResult ? streamIn(this.result) : undefined;
    const response = this.result === undefined ? openResponse(this.context, this.iterates) : undefined;
    if (stream) this.endWith(stream);
    else if (response) response.once('close', () => this.succeed());
    else if (!this.iterates) this.succeed();
    this.subscriber.complete();
  }

  /** The subscriber is gone: a client left a stream, or there was a timeout before a result. */
  left(): void {
    if (this.hasResult && !this.isComplete) this.succeed();
  }

  private endWith(stream: Readable): void {
    finished(stream, { writable: false }, (error) => {
      // A client that leaves a stream has still received part of it, so this is a success.
      if (error && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') this.end({ failed: true, result: undefined });
      else this.succeed();
    });
  }

  /** A watched version of the iterable, such as a GraphQL subscription or a generator that one of the app's interceptors sends. */
  private watched<T extends AsyncIterable<unknown>>(iterable: T): T {
    const seen = async (step: Promise<IteratorResult<unknown>>): Promise<IteratorResult<unknown>> => {
      try {
        const given = await step;
        if (given.done === true) this.succeed();
        else this.result = given.value;
      } catch {
        this.end({ failed: true, result: undefined });
      }
      return step;
    };
    const watched: T = new Proxy(iterable, {
      // Reads from the iterable itself, which may have private fields.
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        const call = (...args: unknown[]): unknown => Reflect.apply(value, target, args);
        if (key === 'next' || key === 'return' || key === 'throw')
          return (...args: unknown[]) => seen(call(...args) as Promise<IteratorResult<unknown>>);
        if (key !== Symbol.asyncIterator) return call;
        return () => {
          const iterator = call() as AsyncIterable<unknown>;
          return Object.is(iterator, target) ? watched : this.watched(iterator);
        };
      },
    });
    return watched;
  }

  private succeed(): void {
    this.end({ failed: false, result: this.result });
  }

  private end(outcome: Outcome): void {
    if (this.isOver) return;
    this.isOver = true;
    this.tell(outcome);
  }
}

/** Whether Nest takes the last value of an Observable as the response, so that there must be one. */
function needsResult(context: ExecutionContext): boolean {
  return !['rpc', 'ws'].includes(context.getType()) && !Reflect.hasMetadata(SSE, context.getHandler());
}

function streamIn(result: unknown): Readable | undefined {
  if (result instanceof StreamableFile) return result.getStream();
  return result instanceof Readable ? result : undefined;
}

/** False for streams of Node and the web: code that sends them relies on more than the methods that a proxy would have. */
function isAsyncIterable(result: unknown): boolean {
  const isObject = typeof result === 'object' && result !== null;
  return (
    isObject && Symbol.asyncIterator in result && !(result instanceof Readable || result instanceof ReadableStream)
  );
}

interface OpenResponse {
  readonly headersSent?: boolean;
  readonly writableEnded?: boolean;
  once(event: 'close', listener: () => void): unknown;
}

/** The unfinished response of a handler that writes to it directly; with `isUnsent`, also one that nothing was written to yet. */
function openResponse(context: ExecutionContext, isUnsent: boolean): OpenResponse | undefined {
  if (context.getType() !== 'http') return undefined;
  const response = context.getArgByIndex<(OpenResponse & { raw?: OpenResponse }) | undefined>(1);
  const raw = response?.raw ?? response;
  return (isUnsent || raw?.headersSent === true) && raw?.writableEnded === false ? raw : undefined;
}
