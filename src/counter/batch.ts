/** The requests that wait for one publish. They stop waiting when it is settled or when the time they may wait is over. */
export class Batch {
  readonly done: Promise<void>;
  private readonly timer: NodeJS.Timeout;
  private resolve!: () => void;
  private settled = false;

  /** @param late - Called where the time runs out first. */
  constructor(waitAtMostMs: number, late: () => void) {
    this.done = new Promise((resolve) => (this.resolve = resolve));
    // An answer that has come already is read before an immediate runs, not before a timer does.
    this.timer = setTimeout(() => setImmediate(() => this.expire(late)), waitAtMostMs);
  }

  settle(): void {
    this.settled = true;
    clearTimeout(this.timer);
    this.resolve();
  }

  private expire(late: () => void): void {
    if (this.settled) return;
    late();
    this.resolve();
  }
}
