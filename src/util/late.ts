/** How much work waits for a value at most. */
const MAX_WAITING = 10_000;

/**
 * A value that exists once the app has started: options may come from other providers, so the object graph is built then and not while
 * Nest makes its providers. Exported services hold one of these instead of placeholders that are replaced later.
 */
export class Late<T> {
  private present: T | undefined;
  private waiting: ((value: T) => void)[] = [];

  /** Undefined before the app has started, and for good if the module is disabled. */
  get value(): T | undefined {
    return this.present;
  }

  set(value: T): void {
    this.present = value;
    const { waiting } = this;
    this.waiting = [];
    for (const work of waiting) work(value);
  }

  /** Nothing will come: what waits is dropped. */
  never(): void {
    this.waiting = [];
  }

  /**
   * Does `work` now, or as soon as there is a value.
   *
   * @returns false if too much waits already: the work is dropped.
   */
  whenSet(work: (value: T) => void): boolean {
    if (this.present !== undefined) work(this.present);
    else if (this.waiting.length < MAX_WAITING) this.waiting.push(work);
    else return false;
    return true;
  }
}
