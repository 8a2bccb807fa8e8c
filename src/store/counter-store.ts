import type { SharedState } from './shared-state.js';
import type { UsageStore } from './usage-store.js';

/** Names one counter: a tenant in a category and a window. */
export interface CounterKey {
  /** Name of the category. */
  category: string;
  /** The tenant's id, at a bounded length. */
  tenant: string;
  /** `floor(now / windowMs)`, by the store's clock. */
  window: number;
  /** Length of the window in milliseconds. The store may forget a counter two windows after it first heard of it. */
  windowMs: number;
}

/** What one instance says is true of a counter. */
export interface OwnTotal extends CounterKey {
  /** The instance that says so: a name that no other process ever has. */
  instance: string;
  /** What this instance has counted, all of it: not what was added. It only ever grows. */
  total: number;
  /** Ascending counts: level n is reached by a sum above `levels[n - 1]`. */
  levels: readonly number[];
  /** The highest level this instance knows to have been announced, by whomever; 0 for none. */
  announced: number;
}

/** What the store knows of a counter after a publish. */
export interface Counted {
  /** The sum of all instances' totals. */
  count: number;
  /** The highest level that an instance has said to be announced. */
  announced: number;
  /** The level that the asking instance is to announce; 0 for none. Asked again, the answer is the same. */
  announce: number;
}

/** A total that was not taken. */
export interface Refused {
  /** Why, in the store's words. */
  refused: string;
  /** True where trying again is useless: the key holds something else, or may not be written. */
  forGood: boolean;
}

/** The answer to one published total. */
export type Published = Counted | Refused;

/**
 * Where counts live. Every write says what is true, never what to add, so a publish may be lost, repeated, late or out of order,
 * and the sum still comes out exact.
 */
export interface CounterStore {
  /** Names the store in the log: `memory`, `Redis 127.0.0.1:6379`. Never a password. */
  readonly name: string;
  /**
   * Takes the totals and decides, atomically for each, who announces a level that the sum went over. Idempotent. The answers come
   * in the order of `totals`; it may reject where none of them could be taken, and trying again may help.
   */
  publish(totals: readonly OwnTotal[]): Promise<Published[]>;
  /** The sum of all instances' totals; 0 where nothing is known. */
  read(key: CounterKey): Promise<number>;
  /** The store's clock, in milliseconds since the epoch. Absent where it is this process's own. */
  time?(): Promise<number>;
  /** Starts to connect; `ready` is called at every (re)connection. Absent where there is nothing to connect to. */
  open?(ready: () => void): void;
  /** Lets go of connections. */
  close?(): Promise<void>;
  /** Where incidents, mutes and the history are kept. Absent: in this process's memory, each replica for itself. */
  readonly state?: SharedState;
  /** Where usage is kept: live tops, history, totals. Absent: there is none. */
  readonly usage?: UsageStore;
}
