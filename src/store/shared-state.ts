/** What nobody has touched for so long, 30 days, is of no more use: a key never outlives its app for ever. */
export const KEPT_FOR_MS = 30 * 24 * 60 * 60 * 1_000;

/**
 * What replicas share beside counts: small records, changed by one of them at a time, and logs of what happened. It lives where the
 * counts live, and calls reject while that is away.
 */
export interface SharedState {
  /** Every record of a kind, by id. */
  list(kind: string): Promise<Map<string, string>>;
  /** One record. */
  read(kind: string, id: string): Promise<string | undefined>;
  /** Puts `next` (undefined: nothing) where `expected` is (undefined: nothing), atomically; false where something else is there. */
  swap(kind: string, id: string, expected: string | undefined, next: string | undefined): Promise<boolean>;
  /** Adds entries to a log, which keeps the newest `most`. */
  append(log: string, entries: readonly string[], most: number): Promise<void>;
  /** A log, newest first. */
  newest(log: string): Promise<string[]>;
  /** True for the first to ask within `forMs`: work that one replica does for all. */
  claim(work: string, forMs: number): Promise<boolean>;
}
