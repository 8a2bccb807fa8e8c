/** What one instance counted while it could not reach the store. */
export interface BlindInstance {
  /** A name that no other process has. */
  instance: string;
  host: string;
  pid: number;
  from: Date;
  to: Date;
  /** Requests, or their cost, that it counted meanwhile. */
  counted: number;
  /** Of those, what was never published: the windows were over before the store was back. */
  lost: number;
}

/** A time in which instances could not reach the store and alerted by what each counted itself. */
export interface BlindTime {
  from: Date;
  to: Date;
  /** Those that lost most first. */
  instances: BlindInstance[];
}
