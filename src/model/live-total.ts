import type { WindowSpan } from './window.js';

/** A tenant in a live window, as this instance knows it. */
export interface LiveTotal {
  readonly category: string;
  readonly window: string;
  readonly span: WindowSpan;
  /** The tenant's id at a bounded length. */
  readonly tenant: string;
  /** The count of all instances as known here; for a sliding window, over all its parts. */
  readonly known: number;
  /** Undefined while it is not known; `Infinity` for an exempt tenant. */
  readonly threshold: number | undefined;
}

/** A live total that has changed. */
export interface ChangedTotal extends LiveTotal {
  /** The tenant's name. */
  readonly name: string | undefined;
  /** What this instance has counted since its last report of this total. */
  readonly more: number;
  /** Whether this is its first report. */
  readonly isNew: boolean;
}
