/** How much work waits for a value at most. */
const MAX_WAITING = 10_000;

/**
 * A value that exists once the app has started: options may come from other providers, so the object graph is built then and not while
 * Nest makes its providers. Exported services hold one of these instead of placeholders that are replaced later.
 *
 * Its state is behind a function: `util.inspect` of a service shows no options and no Redis password, and it works behind a proxy, which an
 * app may put around each instance that Nest makes (`instrument`). Private fields of the language do not.
 */
export class Deferred<T> {
  private readonly state: () => State<T>;

  constructor() {
    const state: State<T> = { value: undefined, waiting: [] };
    this.state = () => state;
  }

  /** Undefined before the app has started, and for good if the module is disabled. */
  get value(): T | undefined {
    return this.state().value;
  }

  set(value: T): void {
    const state = this.state();
    const { waiting = [] } = state;
    Object.assign(state, { value, waiting: undefined });
    for (const work of waiting) work(value);
  }

  /** Nothing will come: what waits is dropped, and so is all later work. */
  never(): void {
    this.state().waiting = undefined;
  }

  /**
   * Does `work` now, or as soon as there is a value.
   *
   * @returns false if the work is dropped: too much waits already, or nothing will come.
   */
  whenSet(work: (value: T) => void): boolean {
    const { value, waiting } = this.state();
    if (value !== undefined) work(value);
    else if (waiting && waiting.length < MAX_WAITING) waiting.push(work);
    else return false;
    return true;
  }
}

interface State<T> {
  value: T | undefined;
  waiting: ((value: T) => void)[] | undefined;
}
