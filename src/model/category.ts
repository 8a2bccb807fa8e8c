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

/** A window that a category counts in, with all defaults applied. */
export interface CategoryWindow extends NamedWindow {
  /** The environment variable that sets its threshold; if several are possible, the one that takes effect. Empty without an environment. */
  readonly variable: string;
  readonly threshold: number | ThresholdResolver;
  /** Ascending. */
  readonly levels: readonly AlertLevel[];
  /** Length in milliseconds; for a calendar period the usual one: 24 hours for a day, 31 days for a month. */
  readonly windowMs: number;
  /** Returns the span that contains an instant; for a sliding window, its part. */
  readonly spanAt: (now: number) => WindowSpan;
  /** The zone of a calendar period. */
  readonly timeZone?: string;
  /** How many parts a sliding window is counted in; its count is the sum of the latest ones. */
  readonly parts?: number;
}

/** A category with all defaults applied. */
export interface Category {
  readonly name: string;
  /** At least one, in the order of the options. */
  readonly windows: readonly CategoryWindow[];
  /** The highest cost of one request; a higher one counts as this. */
  readonly maxCost: number;
  readonly tenant: TenantResolver;
  readonly contributor?: ContributorResolver | undefined;
  /** Tenants that are counted but never cause an alert. */
  readonly exempt?: ((tenant: Tenant) => boolean) | undefined;
}

/** What to write instead of a name that is no category. There may be none: an app can set `categories: {}`. */
export function insteadOfCategory(categories: Iterable<string>): string {
  const names = [...categories].join(', ');
  return names === '' ? 'it in categories, which is empty' : `one of ${names}, or add it to categories`;
}
