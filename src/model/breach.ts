import type { Route } from './route.js';
import type { Tenant } from './tenant.js';

/** A tenant's count went over a level, and this instance is the one to say so. */
export interface Breach {
  category: string;
  tenant: Tenant;
  count: number;
  threshold: number;
  /** 1 for the category's first level. */
  level: number;
  /** Milliseconds since the epoch. */
  windowStart: number;
  windowMs: number;
  route: Route | undefined;
  /** `instance`: the store was away, and this instance judged by what it counted itself. */
  countedBy: 'all' | 'instance';
}
