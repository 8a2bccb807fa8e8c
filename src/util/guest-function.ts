import { duration, reasonOf } from './text.js';

/** Calls that take longer are abandoned. */
export const ANSWER_WITHIN_MS = 10_000;
/** The most outstanding calls that requests may still wait for. Many, because a message broker delivers thousands at once. */
const MAX_FRESH = 10_000;
/** The most older ones, which keep in memory what is otherwise over. */
const MAX_LATE = 1_000;
/** The most of both while none has been answered since one was abandoned. */
const MAX_IF_HANGING = 10;
/** After this many late answers in a row, requests stop waiting until an answer arrives in time. */
const MAX_LATE_IN_A_ROW = 3;

interface Call {
  readonly at: number;
  readonly giveUp: (error: Error) => void;
}

/**
 * Calls a function of the app about requests. It may be slow, hang, throw, reject or return nonsense, so there are limits on how many calls
 * are outstanding, how long each may take, and how many requests a hanging function keeps in memory.
 */
export class GuestFunction<Q, A> {
  /** Outstanding calls, oldest first: those within the time that a request may wait, and older ones. */
  private readonly fresh = new Set<Call>();
  private readonly late = new Set<Call>();
  private lateInARow = 0;
  private isHanging = false;
  private timer: NodeJS.Timeout | undefined;
  private looked: NodeJS.Immediate | undefined;

  constructor(
    private readonly ask: (question: Q) => A | PromiseLike<A>,
    private readonly inTimeMs: number,
  ) {}

  /** Whether it answers soon enough for requests to wait. */
  get isPrompt(): boolean {
    return this.lateInARow < MAX_LATE_IN_A_ROW;
  }

  /**
   * Returns its answer, or a promise that settles within 10 s.
   *
   * @throws what the function throws; an Error if too many calls are outstanding.
   */
  answer(question: Q): A | Promise<A> {
    // Without a timer there is nothing outstanding.
    if (this.timer) this.makeRoom();
    const answer = this.ask(question);
    // Any thenable: a query builder, for example, runs no query until it is awaited.
    return isThenable(answer) ? this.outstanding(answer) : answer;
  }

  /** Passes its answer to `known`, at once unless it is a promise, or its error to `threw`. */
  pass<T>(question: Q, known: (answer: A) => T, threw: (error: unknown) => T): T | Promise<T> {
    try {
      const answer = this.answer(question);
      return answer instanceof Promise ? answer.then(known, threw) : known(answer);
    } catch (error) {
      return threw(error);
    }
  }

  /** Forgets all outstanding calls, whose promises then stay pending: the app has shut down. */
  stop(): void {
    clearTimeout(this.timer);
    this.fresh.clear();
    this.late.clear();
  }

  private outstanding(answer: PromiseLike<A>): Promise<A> {
    return new Promise<A>((resolve, reject) => {
      const call: Call = { at: performance.now(), giveUp: reject };
      this.fresh.add(call);
      this.watch();
      const settled = (): boolean => {
        const isFresh = this.fresh.delete(call);
        // In time, unless it was already marked late.
        if (isFresh && performance.now() - call.at <= this.inTimeMs) this.lateInARow = 0;
        this.isHanging = false;
        return this.late.delete(call) || isFresh;
      };
      // A thenable that is not a promise may call back twice, or throw.
      Promise.resolve(answer).then(
        (value) => {
          if (settled()) resolve(value);
        },
        (error: unknown) => {
          if (settled()) reject(new Error(reasonOf(error)));
        },
      );
    });
  }

  private makeRoom(): void {
    // Once per turn of the event loop: until it ends, hardly any function can answer, however long the turn takes.
    if (!this.looked) {
      this.lookAtTime();
      this.looked = setImmediate(() => (this.looked = undefined)).unref();
    }
    const { fresh, late } = this;
    if (this.isHanging && fresh.size + late.size >= MAX_IF_HANGING) throw unanswered(MAX_IF_HANGING);
    if (late.size >= MAX_LATE) throw unanswered(MAX_LATE);
    if (fresh.size >= MAX_FRESH) throw unanswered(MAX_FRESH);
  }

  /** Marks late calls and abandons old ones. The oldest come first, so each call is checked only twice. */
  private lookAtTime(): void {
    const now = performance.now();
    for (const call of this.fresh) {
      if (now - call.at <= this.inTimeMs) break;
      this.fresh.delete(call);
      this.late.add(call);
      this.lateInARow++;
    }
    for (const call of this.late) {
      if (now - call.at < ANSWER_WITHIN_MS) break;
      this.late.delete(call);
      this.isHanging = true;
      call.giveUp(new Error(`no answer within ${duration(ANSWER_WITHIN_MS)}`));
    }
  }

  /** Checks outstanding calls even if no further call is made. */
  private watch(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.lookAtTime();
      if (this.fresh.size + this.late.size > 0) this.watch();
    }, 1_000).unref();
  }
}

function unanswered(calls: number): Error {
  return new Error(`no answer to ${calls} calls`);
}

export function isThenable<T>(answer: T | PromiseLike<T>): answer is PromiseLike<T> {
  return typeof (answer as Partial<PromiseLike<T>> | null | undefined)?.then === 'function';
}

/**
 * Returns the answer of a function that must be synchronous. Catches a promise's rejection, which would otherwise end the process.
 *
 * @throws TypeError if the answer is a promise.
 */
export function givenAtOnce<A>(answer: A): A {
  if (!isThenable(answer)) return answer;
  Promise.resolve(answer).catch(() => undefined);
  throw new TypeError('it returned a promise, but must be synchronous');
}
