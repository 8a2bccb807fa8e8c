import { Module, type DynamicModule } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule } from '@nestjs/core';

import { ALERTS, AlertService } from './facade/alert.service.js';
import { CLOCK, PROCESS_CLOCK } from './counter/clock.js';
import { COUNTER, RateCounterService } from './facade/rate-counter.service.js';
import { DIGESTS } from './notices/digests.js';
import { MarkedHandlers } from './monitor/marked-handlers.js';
import type { RateMonitorOptions } from './options/rate-monitor-options.js';
import { RateMonitorBoot } from './boot/rate-monitor.boot.js';
import {
  checkSource,
  ConfigurableModuleClass,
  OPTIONS_OF_TEST,
  optionsIn,
  optionsOfClass,
  RATE_MONITOR_OPTIONS,
} from './rate-monitor.module-definition.js';
import { MONITOR, UnboundHandlersGuard } from './monitor/rate-monitor.guard.js';
import { RateMonitorService } from './facade/rate-monitor.service.js';
import { MONITOR_VIEW } from './facade/monitor-view.js';
import { OVERRIDES, ThresholdService } from './facade/threshold.service.js';
import { USAGE, UsageService } from './facade/usage.service.js';
import { Deferred } from './util/deferred.js';

/** Built at boot from complete options; the exported services delegate to these. */
const BUILT_AT_BOOT = [COUNTER, ALERTS, MONITOR, OVERRIDES, USAGE, DIGESTS, MONITOR_VIEW];

/** The module. Import it once, in the root module: it is global and monitors every handler marked with `@MonitorRate`. */
@Module({
  imports: [DiscoveryModule],
  providers: [
    { provide: CLOCK, useValue: PROCESS_CLOCK },
    { provide: OPTIONS_OF_TEST, useValue: {} },
    MarkedHandlers,
    ...BUILT_AT_BOOT.map((provide) => ({ provide, useFactory: () => new Deferred() })),
    RateCounterService,
    AlertService,
    RateMonitorService,
    UsageService,
    ThresholdService,
    { provide: APP_GUARD, useClass: UnboundHandlersGuard },
    RateMonitorBoot,
  ],
  exports: [
    RateCounterService,
    AlertService,
    RateMonitorService,
    ThresholdService,
    UsageService,
    MONITOR_VIEW,
    MONITOR,
  ],
})
export class RateMonitorModule extends ConfigurableModuleClass {
  /**
   * Sets the module up. All options have defaults.
   *
   * A wrong option stops the boot with a {@link RateMonitorConfigError}.
   */
  static override forRoot(options: RateMonitorOptions = {}): DynamicModule {
    return { ...super.forRoot(optionsIn(options)), global: true };
  }

  /**
   * Sets the module up with options from a factory, a class or an existing provider.
   *
   * @throws RateMonitorConfigError if none or several of the three are given, or the one cannot give options.
   */
  static override forRootAsync(options: Parameters<typeof ConfigurableModuleClass.forRootAsync>[0]): DynamicModule {
    checkSource(options);
    const definition = super.forRootAsync(options);
    // Nest's own error about a class without the method does not name it.
    const providers = definition.providers?.map((provider) =>
      'useFactory' in provider && provider.provide === RATE_MONITOR_OPTIONS && !options.useFactory
        ? { ...provider, useFactory: optionsOfClass }
        : provider,
    );
    return { ...definition, providers, global: true };
  }
}
