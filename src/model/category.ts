import type { ExecutionContext } from '@nestjs/common';

import type { AlertLevel } from './level.js';
import type { Tenant, TenantResolver } from './tenant.js';
import type { WindowSpan } from './window.js';
import type { NamedWindow } from './window-name.js';

/** Returns the threshold of a tenant, 0 or more. The result is cached for `thresholdTtlMs`. If it throws, the last good result applies and it is called again. */
export type ThresholdResolver = (tenant: Tenant) => number | Promise<number>;

/** Returns who within a tenant made a request; `undefined` if unknown. It must be synchronous. */
export type ContributorResolver = (context: ExecutionContext) => string | number | undefined;

/** The calendar periods that a budget may be for; weeks begin on Monday. */
export const PERIODS = ['day', 'week', 'month'] as const;

/** A calendar period. */
export type Period = (typeof PERIODS)[number];

/** One of the windows that a category counts in, with nothing left open. */
export interface CategoryWindow extends NamedWindow {
  /** The environment variable that sets its threshold; of several, the one that is set and wins. Empty without an environment. */
  readonly variable: string;
  readonly threshold: number | ThresholdResolver;
  /** Ascending. */
  readonly levels: readonly AlertLevel[];
  /** Length in milliseconds; of a calendar period the length of most: a day has 24 hours, a month 31 days. */
  readonly windowMs: number;
  /** The window, or the part of a sliding one, that holds an instant. */
  readonly spanAt: (now: number) => WindowSpan;
  /** The zone of a calendar period. */
  readonly timeZone?: string;
  /** How many parts a sliding window is counted in: it is the sum of the last ones. */
  readonly parts?: number;
}

/** A category with nothing left open. */
export interface Category {
  readonly name: string;
  /** At least one, in the order of the options. */
  readonly windows: readonly CategoryWindow[];
  /** What costs more counts as this much. */
  readonly maxCost: number;
  /** Of the first window. */
  readonly threshold: number | ThresholdResolver;
  /** Of the first window. */
  readonly windowMs: number;
  /** Of the first window, ascending. */
  readonly levels: readonly AlertLevel[];
  readonly tenant: TenantResolver;
  readonly contributor?: ContributorResolver | undefined;
  /** Tenants that are counted and never alerted on. */
  readonly exempt?: ((tenant: Tenant) => boolean) | undefined;
}
