import type { DiscoveryService } from '@nestjs/core';

import { RateMonitorConfigError } from '../model/config-error.js';
import { MONITOR } from '../monitor/rate-monitor.guard.js';
import type { RateMonitorOptions } from '../options/rate-monitor-options.js';
import { optionsIn, RATE_MONITOR_OPTIONS } from '../rate-monitor.module-definition.js';

/**
 * The app's options. Looked up, not injected: options from a request-scoped provider would make every class of this module request-scoped, and
 * then it would do nothing.
 *
 * If an app set the module up twice, each set-up would count only some requests, and neither would know when a tenant is over. This also
 * finds a set-up in a CommonJS or ES module copy of this package, because both keep their options under the same name.
 *
 * @throws RateMonitorConfigError if the app imports the module without options or more than once, or if its options are request-scoped.
 */
export function findOptions(discovery: DiscoveryService): RateMonitorOptions {
  const providers = discovery.getProviders();
  const [options, ...more] = providers.filter(({ token }) => token === RATE_MONITOR_OPTIONS);
  if (!options)
    throw new RateMonitorConfigError([
      'RateMonitorModule is imported without options: write RateMonitorModule.forRoot(), or forRootAsync(), in the imports of the root module',
    ]);
  if (more.length > 0)
    throw new RateMonitorConfigError([
      `RateMonitorModule is set up ${more.length + 1} times in this app: call forRoot() or forRootAsync() once, in the root module. It is global, so ` +
        'other modules need not import it. Load the package either by `import` or by `require`: mixing them loads two copies',
    ]);
  const bare = providers.filter(({ token, host }) => token === MONITOR && !host?.providers.has(RATE_MONITOR_OPTIONS));
  if (bare.length > 0) {
    const importing = providers.filter(({ host }) => bare.some((of) => of.host && host?.imports.has(of.host)));
    const names = [...new Set(importing.map(({ host }) => host?.name))].join(', ');
    throw new RateMonitorConfigError([
      `RateMonitorModule is imported without options by ${names}: remove it there. forRoot() in the root module makes it global`,
    ]);
  }
  if (!options.isDependencyTreeStatic())
    throw new RateMonitorConfigError([
      'forRootAsync() takes its options from a request-scoped provider, and there is no request when the app starts: inject providers of the default scope only',
    ]);
  return optionsIn(options.instance);
}
