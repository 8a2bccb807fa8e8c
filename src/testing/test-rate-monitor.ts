import type { AlertChannel } from '../model/alert-channel.js';
import type { RateAlert } from '../model/rate-alert.js';
import { OPTIONS_OF_TEST, type OptionsOfTest } from '../rate-monitor.module-definition.js';
import { CLOCK } from '../counter/clock.js';
import { MemoryCounterStore } from '../store/memory/memory-counter-store.js';
import { MovableClock } from './movable-clock.js';

/** Long, because a request in a test waits until it is counted, and the machine may be slow. */
const WAIT_AT_MOST_MS = 10_000;

/** The part of `TestingModuleBuilder` from `@nestjs/testing` that is used. */
export interface OverridesProviders {
  /** See `TestingModuleBuilder` of `@nestjs/testing`. */
  overrideProvider(token: unknown): { useValue(value: unknown): unknown };
}

/** The monitor of an app under test. */
export interface TestedRateMonitor {
  /** The alerts so far, oldest first. Nothing is sent to the app's channels. */
  readonly alerts: readonly RateAlert[];
  /** The monitor's clock. It stands still, so a test stays in one window until it moves the clock. */
  readonly clock: MovableClock;
}

/**
 * Makes the monitor of an app testable: it counts in memory, keeps its alerts, and uses a clock that the test moves. Categories, thresholds
 * and tenants are those of the app. Regardless of options and environment, it is enabled, requests wait until they are counted, and
 * each window with a breach is one alert.
 *
 * @param builder - The result of `Test.createTestingModule()`, before `compile()`.
 *
 * @example
 * ```ts
 * const builder = Test.createTestingModule({ imports: [AppModule] });
 * const monitor = testRateMonitor(builder);
 * const app = (await builder.compile()).createNestApplication();
 * ```
 */
export function testRateMonitor(builder: OverridesProviders): TestedRateMonitor {
  const clock = new MovableClock();
  const alerts: RateAlert[] = [];
  const channel: AlertChannel = { name: 'captured', send: (alert) => void alerts.push(alert) };
  const options: OptionsOfTest = {
    enabled: true,
    counting: 'await',
    waitAtMostMs: WAIT_AT_MOST_MS,
    store: new MemoryCounterStore(() => clock.now()),
    channels: [channel],
    incidents: undefined,
  };
  builder.overrideProvider(CLOCK).useValue(clock);
  builder.overrideProvider(OPTIONS_OF_TEST).useValue(options);
  return { alerts, clock };
}
