// @ts-check
// The apps that the packed package is installed in, and what is tested in each.
import { readFileSync } from 'node:fs';

/** `npm test` runs these on the source. */
const INSIDE = {
  'wrapped-handlers': 'its @toss/nestjs-aop supports only one release of Nest',
  telemetry: 'its OpenTelemetry is a development dependency',
  'no-traces': 'its OpenTelemetry is a development dependency',
  throttled: 'its @nestjs/throttler is a development dependency',
  'inert-marks': 'its @nestjs/event-emitter is a development dependency',
  'contexts/passport': 'its @nestjs/passport is a development dependency',
};

/**
 * Prefixes of the specs that depend on the release of Nest and of packages released with it: handlers, guards, platforms, configuration,
 * nestjs-redis, Sentry. All other specs give the same result on each release, so they run in one app, which has the newest of everything.
 */
export const OF_NEST = [
  'configuration',
  'contexts/',
  'counting',
  'identities',
  'one-look',
  'outcomes',
  'platforms',
  'redis-connection',
  'sentry',
  'set-up-once',
  'terminus',
];

/**
 * @typedef {{
 *   name: string,
 *   installer: 'npm' | 'pnpm',
 *   does: import('./run.mjs').Step[],
 *   leavesOut?: Record<string, string>,
 * }} Consumer `leavesOut`: specs of the e2e suite that are not run there, with the reason.
 */

/** @type {readonly Consumer[]} */
export const CONSUMERS = [
  {
    name: 'nest10',
    installer: 'npm',
    does: ['types', 'e2e of Nest', 'CommonJS', 'ESM'],
    leavesOut: {
      ...INSIDE,
      'contexts/graphql': 'it has another mercurius, for Fastify 4',
      'contexts/subscriptions': 'the same mercurius',
      'contexts/identity-paths': 'the same mercurius',
      outcomes: 'the same mercurius',
    },
  },
  {
    name: 'nest11',
    installer: 'npm',
    does: ['types', 'e2e of Nest', 'CommonJS', 'ESM'],
    leavesOut: INSIDE,
  },
  {
    name: 'nest12',
    installer: 'npm',
    does: ['types', 'e2e', 'CommonJS', 'ESM'],
    leavesOut: INSIDE,
  },
  { name: 'nest-new', installer: 'npm', does: ['getting started'] },
  { name: 'bare', installer: 'npm', does: ['CommonJS', 'ESM', 'peers'] },
  { name: 'pnpm', installer: 'pnpm', does: ['e2e with peers', 'CommonJS', 'ESM'], leavesOut: INSIDE },
];

/**
 * The version of a package in a consumer's lock file.
 *
 * @param {Consumer} consumer
 * @param {string} dependency
 * @returns {string | undefined}
 */
export function locked({ name, installer }, dependency) {
  if (installer === 'npm') {
    const { packages } = JSON.parse(readFileSync(`compat/${name}/package-lock.json`, 'utf8'));
    return packages[`node_modules/${dependency}`]?.version;
  }
  const lock = readFileSync(`compat/${name}/pnpm-lock.yaml`, 'utf8');
  return lock.match(new RegExp(`^ +'?${dependency}'?:\\n +specifier: .*\\n +version: ([^(\\n]+)`, 'm'))?.[1];
}
