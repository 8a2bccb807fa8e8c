import { duration, reasonOf } from './text.js';

/** An answer that takes longer is given up. */
const GIVE_UP_AFTER_MS = 10_000;
/** How many answers may be outstanding, and how many if none has come since the last was given up. */
const MAX_OUTSTANDING = 1_000;
const MAX_OUTSTANDING_IF_HANGING = 10;
/** After this many late answers in a row requests stop waiting, until an answer is in time. */
const MAX_LATE_IN_A_ROW = 3;

interface Call {
  readonly at: number;
  readonly giveUp: (error: Error) => void;
}

/**
 * A function of the app's that is asked about requests: it may be slow, hang, throw, reject or answer nonsense. What it costs is bounded:
 * how many of its answers are outstanding, how long one is waited for, and, if it hangs, how many requests it keeps in memory.
 */
export class GuestFunction<Q, A> {
  /** Asked within the time that a request may wait, oldest first; and longer ago than that. */
  private readonly fresh = new Set<Call>();
  private readonly late = new Set<Call>();
  private lateInARow = 0;
  private isHanging = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly ask: (question: Q) => A | PromiseLike<A>,
    private readonly inTimeMs: number,
  ) {}

  /** Whether its answers come soon enough to be waited for. */
  get isPrompt(): boolean {
    return this.lateInARow < MAX_LATE_IN_A_ROW;
  }

  /**
   * Its answer, or the promise of one: that settles within 10 s.
   *
   * @throws what it throws; an Error if too many answers are outstanding.
   */
  answer(question: Q): A | Promise<A> {
    if (this.fresh.size + this.late.size > 0) this.makeRoom();
    const answer = this.ask(question);
    // Also what only looks like a promise: a query builder's, say, which asks nothing until it is awaited.
    return isThenable(answer) ? this.outstanding(answer) : answer;
  }

  /** Waits for nothing any more: the app ends. */
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
      const settled = (): void => {
        // In time, unless it has been found late before.
        if (this.fresh.delete(call) && performance.now() - call.at <= this.inTimeMs) this.lateInARow = 0;
        this.late.delete(call);
        this.isHanging = false;
      };
      // What is not a promise may call back twice, or throw.
      Promise.resolve(answer).then(
        (value) => {
          settled();
          resolve(value);
        },
        (error: unknown) => {
          settled();
          reject(new Error(reasonOf(error)));
        },
      );
    });
  }

  private makeRoom(): void {
    this.lookAtTime();
    const most = this.isHanging ? MAX_OUTSTANDING_IF_HANGING : MAX_OUTSTANDING;
    if (this.fresh.size + this.late.size >= most) throw new Error(`no answer to ${most} calls`);
  }

  /** Outstanding calls, oldest first, so that each is checked only twice. */
  private lookAtTime(): void {
    const now = performance.now();
    for (const call of this.fresh) {
      if (now - call.at <= this.inTimeMs) break;
      this.fresh.delete(call);
      this.late.add(call);
      this.lateInARow++;
    }
    for (const call of this.late) {
      if (now - call.at < GIVE_UP_AFTER_MS) break;
      this.late.delete(call);
      this.isHanging = true;
      call.giveUp(new Error(`no answer within ${duration(GIVE_UP_AFTER_MS)}`));
    }
  }

  /** Checks the last calls if no further call follows. */
  private watch(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.lookAtTime();
      if (this.fresh.size + this.late.size > 0) this.watch();
    }, 1_000).unref();
  }
}

export function isThenable<T>(answer: T | PromiseLike<T>): answer is PromiseLike<T> {
  return typeof (answer as Partial<PromiseLike<T>> | null | undefined)?.then === 'function';
}

/**
 * What a function gave that must answer at once: a promise is no answer. It would end the process if it rejected and nobody listened.
 *
 * @throws TypeError if it is a promise.
 */
export function givenAtOnce<A>(answer: A): A {
  if (!isThenable(answer)) return answer;
  Promise.resolve(answer).catch(() => undefined);
  throw new TypeError('it returned a promise, but must be synchronous');
}
