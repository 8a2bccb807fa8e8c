/**
 * The folders of src/, from the lowest up, and the folders that each may import, types included: a request goes monitor -> counter -> store, a
 * breach goes counter -> boot -> alert -> channels. `boot/`, `testing/` and the files directly in src/ put all parts together. Each rule must
 * match files: `test/unit/dependency-rules.spec.ts` checks that none has gone stale.
 */
const FOLDERS = {
  util: [],
  model: ['util'],
  store: ['model', 'util'],
  threshold: ['store', 'model', 'util'],
  options: ['threshold', 'store', 'model', 'util'],
  counter: ['threshold', 'store', 'model', 'util'],
  usage: ['store', 'model', 'util'],
  instance: ['store', 'model', 'util'],
  channels: ['model', 'util'],
  'alert/incident': ['store', 'model', 'util'],
  'alert/sending': ['alert/incident', 'store', 'model', 'util'],
  'alert/v0-1': ['alert/incident', 'store', 'model', 'util'],
  alert: ['store', 'model', 'util'],
  notices: ['usage', 'alert', 'channels', 'store', 'model', 'util'],
  monitor: ['counter', 'options', 'threshold', 'model', 'util'],
  facade: ['notices', 'alert', 'instance', 'usage', 'counter', 'threshold', 'store', 'model', 'util'],
  telemetry: ['facade', 'model', 'util'],
  health: ['facade', 'util'],
  dashboard: ['facade', 'alert', 'usage', 'instance', 'options', 'model', 'util'],
  cli: ['store', 'model', 'util'],
};

/** @type {(name: string, from: string, to: string, comment: string) => import('dependency-cruiser').IForbiddenRuleType} */
const forbid = (name, from, to, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from, pathNot: '\\.spec\\.ts$' },
  to: { path: to },
});

const oneDirection = Object.entries(FOLDERS).map(([folder, below]) =>
  forbid(
    `${folder.replace('/', '-')}-imports-what-is-below`,
    `^src/${folder}/`,
    `^src/(?!(${[folder, ...below].join('|')})/)`,
    below.length > 0 ? `Only ${below.join(', ')}.` : 'It knows nothing of this domain.',
  ),
);

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
    ...oneDirection,
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
