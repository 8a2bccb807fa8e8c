/** How much work waits for a value at most. */
const MAX_WAITING = 10_000;

/**
 * A value that exists once the app has started: options may come from other providers, so the object graph is built then and not while
 * Nest makes its providers. Exported services hold one of these instead of placeholders that are replaced later.
 *
 * Its fields are private to the language, not only to the compiler: `util.inspect` of a service shows no options and no Redis password.
 */
export class Deferred<T> {
  #value: T | undefined;
  #waiting: ((value: T) => void)[] | undefined = [];

  /** Undefined before the app has started, and for good if the module is disabled. */
  get value(): T | undefined {
    return this.#value;
  }

  set(value: T): void {
    const waiting = this.#waiting ?? [];
    this.#value = value;
    this.#waiting = undefined;
    for (const work of waiting) work(value);
  }

  /** Nothing will come: what waits is dropped, and so is all later work. */
  never(): void {
    this.#waiting = undefined;
  }

  /**
   * Does `work` now, or as soon as there is a value.
   *
   * @returns false if the work is dropped: too much waits already, or nothing will come.
   */
  whenSet(work: (value: T) => void): boolean {
    if (this.#value !== undefined) work(this.#value);
    else if (this.#waiting && this.#waiting.length < MAX_WAITING) this.#waiting.push(work);
    else return false;
    return true;
  }
}
