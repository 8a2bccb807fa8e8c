/** How long unchanged records are kept, in milliseconds: 30 days. Every key of a removed app expires. */
export const KEPT_FOR_MS = 30 * 24 * 60 * 60 * 1_000;

/** The outcome of a {@link SharedState.swap}. */
export type Swapped =
  | { readonly swapped: true }
  /** Another replica was faster, and wrote `found`. */
  | { readonly swapped: false; readonly found: string | undefined };

/** The records that are due. */
export interface DueRecords {
  /** Ids, the longest overdue first. */
  readonly ids: readonly string[];
  /** Changes if the store loses the records of this kind or their due times; replicas then restore them. */
  readonly generation: string;
  /** This call began the generation: no replica has restored yet what was lost before. */
  readonly isNew?: true;
}

/** What version 0.1 of this package keeps in the store. */
export interface V01State {
  /** Whether one of its replicas has checked incidents within the last 900 ms. */
  isAlive(): Promise<boolean>;
  /** Its open incidents or its mutes, by id. */
  list(kind: V01Kind): Promise<Map<string, string>>;
  /** Writes one, replacing any with that id. */
  write(kind: V01Kind, id: string, text: string): Promise<void>;
  /** Removes one of them if `isIt` still recognizes its text. */
  remove(kind: V01Kind, id: string, isIt: (text: string) => boolean): Promise<void>;
}

type V01Kind = 'incidents' | 'mutes';

/**
 * What replicas share besides counts: leases, and small records that one replica changes at a time. It is kept where the counts are, and
 * its calls reject while that store is away.
 *
 * A record belongs to a kind and has an id, a text and, optionally, a due time. Kinds and ids can be any text except an empty one; a
 * record's text is never empty either.
 */
export interface SharedState {
  /** The records of a kind by id, the most recently created first; at most `most`, 1,000 by default. */
  list(kind: string, most?: number): Promise<Map<string, string>>;
  /** Records in the order of `ids`; undefined for a missing one. */
  read(kind: string, ids: readonly string[]): Promise<(string | undefined)[]>;
  /**
   * Atomically replaces `expected` with `next`; undefined stands for no record.
   *
   * @param due - When the record is due, in milliseconds since the epoch; undefined for never.
   */
  swap(
    kind: string,
    id: string,
    expected: string | undefined,
    next: string | undefined,
    due?: number,
  ): Promise<Swapped>;
  /** Up to `most` records that are due at `until`: only what is due is read, however many records there are. */
  due(kind: string, until: number, most: number): Promise<DueRecords>;
  /** How many records of a kind there are. */
  size(kind: string): Promise<number>;
  /** Removes all records of a kind but the `most` newest. */
  trim(kind: string, most: number): Promise<void>;
  /** Takes or extends a lease: true unless another replica holds it. It ends after `forMs` unless extended. */
  claim(lease: string, owner: string, forMs: number): Promise<boolean>;
  /** Ends a lease before its time, if `owner` holds it. */
  release(lease: string, owner: string): Promise<void>;
  /** Absent in a store that 0.1 never wrote to. */
  readonly v01?: V01State;
}
