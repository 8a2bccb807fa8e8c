/**
 * One direction: a request goes monitor -> counter -> store, a breach goes counter -> boot -> alert -> channels. `model/` holds the words
 * that all of them use. Each rule must match files: `test/unit/dependency-rules.spec.ts` checks that none has gone stale.
 */
const forbid = (name, from, to, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from, pathNot: '\\.spec\\.ts$' },
  to: { path: to },
});

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, pathNot: '\\.spec\\.ts$|src/((testing|dashboard|health|cli)/)?index\\.ts$|\\.css$' },
      to: {},
    },
    forbid('words-stand-alone', '^src/model/', '^src/(?!model/|util/)', 'The words of the model know no behaviour.'),
    forbid('tools-stand-alone', '^src/util/', '^src/(?!util/)', 'Tools know nothing of this domain.'),
    forbid(
      'counter-knows-no-request',
      '^src/counter/',
      '^src/(alert|channels|monitor|boot)/',
      'The counter knows no request, no alert and no option beyond its own.',
    ),
    forbid('stores-know-no-counter', '^src/store/', '^src/(?!store/|model/|util/)', 'A store keeps what it is told.'),
    forbid(
      'alerts-know-no-counter',
      '^src/alert/',
      '^src/(counter|monitor|options|boot|channels)/',
      'Alerts know no counter, no request and no particular channel.',
    ),
    forbid(
      'channels-know-alerts-only',
      '^src/channels/',
      '^src/(?!channels/|model/|util/|options/)',
      'A channel knows the alert that it sends.',
    ),
    forbid(
      'thresholds-are-numbers',
      '^src/threshold/',
      '^src/(?!threshold/|model/|util/|store/)',
      'Policy is arithmetic.',
    ),
    forbid(
      'page-knows-the-json-only',
      '^src/dashboard/page/',
      '^src/(?!dashboard/(page/|api\\.ts))|^node_modules/(?!preact/|uplot/)',
      'The page runs in a browser: it knows the types of the JSON, and nothing of what makes it.',
    ),
    forbid(
      'page-is-built-apart',
      '^src/(?!dashboard/page/)',
      '^src/dashboard/page/',
      'The page is built by esbuild alone.',
    ),
    {
      name: 'optional-peers-in-one-place',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/util/optional-peers\\.ts$|\\.spec\\.ts$' },
      to: { path: 'node_modules/(@sentry|@liaoliaots|@nestjs/config)/' },
    },
    {
      name: 'ioredis-is-a-type',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.spec\\.ts$|^src/cli/' },
      to: { path: 'node_modules/ioredis/', dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
