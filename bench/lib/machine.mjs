// @ts-check
import { createRequire } from 'node:module';
import { arch, cpus, release, totalmem, type } from 'node:os';

import { placement } from './pinning.mjs';
import { contestantFile } from './place.mjs';

const require = createRequire(contestantFile('app.mjs'));
const PACKAGES = [
  '@nestjs/core',
  'fastify',
  'express',
  'ioredis',
  '@nestjs/throttler',
  '@nest-lab/throttler-storage-redis',
  'rate-limiter-flexible',
  'prom-client',
  'nestjs-rate-monitor',
];

/**
 * The machine and the versions used for the measurement.
 *
 * @param {string | undefined} redisVersion
 */
export function machine(redisVersion) {
  const versions = Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)]));
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0].model.trim(),
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    os: `${type()} ${release()} ${arch()}`,
    placement: placement(),
    versions: { node: process.versions.node, redis: redisVersion, ...versions },
  };
}

/**
 * @param {string} name
 * @returns {string}
 */
function versionOf(name) {
  const { version } = require(
    (require.resolve.paths(name) ?? []).map((folder) => `${folder}/${name}/package.json`).find(exists) ?? name,
  );
  return version;
}

/** @param {string} file */
function exists(file) {
  try {
    return Boolean(require.resolve(file));
  } catch {
    return false;
  }
}
