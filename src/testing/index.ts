export { testRateMonitor, type OverridesProviders, type TestedRateMonitor } from './test-rate-monitor.js';
export type { MovableClock } from './movable-clock.js';
