/** What one instance counted while it could not reach the store. */
export interface BlindInstance {
  /** A name that no other process has. */
  instance: string;
  /** Name of the machine or container. */
  host: string;
  /** Id of the process. */
  pid: number;
  /** When the store was first out of reach. */
  from: Date;
  /** When it was back. */
  to: Date;
  /** Requests, or their cost, that it counted meanwhile. */
  counted: number;
  /** Of those, what was never published: the windows were over before the store was back. */
  lost: number;
}

/** A time in which instances could not reach the store and alerted by what each counted itself. */
export interface BlindTime {
  /** When the first instance lost the store. */
  from: Date;
  /** When the last one had it back. */
  to: Date;
  /** Those that lost most first. */
  instances: BlindInstance[];
}
