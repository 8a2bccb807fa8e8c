/** One window of time that a category counts in. */
export interface WindowSpan {
  /** Names the window among all of its category: the same key always stands for the same span. */
  readonly key: string;
  /** Milliseconds since the epoch, by the store's clock. */
  readonly start: number;
  /** When the next window begins. */
  readonly end: number;
}
