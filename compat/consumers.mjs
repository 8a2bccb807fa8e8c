// @ts-check
// The apps that the packed package is installed in, and what is tried in each.
import { readFileSync } from 'node:fs';

/** `npm test` runs these on the source. */
const INSIDE = {
  'wrapped-handlers': 'its @toss/nestjs-aop is for one release of Nest',
  telemetry: 'its OpenTelemetry and terminus are for one release of Nest',
  'no-traces': 'its OpenTelemetry is a development dependency',
  throttled: 'its @nestjs/throttler is a development dependency',
  'inert-marks': 'its @nestjs/event-emitter is a development dependency',
  'contexts/passport': 'its @nestjs/passport is a development dependency',
};

/**
 * How the specs begin that try what differs between releases of Nest, and of the packages that are released with it: handlers, guards,
 * platforms, configuration, `nestjs-redis`, Sentry. All others give the same result on each release, so the packed package runs them in one
 * app: that with the newest of everything.
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
];

/**
 * @typedef {{
 *   name: string,
 *   installer: 'npm' | 'pnpm',
 *   does: import('./run.mjs').Step[],
 *   leavesOut?: Record<string, string>,
 * }} Consumer `leavesOut`: specs of the e2e suite that are not run there, each with the reason why.
 */

/** @type {readonly Consumer[]} */
export const CONSUMERS = [
  {
    name: 'nest10',
    installer: 'npm',
    does: ['types', 'e2e of Nest', 'CommonJS', 'ESM'],
    leavesOut: {
      ...INSIDE,
      'contexts/graphql': 'its mercurius is another one, for Fastify 4',
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
 * The version of a package that a consumer's lock holds.
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
