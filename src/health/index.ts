export {
  RateMonitorHealthIndicator,
  type RateMonitorHealth,
  type RateMonitorHealthOptions,
} from './rate-monitor-health.indicator.js';
