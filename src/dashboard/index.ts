export {
  RateMonitorDashboardModule,
  type DashboardAuthorize,
  type DashboardIdentity,
  type RateMonitorDashboardOptions,
} from './dashboard.module.js';
export type * from './api.js';
