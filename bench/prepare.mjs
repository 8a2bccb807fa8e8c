// @ts-check
// Installs what the benchmark needs, and of this package what is published, with what it depends on.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';

import { PLACE } from './lib/place.mjs';

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
  for (const part of ['apps', 'lib']) rmSync(resolve(PLACE, part), { recursive: true, force: true });
  mkdirSync(PLACE, { recursive: true });
  for (const part of ['apps', 'lib', 'package.json', 'package-lock.json'])
    cpSync(resolve(here, part), resolve(PLACE, part), { recursive: true });
  run('npm', ['ci'], PLACE);
  const packages = [`nestjs-rate-monitor@file:${packed(root)}`];
  if (otherBuild)
    packages.push(
      `nestjs-rate-monitor-other@file:${otherBuild.endsWith('.tgz') ? resolve(otherBuild) : packed(resolve(otherBuild))}`,
    );
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund', ...packages], PLACE);
}

/** @param {string} checkout */
function packed(checkout) {
  const folder = mkdtempSync(resolve(tmpdir(), 'rate-monitor-packed-'));
  run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], checkout);
  const [archive] = readdirSync(folder);
  return resolve(folder, archive);
}

function isInstalled() {
  const installed = resolve(here, 'node_modules/.package-lock.json');
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(resolve(here, 'package-lock.json')).mtimeMs;
}
