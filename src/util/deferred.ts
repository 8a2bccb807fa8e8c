import { AsyncResource } from 'node:async_hooks';

/** The most work items that may wait for the value. */
const MAX_WAITING = 10_000;

/**
 * A value that is available once the app has started. Options may depend on other providers, so the object graph is built at startup, not
 * while Nest creates its providers. Exported services hold one of these instead of placeholders.
 *
 * The state is in a closure, so that `util.inspect` of a service shows no options and no Redis password. Unlike `#private` fields, a
 * closure also works behind a proxy, which an app may put around each instance that Nest creates (`instrument`).
 */
export class Deferred<T> {
  private readonly state: () => State<T>;

  constructor() {
    const state: State<T> = { value: undefined, waiting: [], dropped: 0 };
    this.state = () => state;
  }

  /** Undefined until the app has started; always undefined if the module is disabled. */
  get value(): T | undefined {
    return this.state().value;
  }

  /** How much work was dropped because too much was waiting. */
  get dropped(): number {
    return this.state().dropped;
  }

  set(value: T): void {
    const state = this.state();
    const { waiting = [] } = state;
    Object.assign(state, { value, waiting: undefined });
    for (const work of waiting) work(value);
  }

  /** There will be no value: drops the waiting work and all later work. */
  never(): void {
    this.state().waiting = undefined;
  }

  /**
   * Runs `work` now, or as soon as there is a value: then with the AsyncLocalStorage of the caller, where an app may keep the tenant. Drops it
   * if too much is waiting or there will be no value.
   */
  whenSet(work: (value: T) => void): void {
    const state = this.state();
    const { value, waiting } = state;
    if (value !== undefined) work(value);
    else if (waiting && waiting.length < MAX_WAITING) waiting.push(AsyncResource.bind(work));
    else if (waiting) state.dropped++;
  }
}

interface State<T> {
  value: T | undefined;
  waiting: ((value: T) => void)[] | undefined;
  dropped: number;
}
