// Packs the package, installs it into a copy of each consumer outside this repository, without flags, and tries it there.
// `npm run compat -- nest12 pnpm` tries these two.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { CONSUMERS } from './consumers.mjs';
import { ALERT, compilerOptions, quickStart } from './quick-start.mjs';
import { bringSuite } from './stand-ins.mjs';
import { keepTable } from './table.mjs';

const root = resolve('.');
const work = mkdtempSync(join(tmpdir(), 'rate-monitor-compat-'));
const tarball = join(work, 'nestjs-rate-monitor.tgz');

const install = {
  npm: (app) => {
    run(app, 'npm', 'ci', '--no-audit', '--no-fund');
    run(app, 'npm', 'install', '--no-save', '--no-audit', '--no-fund', tarball);
  },
  pnpm: (app) => {
    const { packageManager } = JSON.parse(readFileSync(join(app, 'package.json'), 'utf8'));
    run(app, 'npx', '--yes', packageManager, 'install', '--frozen-lockfile');
    run(app, 'npx', '--yes', packageManager, 'add', tarball);
  },
};

const steps = {
  types: (app) => {
    bringSuite(app);
    tsc(app, { extends: './tsconfig.json', compilerOptions: { typeRoots }, include: ['src', 'test'] });
  },
  e2e: (app) => jest(app),
  'e2e with peers': (app) => jest(app, 'configuration|redis-connection|sentry'),
  CommonJS: (app) => start(app, 'cjs', { module: 'commonjs', moduleResolution: 'bundler' }),
  ESM: (app) => start(app, 'mjs', { module: 'nodenext' }),
  peers: (app) => run(app, 'node', 'peers.mjs'),
};

// Compilers and test runner are ours; whatever the package meets when it runs is the consumer's.
const typeRoots = [join(root, 'node_modules/@types')];

function run(cwd, command, ...args) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

function jest(app, ...specs) {
  bringSuite(app);
  run(app, join(root, 'node_modules/.bin/jest'), '--ci', '--silent', '--maxWorkers=2', ...specs);
}

function tsc(app, config) {
  writeFileSync(join(app, 'tsconfig.compat.json'), JSON.stringify(config));
  run(app, join(root, 'node_modules/.bin/tsc'), '-p', 'tsconfig.compat.json');
}

function start(app, format, options) {
  const main = join(app, `main.${format === 'cjs' ? 'cts' : 'mts'}`);
  writeFileSync(main, quickStart());
  tsc(app, { compilerOptions: { ...compilerOptions, ...options, typeRoots, skipLibCheck: true }, files: [main] });
  const said = run(app, 'node', `main.${format}`);
  if (!said.includes(ALERT)) throw new Error(`no alert:\n${said}`);
}

function tryOut({ name, installer, does }) {
  const app = join(work, name);
  cpSync(join('compat', name), app, { recursive: true });
  timed(`${name}: install`, () => install[installer](app));
  mkdirSync(join(app, 'node_modules/@swc'), { recursive: true });
  for (const tool of readdirSync('node_modules/@swc'))
    symlinkSync(join(root, 'node_modules/@swc', tool), join(app, 'node_modules/@swc', tool));
  for (const step of does) timed(`${name}: ${step}`, () => steps[step](app));
}

function timed(what, work) {
  const began = performance.now();
  work();
  console.log(`${what} (${((performance.now() - began) / 1_000).toFixed(1)} s)`);
}

try {
  keepTable(false);
  const [{ filename }] = JSON.parse(run('.', 'npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', work));
  cpSync(join(work, filename), tarball);
  const asked = process.argv.slice(2);
  for (const consumer of CONSUMERS) if (asked.length === 0 || asked.includes(consumer.name)) tryOut(consumer);
} finally {
  if (!process.env.COMPAT_KEEP) rmSync(work, { recursive: true, force: true });
}
