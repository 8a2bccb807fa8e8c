/** What is measured. */
export type Figure =
  | 'requestsPerSecond'
  | 'p50Us'
  | 'p99Us'
  | 'appCpuUs'
  | 'redisCommandsPerSecond'
  | 'redisCommands'
  | 'redisCpuUs'
  | 'redisBytes'
  | 'addedCpuUs'
  | 'requestsRatio'
  | 'ns'
  | 'bytes'
  | 'heapBytes'
  | 'rssBytes'
  | 'importCpuMs'
  | 'importHeapKb'
  | 'importFiles';

/** Where and with what it was measured. */
export interface Machine {
  date: string;
  cpu: string;
  cores: number;
  memoryGb: number;
  os: string;
  placement: string;
  platform: string;
  settings: string;
  versions: Record<string, string | undefined>;
}

/** How an app is loaded. */
export interface Load {
  connections: number;
  tenants: number;
  /** Requests per second; as many as the app answers if it is not set. */
  rate?: number;
}

export interface Variant extends Partial<Load> {
  processes?: number;
}

/** A row has the figures of its suite; others are not there, so that what is calculated with them is NaN. */
export interface Row extends Record<Figure, number>, Load {
  contestant: string;
  /** The other endpoint's contestant in the same process. */
  sharedWith?: string;
  round: number;
  turn: number;
  processes: number;
}

/** What a run measured, by suite. A run with `--only` has only some of them. */
export interface Results {
  machine: Machine;
  requests?: Row[];
  seeing?: Row[];
  processes?: Row[];
  tenants?: Row[];
  rates?: Row[];
  windows?: Row[];
  beside?: Row[];
  added?: Row[];
  guard?: Row[];
  memory?: Row[];
  import?: Row[];
}

/** Tells how far a suite is. */
export type Tell = (what: string) => void;
