import { ConfigurableModuleBuilder } from '@nestjs/common';

import type { RateMonitorOptions } from './options/rate-monitor-options.js';

/** By a global name, so that two copies of this package mean the same. */
const OPTIONS_TOKEN = Symbol.for('nestjs-rate-monitor:options');

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN: RATE_MONITOR_OPTIONS } =
  new ConfigurableModuleBuilder<RateMonitorOptions>({
    optionsInjectionToken: OPTIONS_TOKEN,
  })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createRateMonitorOptions')
    .build();
