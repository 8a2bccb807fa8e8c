import type { Cluster, Redis } from 'ioredis';

export const COUNTINGS = ['auto', 'await', 'background'] as const;
export type Counting = (typeof COUNTINGS)[number];

/** A store that something happens to. */
export interface Scene {
  /** A client as an app would give it to the module. */
  client(): Redis | Cluster;
  /** What reads the store past the fault. */
  readonly reader: Redis | Cluster;
  inject(): Promise<unknown> | void;
  recover(): Promise<unknown> | void;
  stop(): Promise<void>;
}

/** A fault and its expected effects, besides the promises that hold for every fault. */
export interface Fault {
  readonly name: string;
  start(): Promise<Scene>;
  /** From the fault to its end, in milliseconds. */
  readonly lastsMs: number;
  /** The modes in which each instance logs once that the store is away and once that it is back; in others it logs nothing. */
  readonly saidIn: readonly Counting[];
  /** Whether an instance alerts on its own total: the store is away for long enough, or never; left open where that varies. */
  readonly alone?: boolean;
  /** Why the store is said to be gone, where that is plain to see. */
  readonly reason?: RegExp;
  /** Tenants whose counter the store will never take. */
  readonly lost?: readonly string[];
}
