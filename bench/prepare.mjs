// @ts-check
// Installs what the benchmark needs, and of this package the published files alone: linked, it would bring a second copy of Nest.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';

const here = import.meta.dirname;
const root = resolve(here, '..');
/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 */
const run = (command, args, cwd) => execFileSync(command, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });

/** @param {string} [otherBuild] Folder of another checkout of this package, built, or a packed one, to measure beside it. */
export function prepare(otherBuild) {
  if (!isInstalled()) run('npm', ['ci'], here);
  run('npm', ['run', 'build'], root);
  place(root, 'nestjs-rate-monitor');
  if (otherBuild)
    place(otherBuild.endsWith('.tgz') ? unpacked(otherBuild) : resolve(otherBuild), 'nestjs-rate-monitor-other');
}

/** @param {string} archive */
function unpacked(archive) {
  const folder = mkdtempSync(resolve(tmpdir(), 'rate-monitor-other-'));
  run('tar', ['-xzf', resolve(archive), '-C', folder], root);
  return resolve(folder, 'package');
}

function isInstalled() {
  const installed = resolve(here, 'node_modules/.package-lock.json');
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(resolve(here, 'package-lock.json')).mtimeMs;
}

/**
 * @param {string} from
 * @param {string} name
 */
function place(from, name) {
  const to = resolve(here, 'node_modules', name);
  rmSync(to, { recursive: true, force: true });
  const { files } = JSON.parse(readFileSync(resolve(from, 'package.json'), 'utf8'));
  for (const file of ['package.json', ...files]) {
    if (existsSync(resolve(from, file))) cpSync(resolve(from, file), resolve(to, file), { recursive: true });
  }
}
