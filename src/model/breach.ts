import type { AlertLevel } from './level.js';
import type { Route } from './route.js';
import type { Tenant } from './tenant.js';

/** A tenant's count went over a level, and this instance is the one to alert. */
export interface Breach {
  readonly category: string;
  /** Name of the category's window; empty if the category has one window only. */
  readonly window: string;
  readonly tenant: Tenant;
  /** The count when the breach was noticed: above the level, not always by one. */
  readonly count: number;
  /** How much of it this instance counted itself; absent if the app raised the breach. */
  readonly own?: number;
  readonly threshold: number;
  readonly level: AlertLevel;
  /** When the window began, in milliseconds since the epoch by the store's clock. */
  readonly windowStart: number;
  /** When the window ends. */
  readonly windowEnd: number;
  /** Absent if it was counted outside a request. */
  readonly route?: Route | undefined;
  /** The contributors to the count that were known then, largest first; `other` is the rest. */
  readonly contributors?: readonly { readonly label: string; readonly count: number }[];
  /** `instance`: the store was away, and this instance counted alone. */
  readonly countedBy: 'all' | 'instance';
}
