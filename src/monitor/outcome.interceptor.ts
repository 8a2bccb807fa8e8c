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

import { MONITOR, type Monitor, type Outcome } from './rate-monitor.guard.js';

const IS_OURS = Symbol.for('nestjs-rate-monitor:interceptor');

/**
 * Counts by the outcome of a handler. `@MonitorRate` binds it to the handlers that ask for it, with `after` or `when`, and the module moves
 * it behind their other interceptors: it sees what the handler itself gives. Results and errors pass it as they are.
 */
@Injectable()
export class OutcomeInterceptor implements NestInterceptor {
  constructor(@Optional() @Inject(MONITOR) private readonly monitor?: Monitor) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { monitor } = this;
    if (!monitor) return next.handle();
    return new Observable((subscriber) => {
      const watch = new Watch(subscriber, context, (outcome) => monitor.outcome(context, outcome));
      const subscription = next.handle().subscribe(watch);
      return () => {
        subscription.unsubscribe();
        watch.left();
      };
    });
  }
}

Reflect.defineMetadata(IS_OURS, true, OutcomeInterceptor);

/** Whether an interceptor is {@link OutcomeInterceptor}, of this copy of the package or another. */
export function isOutcomeInterceptor(interceptor: unknown): boolean {
  return typeof interceptor === 'function' && Reflect.hasOwnMetadata(IS_OURS, interceptor);
}

/** Passes on what a handler gives, and reports the outcome once. */
class Watch {
  private result: unknown;
  private hasResult = false;
  private isComplete = false;
  private isOver = false;

  constructor(
    private readonly subscriber: Subscriber<unknown>,
    private readonly context: ExecutionContext,
    private readonly tell: (outcome: Outcome) => void,
  ) {}

  next(value: unknown): void {
    this.result = value;
    this.hasResult = true;
    this.subscriber.next(value);
  }

  error(error: unknown): void {
    this.end({ failed: true, result: undefined });
    this.subscriber.error(error);
  }

  complete(): void {
    this.isComplete = true;
    const stream = this.hasResult ? streamIn(this.result) : undefined;
    const response = this.result === undefined ? openResponse(this.context) : undefined;
    if (stream) this.endWith(stream);
    else if (response) response.once('close', () => this.succeed());
    else this.succeed();
    this.subscriber.complete();
  }

  /** Nobody listens any longer: a client that left a stream, or a timeout before there was a result. */
  left(): void {
    if (this.hasResult && !this.isComplete) this.succeed();
  }

  private endWith(stream: Readable): void {
    finished(stream, { writable: false }, (error) => {
      // A client that leaves a stream has had what it has had.
      if (error && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') this.end({ failed: true, result: undefined });
      else this.succeed();
    });
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

function streamIn(result: unknown): Readable | undefined {
  if (result instanceof StreamableFile) return result.getStream();
  return result instanceof Readable ? result : undefined;
}

interface OpenResponse {
  readonly headersSent?: boolean;
  readonly writableEnded?: boolean;
  once(event: 'close', listener: () => void): unknown;
}

/** The response of a handler that writes to it itself, and has not finished. */
function openResponse(context: ExecutionContext): OpenResponse | undefined {
  if (context.getType() !== 'http') return undefined;
  const response = context.getArgByIndex<(OpenResponse & { raw?: OpenResponse }) | undefined>(1);
  const raw = response?.raw ?? response;
  return raw?.headersSent === true && raw.writableEnded === false ? raw : undefined;
}
