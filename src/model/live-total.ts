import type { WindowSpan } from './window.js';

/** A tenant in a live window, as this instance knows it. */
export interface LiveTotal {
  readonly category: string;
  readonly window: string;
  readonly span: WindowSpan;
  /** The tenant's id at a bounded length. */
  readonly tenant: string;
  /** Count of all instances as known here; of a sliding window, in all its parts. */
  readonly known: number;
  /** Undefined while it is not known; `Infinity` for one that is exempt. */
  readonly threshold: number | undefined;
}

/** One whose count has changed. */
export interface ChangedTotal extends LiveTotal {
  /** What the tenant is called. */
  readonly name: string | undefined;
  /** What this instance counted since it was last given. */
  readonly more: number;
  /** Whether nothing that it counted was given before. */
  readonly isNew: boolean;
}
