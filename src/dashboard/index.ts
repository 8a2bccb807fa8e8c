export { RateMonitorDashboardModule, type RateMonitorDashboardOptions } from './dashboard.module.js';
export type { DashboardAuthorize, DashboardIdentity } from './dashboard.guard.js';
