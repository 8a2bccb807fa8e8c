import type { Counted, CounterKey, CounterStore, OwnTotal, Published } from '../../src/store/counter-store.js';
import type { World } from './world.js';
import type { Instance } from './instance.js';

/** As the publisher has it. */
const GIVE_UP_AFTER_MS = 1_000;

/** One publish on its way, to be taken, answered and lost as the commands have it. */
export interface Call {
  readonly by: Instance;
  readonly totals: readonly OwnTotal[];
  /** The time that it was sent with, and the time in the world. */
  readonly now: number;
  readonly sentAt: number;
  answer(answers: Published[]): void;
  fail(): void;
}

/** An instance's connection to the store: everything on it waits for a command to say what becomes of it. */
export class Link implements CounterStore {
  readonly name = 'store';
  connected = true;
  call: Call | undefined;
  owner!: Instance;
  private ready: (() => void) | undefined;

  constructor(private readonly world: World) {}

  open(ready: () => void): void {
    this.ready = ready;
    ready();
  }

  publish(totals: readonly OwnTotal[], now: number): Promise<Published[]> {
    if (!this.connected) return Promise.reject(new Error('not connected'));
    return new Promise((answer, reject) => {
      const { owner: by } = this;
      const call: Call = {
        by,
        totals,
        now,
        sentAt: this.world.now,
        answer,
        fail: () => reject(new Error('connection lost')),
      };
      this.call = call;
      this.world.calls.push(call);
    });
  }

  read(keys: readonly CounterKey[]): Promise<number[]> {
    return this.connected ? this.world.store.read(keys) : Promise.reject(new Error('not connected'));
  }

  time(): Promise<number> {
    return this.connected ? Promise.resolve(this.world.now) : Promise.reject(new Error('not connected'));
  }

  /** What is on its way arrives, and the answer does too, where it is to. */
  async deliver(answered: boolean): Promise<void> {
    const { call } = this;
    if (!call) return;
    this.call = undefined;
    const answers = await this.world.take(call);
    // A jump of time fires no timers: a reply that comes too late for its publisher is not heard.
    const isInTime = this.world.now - call.sentAt < GIVE_UP_AFTER_MS;
    if (answered && isInTime) call.answer(answers satisfies Counted[]);
    else call.fail();
  }

  lose(): void {
    this.call?.fail();
    this.call = undefined;
  }

  cut(): void {
    this.connected = false;
    this.lose();
  }

  connect(): void {
    if (this.connected) return;
    this.connected = true;
    this.ready?.();
  }
}
