import { optionsOf } from './isolated-class-validator.js';
import {
  CategoryShape,
  ChannelShape,
  IncidentsShape,
  LevelShape,
  MetricsShape,
  OptionsShape,
  UsageShape,
  WindowShape,
} from './rules.js';

const WINDOW = ['threshold', 'windowMs', 'period', 'timeZone', 'sliding', 'levels'];
const FUNCTIONS = ['tenant', 'contributor', 'exempt'];

it.each<[new () => object, string[]]>([
  [LevelShape, ['at', 'severity']],
  [WindowShape, WINDOW],
  [CategoryShape, [...WINDOW, ...FUNCTIONS, 'windows', 'maxCost']],
  [
    OptionsShape,
    [
      ...FUNCTIONS,
      ...['categories', 'redis', 'store', 'service', 'environment', 'publicUrl', 'keyPrefix', 'counting'],
      ...['waitAtMostMs', 'flushIntervalMs', 'maxTrackedTenants', 'thresholdTtlMs', 'channels', 'incidents'],
      ...[
        'maxOpenIncidents',
        'groupWaitMs',
        'shutdownFlushMs',
        'blindAfterMs',
        'usage',
        'metrics',
        'skipIf',
        'enabled',
      ],
    ],
  ],
  [UsageShape, ['retentionMs', 'hourlyRetentionMs']],
  [MetricsShape, ['tenants']],
  [IncidentsShape, ['remindAfterMs', 'resolveAfterMs']],
  [ChannelShape, ['name', 'send', 'minSeverity', 'categories', 'repeatEveryMs']],
])('%p has a rule for each option, and no other', (shape, options) => {
  expect(optionsOf(shape).sort()).toEqual(options.sort());
});
