import type { AlertLevel } from './level.js';
import type { Tenant, TenantResolver } from './tenant.js';

/** A threshold that differs by tenant: asked once per tenant and window. One that throws leaves that window without alerts for it. */
export type ThresholdResolver = (tenant: Tenant) => number | Promise<number>;

/** A category with nothing left open. */
export interface Category {
  readonly name: string;
  readonly threshold: number | ThresholdResolver;
  readonly windowMs: number;
  /** Ascending. */
  readonly levels: readonly AlertLevel[];
  readonly tenant: TenantResolver;
}
