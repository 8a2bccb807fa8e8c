/** Identifies a threshold: its category, and optionally its tenant and window. */
export interface ThresholdScope {
  /** A configured category. */
  category: string;
  /**
   * Id of a tenant, or a prefix of ids followed by `*`: `premium_*`. An exact id wins over a prefix, a longer prefix over a shorter one.
   * Leave it out for all; `undefined` is a `TypeError`, because an id that was not loaded must not change everybody's threshold.
   * @defaultValue every tenant
   */
  tenant?: string | undefined;
  /**
   * Name of the category's window: `minute`, `day`. Required if the category has several.
   * @defaultValue the only window
   */
  window?: string | undefined;
}

/** Options of {@link ThresholdService.set}. */
export interface SetThresholdOptions extends ThresholdScope {
  /** The count per window that may not be exceeded from now on: a whole number, 0 or more, or `Infinity` for no alerts. */
  threshold: number;
  /**
   * When it ends.
   * @defaultValue never
   */
  until?: Date | undefined;
  /** The reason, for people who look it up later. Not empty. */
  reason: string;
  /** Who sets it. Not empty. */
  by: string;
}

/** Options of {@link ThresholdService.remove}. */
export interface RemoveThresholdOptions extends ThresholdScope {
  /** The reason, for people who look it up later. Not empty. */
  reason: string;
  /** Who removes it. Not empty. */
  by: string;
}

/** A threshold that was set at run time and applies now. */
export interface ThresholdOverride extends SetThresholdOptions {
  /** When it was set. */
  since: Date;
}

/** One change of a threshold at run time. */
export interface ThresholdChange extends ThresholdScope {
  /** When it was changed. */
  at: Date;
  /** Who changed it. */
  by: string;
  /** Why, as given. */
  reason: string;
  /** The threshold that was set before; absent if none was. */
  from?: number;
  /** The threshold that is set now; absent if it was removed. */
  to?: number;
  /** When it ends; absent if it stays until it is removed. */
  until?: Date;
}
