/** One direction: request -> conductor -> counter -> store, and conductor -> alerts. Leaves never know each other. */
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
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, pathNot: '\\.spec\\.ts$|src/(testing/)?index\\.ts$' },
      to: {},
    },
    forbid(
      'counter-knows-no-request',
      '^src/counter/',
      '^src/(alert/|observe/|rate-monitor\\.|monitor-rate)',
      'The counter knows no request and no alert.',
    ),
    forbid(
      'alerts-know-no-counter',
      '^src/alert/',
      '^src/(counter/|observe/|rate-monitor\\.|monitor-rate)',
      'The alert service knows no Redis and no request.',
    ),
    forbid(
      'thresholds-are-numbers',
      '^src/threshold/',
      '^src/(?!threshold/|tenant/tenant\\.ts)',
      'Policy is arithmetic.',
    ),
    forbid('tenants-stand-alone', '^src/tenant/', '^src/(?!tenant/)', 'A tenant is known without the rest.'),
    {
      name: 'optional-peers-in-one-place',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/optional-peers\\.ts$|\\.spec\\.ts$' },
      to: { path: 'node_modules/(@sentry|@liaoliaots|@nestjs/config)/' },
    },
    {
      name: 'ioredis-is-a-type',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.spec\\.ts$' },
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
