// @ts-check
// Packs the package, installs it without flags into a copy of each consumer outside this repository, and tests it there.
// `npm run compat -- nest12 pnpm` tests these two. `--install-in <folder>` only installs what their lock files name, so that a later run with
// `--installed-in <folder>` need not wait for the network.
import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';

import { CONSUMERS, OF_NEST } from './consumers.mjs';
import { followGettingStarted } from './getting-started.mjs';
import { ALERT, compilerOptions, quickStart } from './quick-start.mjs';
import { bringSuite } from './stand-ins.mjs';
import { keepTable } from './table.mjs';

const { values: flags, positionals: asked } = parseArgs({
  allowPositionals: true,
  options: { 'install-in': { type: 'string' }, 'installed-in': { type: 'string' } },
});
const installsOnly = flags['install-in'] !== undefined;

const root = resolve('.');
const work = flags['install-in'] ?? flags['installed-in'] ?? mkdtempSync(join(tmpdir(), 'rate-monitor-compat-'));
const tarball = join(work, 'nestjs-rate-monitor.tgz');

/** @typedef {(app: string) => Promise<unknown>} Work Runs in the folder of an app. */

/** @type {(app: string) => string} */
const pnpm = (app) => JSON.parse(readFileSync(join(app, 'package.json'), 'utf8')).packageManager;

/** @type {Record<'npm' | 'pnpm', { locked: Work, packed: Work }>} What the lock file names, and then the package. */
const install = {
  npm: {
    locked: (app) => run(app, 'npm', 'ci', '--no-audit', '--no-fund'),
    packed: (app) => run(app, 'npm', 'install', '--no-save', '--no-audit', '--no-fund', tarball),
  },
  pnpm: {
    locked: (app) => run(app, 'npx', '--yes', pnpm(app), 'install', '--frozen-lockfile'),
    packed: (app) => run(app, 'npx', '--yes', pnpm(app), 'add', tarball),
  },
};

/** @typedef {'types' | 'e2e' | 'e2e of Nest' | 'e2e with peers' | 'CommonJS' | 'ESM' | 'getting started' | 'peers'} Step */

/** @type {Record<Step, Work>} */
const steps = {
  types: (app) =>
    tsc(app, { extends: './tsconfig.json', compilerOptions: { typeRoots, paths: {} }, include: ['src', 'test'] }),
  // The longest step gets the most workers.
  e2e: (app) => jest(app, 4),
  'e2e of Nest': (app) => jest(app, 1, `test/e2e/(${OF_NEST.join('|')})`),
  // Without the test of the app's own class-validator: with pnpm, an app has only the packages that it declares.
  'e2e with peers': (app) =>
    jest(app, 2, 'configuration|redis-connection|sentry', '--testNamePattern', '^(?!.*own class-validator)'),
  CommonJS: (app) => start(app, 'cjs', { module: 'commonjs', moduleResolution: 'bundler' }),
  ESM: (app) => start(app, 'mjs', { module: 'nodenext' }),
  'getting started': followGettingStarted,
  peers: (app) => run(app, 'node', 'peers.mjs'),
};

// Compilers, test runner and packages of tests are linked from here; everything the package uses at run time is the consumer's own.
const OUR_TOOLS = [
  'ajv',
  'fast-check',
  '@grpc/grpc-js',
  '@grpc/proto-loader',
  'standardwebhooks',
  ...readdirSync('node_modules/@swc').map((tool) => `@swc/${tool}`),
];
const typeRoots = [join(root, 'node_modules/@types')];

/**
 * @param {string} cwd
 * @param {string} command
 * @param {string[]} args
 */
async function run(cwd, command, ...args) {
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd, maxBuffer: 2 ** 26 });
    return stdout;
  } catch (cause) {
    const { stdout, stderr } = /** @type {{ stdout: string, stderr: string }} */ (cause);
    throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`, { cause });
  }
}

/**
 * @param {string} app
 * @param {number} workers
 * @param {string[]} specs
 */
async function jest(app, workers, ...specs) {
  const command = join(root, 'node_modules/.bin/jest');
  const sequencer = ['--testSequencer', join(root, 'test/support/long-first.js')];
  await run(app, command, '--ci', '--silent', `--maxWorkers=${workers}`, ...sequencer, ...specs);
}

/**
 * @param {string} app
 * @param {object} config
 */
async function tsc(app, config) {
  writeFileSync(join(app, 'tsconfig.compat.json'), JSON.stringify(config));
  await run(app, 'node', join(root, 'node_modules/typescript-7/bin/tsc'), '-p', 'tsconfig.compat.json');
}

/**
 * @param {string} app
 * @param {'cjs' | 'mjs'} format
 * @param {Record<string, string>} options
 */
async function start(app, format, options) {
  const main = join(app, `main.${format === 'cjs' ? 'cts' : 'mts'}`);
  writeFileSync(main, quickStart());
  await tsc(app, { compilerOptions: { ...compilerOptions, ...options, typeRoots, skipLibCheck: true }, files: [main] });
  const said = await run(app, 'node', `main.${format}`);
  if (!said.includes(ALERT)) throw new Error(`no alert:\n${said}`);
}

/** @param {import('./consumers.mjs').Consumer} consumer */
async function installLocked({ name, installer }) {
  const app = join(work, name);
  if (existsSync(app)) return;
  cpSync(join('compat', name), app, { recursive: true });
  await timed(`${name}: install`, () => install[installer].locked(app));
}

/** @param {import('./consumers.mjs').Consumer} consumer */
async function setUp({ name, installer, does, leavesOut }) {
  const app = join(work, name);
  await timed(`${name}: install the package`, () => install[installer].packed(app));
  for (const tool of OUR_TOOLS) link(tool, app);
  if (does.some((step) => /^(types|e2e)/.test(step))) {
    const looksInside = bringSuite(app, leavesOut);
    console.log(`${name}: skipped because they import internals: ${looksInside.join(', ')}`);
  }
  return app;
}

/**
 * @param {string} tool
 * @param {string} app
 */
function link(tool, app) {
  const to = join(app, 'node_modules', tool);
  if (existsSync(to)) return;
  mkdirSync(dirname(to), { recursive: true });
  symlinkSync(join(root, 'node_modules', tool), to);
}

/**
 * @param {string} what
 * @param {() => Promise<unknown>} work
 */
async function timed(what, work) {
  const began = performance.now();
  await work();
  console.log(`${what} (${((performance.now() - began) / 1_000).toFixed(1)} s)`);
}

/** @param {import('./consumers.mjs').Consumer} consumer */
async function test(consumer) {
  const app = await setUp(consumer);
  for (const step of consumer.does) await timed(`${consumer.name}: ${step}`, () => steps[step](app));
}

async function pack() {
  const packed = await run('.', 'npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', work);
  renameSync(join(work, JSON.parse(packed)[0].filename), tarball);
}

try {
  keepTable(false);
  if (!installsOnly) await pack();
  const consumers = CONSUMERS.filter(({ name }) => asked.length === 0 || asked.includes(name));
  // The longest first, several at a time: installs wait for the network, tests for servers and clocks.
  consumers.sort((a, b) => Number(b.does.includes('e2e')) - Number(a.does.includes('e2e')));
  const lane = async () => {
    for (let consumer = consumers.shift(); consumer; consumer = consumers.shift()) {
      await installLocked(consumer);
      if (!installsOnly) await test(consumer);
    }
  };
  for (const ended of await Promise.allSettled([lane(), lane(), lane()])) {
    if (ended.status === 'fulfilled') continue;
    console.error(ended.reason);
    process.exitCode = 1;
  }
} finally {
  if (!process.env.COMPAT_KEEP && Object.keys(flags).length === 0) rmSync(work, { recursive: true, force: true });
}
