/** What a threshold is for. */
export interface ThresholdScope {
  /** A configured category. */
  category: string;
  /**
   * Id of a tenant, or what ids begin with and a `*`: `premium_*`. The longest match wins, an id over any beginning.
   * @defaultValue every tenant
   */
  tenant?: string | undefined;
  /**
   * Name of the category's window: `minute`, `day`. Required if the category has several.
   * @defaultValue the only window
   */
  window?: string | undefined;
}

/** What {@link ThresholdService.set} takes. */
export interface SetThresholdOptions extends ThresholdScope {
  /** The count per window that may not be exceeded from now on: a whole number, 0 or more, or `Infinity` for no alerts. */
  threshold: number;
  /**
   * When it ends.
   * @defaultValue never
   */
  until?: Date | undefined;
  /** Why, for those who look at it later. Not empty. */
  reason: string;
  /** Who sets it. Not empty. */
  by: string;
}

/** What {@link ThresholdService.remove} takes. */
export interface RemoveThresholdOptions extends ThresholdScope {
  /** Why, for those who look at it later. Not empty. */
  reason: string;
  /** Who removes it. Not empty. */
  by: string;
}

/** A threshold that was set while the app runs, and holds. */
export interface ThresholdOverride extends SetThresholdOptions {
  /** When it was set. */
  since: Date;
}

/** One change of a threshold that was set or removed while the app runs. */
export interface ThresholdChange extends ThresholdScope {
  /** When it was changed. */
  at: Date;
  /** Who changed it. */
  by: string;
  /** Why, as given. */
  reason: string;
  /** What was set before; absent if nothing was. */
  from?: number;
  /** What is set now; absent if it was removed. */
  to?: number;
  /** When what is set ends; absent if it stays until it is removed. */
  until?: Date;
}
