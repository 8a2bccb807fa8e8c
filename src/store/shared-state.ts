/** How long unchanged records are kept, in milliseconds: 30 days. Every key of a removed app expires. */
export const KEPT_FOR_MS = 30 * 24 * 60 * 60 * 1_000;

/** The outcome of a {@link SharedState.swap}. */
export type Swapped =
  | { readonly swapped: true }
  /** Somebody else was faster: what is there instead. */
  | { readonly swapped: false; readonly found: string | undefined };

/** The records that are due. */
export interface DueRecords {
  /** Ids, the one that is due for longest first. */
  readonly ids: readonly string[];
  /** Stays the same until the store loses the records of this kind, or when they are due: if it changes, replicas put them back. */
  readonly generation: string;
}

/** What version 0.1 of this package keeps in the store. */
export interface V01State {
  /** Whether one of its replicas has looked after incidents within the last 900 ms. */
  isAlive(): Promise<boolean>;
  /** Its open incidents or its mutes, by id. */
  list(kind: V01Kind): Promise<Map<string, string>>;
  /** Puts one there, whatever is there. */
  write(kind: V01Kind, id: string, text: string): Promise<void>;
  /** Removes one of them if it is still the one that `isIt` knows. */
  remove(kind: V01Kind, id: string, isIt: (text: string) => boolean): Promise<void>;
}

export type V01Kind = 'incidents' | 'mutes';

/**
 * What replicas share beside counts: small records that one of them changes at a time, and leases. It lives where the counts live, and its
 * calls reject while that is away.
 *
 * A record belongs to a kind and has an id, text of its own and, if wanted, a time when it is due. Kinds and ids are any text but an empty
 * one; a record is never empty text.
 */
export interface SharedState {
  /** The records of a kind by id, those first that were written first most recently; `most` of them, 1,000 if left out. */
  list(kind: string, most?: number): Promise<Map<string, string>>;
  /** Records in the order of `ids`; undefined for one that is not there. */
  read(kind: string, ids: readonly string[]): Promise<(string | undefined)[]>;
  /**
   * Puts `next` (undefined: nothing) where `expected` is (undefined: nothing), atomically.
   *
   * @param due - When it is to be looked after, in milliseconds since the epoch; undefined for never.
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
  /** Left out by a store that 0.1 never wrote to. */
  readonly v01?: V01State;
}
