import type { DiscoveryService } from '@nestjs/core';

import { RateMonitorConfigError } from '../model/config-error.js';
import { MONITOR } from '../monitor/rate-monitor.guard.js';
import { RATE_MONITOR_OPTIONS } from '../rate-monitor.module-definition.js';

/**
 * Two set-ups in one app would share its handlers, and each would count some of their requests: neither would know when a tenant is over.
 * A CommonJS and an ES module copy of this package are seen as well, since both keep their options under the same name.
 *
 * @throws RateMonitorConfigError if the app imports the module more than once.
 */
export function setUpOnce(discovery: DiscoveryService): void {
  const providers = discovery.getProviders();
  const times = providers.filter(({ token }) => token === RATE_MONITOR_OPTIONS).length;
  const bare = providers.filter(({ token, host }) => token === MONITOR && !host?.providers.has(RATE_MONITOR_OPTIONS));
  if (times === 1 && bare.length > 0) {
    const importing = providers.filter(({ host }) => bare.some((of) => of.host && host?.imports.has(of.host)));
    const names = [...new Set(importing.map(({ host }) => host?.name))].join(', ');
    throw new RateMonitorConfigError([
      `RateMonitorModule is imported without options by ${names}: remove it there. forRoot() in the root module makes it global`,
    ]);
  }
  if (times <= 1) return;
  throw new RateMonitorConfigError([
    `RateMonitorModule is set up ${times} times in this app: call forRoot() or forRootAsync() once, in the root module. It is global, so ` +
      'other modules need not import it; and import the package by `import` or by `require`, since a mixture brings two copies of it',
  ]);
}
