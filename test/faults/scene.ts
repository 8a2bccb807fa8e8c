import type { Cluster, Redis } from 'ioredis';

export const COUNTINGS = ['auto', 'await', 'background'] as const;
export type Counting = (typeof COUNTINGS)[number];

/** A store that something happens to. */
export interface Scene {
  /** A client as an app would give it to the module. */
  client(): Redis | Cluster;
  /** What reads the store past the fault. */
  readonly reader: Redis | Cluster;
  strike(): Promise<unknown> | void;
  mend(): Promise<unknown> | void;
  stop(): Promise<void>;
}

/** A fault, and what is to be seen of it beside what no fault may do. */
export interface Fault {
  readonly name: string;
  start(): Promise<Scene>;
  /** From the strike to the mending. */
  readonly lastsMs: number;
  /** In which modes each instance says once that the store goes and once that it is back; in the others, nothing. */
  readonly saidIn: readonly Counting[];
  /** Whether an instance alerts on its own total: the store is away for long enough, or never; left open where that varies. */
  readonly alone?: boolean;
  /** Why the store is said to be gone, where that is plain to see. */
  readonly reason?: RegExp;
  /** Tenants whose counter the store will never take. */
  readonly lost?: readonly string[];
}
