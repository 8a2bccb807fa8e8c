// @ts-check
// Packs what is built and checks the tarball: its entry points, its size, and what publint and "are the types wrong?" find.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Two formats with source maps, types and the page. More than this is a mistake, such as a build tool or a test in the package. */
const MAX_BYTES = 365_000;

const folder = mkdtempSync(join(tmpdir(), 'rate-monitor-package-'));
try {
  run('node', 'scripts/entry-points.mjs');
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  /** @type {{ filename: string, size: number, entryCount: number, files: { path: string }[] }[]} */
  const [packed] = JSON.parse(execFileSync('npm', pack, { encoding: 'utf8' }));
  if (!packed) throw new Error('npm pack packed nothing');
  console.log(
    `packed: ${(packed.size / 1_000).toFixed(1)} kB in ${packed.entryCount} files, limit ${MAX_BYTES / 1_000} kB`,
  );
  if (packed.size > MAX_BYTES) fail('The package is too large: `npm pack --dry-run` lists what is in it');
  for (const file of ['.env.example', 'dist/cjs/index.js', 'dist/esm/index.js'])
    if (!packed.files.some(({ path }) => path === file))
      fail(`${file} is not in the package: run \`npm run build\` first`);
  const tarball = join(folder, packed.filename);
  run('node_modules/.bin/publint', 'run', tarball, '--strict');
  run('node_modules/.bin/attw', tarball);
} finally {
  rmSync(folder, { recursive: true });
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function run(command, ...args) {
  try {
    execFileSync(command, args, { stdio: 'inherit' });
  } catch {
    process.exitCode = 1;
  }
}

/** @param {string} message */
function fail(message) {
  console.error(message);
  process.exitCode = 1;
}
