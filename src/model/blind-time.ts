/** What one instance counted while it could not reach the store. */
export interface BlindInstance {
  /** Unique name of the instance. */
  instance: string;
  /** Name of the machine or container. */
  host: string;
  /** Id of the process. */
  pid: number;
  /** When the store was first unreachable. */
  from: Date;
  /** When it was reachable again. */
  to: Date;
  /** Requests, or their cost, that the instance counted in that time. */
  counted: number;
  /** How many of those were never published, because their windows expired before the store was back. */
  lost: number;
}

/** A time in which instances could not reach the store, so each alerted on its own counts. */
export interface BlindTime {
  /** When the first instance lost the store. */
  from: Date;
  /** When the last instance reached it again. */
  to: Date;
  /** One entry per instance, the one that lost most first. */
  instances: BlindInstance[];
}
