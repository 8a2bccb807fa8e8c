import type { Levels } from '../model/level.js';
import type { WindowSpan } from '../model/window.js';
import type { SharedState } from './shared-state.js';
import type { UsageStore } from './usage-store.js';

/** Identifies one counter: a tenant in a window of a category. */
export interface CounterKey {
  /** Name of the category. */
  readonly category: string;
  /** The tenant's id, at a bounded length. */
  readonly tenant: string;
  /** The span that is counted, in milliseconds since the epoch. */
  readonly window: WindowSpan;
}

/** What one instance knows about a counter. */
export interface OwnTotal extends CounterKey {
  /** The instance's name: no other total of this counter is ever published under it. */
  readonly instance: string;
  /** Everything that this instance has counted, not an increment. It only ever grows. */
  readonly total: number;
  /** The highest total that this instance sent before, whether or not it arrived; 0 for the first. */
  readonly sent: number;
  /** The count of the other instances as known here; a store that has lost the counter starts with it. */
  readonly others: number;
  /** The levels that the count is compared with. */
  readonly levels: Levels;
  /** The highest level that this instance knows to have been announced, by anyone, as its `at`; 0 for none. */
  readonly announced: number;
  /** For a sliding window, the spans before `window` whose counts are added to it, newest first. */
  readonly earlier?: readonly WindowSpan[] | undefined;
  /** How long the store keeps the counter after its first write, in milliseconds. */
  readonly keepMs: number;
}

/** What the store knows about a counter after a publish. */
export interface Counted {
  /** The sum of all instances' totals; for a sliding window, without its earlier spans. */
  count: number;
  /** For a sliding window, the sum of its earlier spans. */
  earlier?: number | undefined;
  /** The highest level of `levels` that is announced, as its `at`; 0 for none. A level above all of them counts as the highest. */
  announced: number;
  /**
   * The level that the publishing instance must announce, as its `at`; 0 for none. Another publish gets the same answer until an instance
   * confirms the announcement. If none does within 5 s, the next instance that publishes gets it.
   */
  announce: number;
  /** The store no longer had what this instance had sent, because it was evicted or all data was lost. */
  lost?: boolean | undefined;
  /** The level to announce was given to another instance before, which did not confirm it in time. */
  takenOver?: boolean | undefined;
}

/** A total that the store did not take. */
export interface Refused {
  /** The store's reason. */
  refused: string;
  /** True if only this counter is affected: others continue, and it is retried later. False if the store cannot be reached. */
  ofKey: boolean;
}

/** The answer to one published total. */
export type Published = Counted | Refused;

/** The reason given for commands in flight when a connection ended; why it ended may be known a moment later. */
export const CONNECTION_LOST = 'the connection was lost';

/** How a refusal begins if the answer makes no sense. */
export const ODD_ANSWER = 'odd answer:';

/** Whether a number can be a count, or a level. Fractions may leave a sum a little below 0. */
export function isCount(value: number): boolean {
  return Number.isFinite(value) && value > -1;
}

/** How long an instance may take to confirm that it has announced a level, in milliseconds. After that, another one gets it. */
export const LEVEL_LEASE_MS = 5_000;

/**
 * Stores counts. Every write states what is true, never what to add, so a publish may be lost, repeated, late or out of order, and the sum
 * is still exact.
 */
export interface CounterStore {
  /** Name of the store in the log, without a password: `memory`, `Redis 127.0.0.1:6379`. */
  readonly name: string;
  /**
   * Stores the totals and decides, atomically for each, who announces a level that the sum has exceeded. Idempotent. Answers are in the
   * order of `totals`. Rejects if none could be stored and a retry may help.
   *
   * @param now - The time by the store's clock, in milliseconds since the epoch.
   */
  publish(totals: readonly OwnTotal[], now: number): Promise<Published[]>;
  /** The sums of all instances' totals, in the order of `keys`; 0 if nothing is known. */
  read(keys: readonly CounterKey[]): Promise<number[]>;
  /**
   * The store's clock, in milliseconds (not seconds) since the epoch. Absent if the store uses this process's clock. Asked once a second
   * while there is nothing to publish: once it has answered, a rejection means that the store is away.
   */
  time?(): Promise<number>;
  /** Starts to connect; `ready` is called at every (re)connection. Absent if there is nothing to connect to. */
  open?(ready: () => void): void;
  /** Closes connections. */
  close?(): Promise<void>;
  /** Stores incidents, mutes, thresholds and the history. If absent, each replica keeps its own in memory. */
  readonly state?: SharedState | undefined;
  /** Stores usage: the busiest tenants, history, totals. If absent, there is no usage. */
  readonly usage?: UsageStore | undefined;
}
