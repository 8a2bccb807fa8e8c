// The apps that the packed package is installed in, and what is tried in each.
import { readFileSync } from 'node:fs';

const OTHER_IOREDIS = 'of what an app brings it meets ioredis alone: 5 in `npm test`, 6 in compat/nest12';

/** `leavesOut`: what of the e2e suite is not run there (how the names of its files begin), each with the reason why. */
export const CONSUMERS = [
  {
    name: 'nest10',
    installer: 'npm',
    does: ['types', 'e2e', 'CommonJS', 'ESM'],
    leavesOut: {
      'contexts/graphql': 'its mercurius is another one, for Fastify 4',
      'redis-setups': OTHER_IOREDIS,
    },
  },
  {
    name: 'nest11',
    installer: 'npm',
    does: ['types', 'e2e', 'CommonJS', 'ESM'],
    leavesOut: { 'redis-setups': OTHER_IOREDIS },
  },
  { name: 'nest12', installer: 'npm', does: ['types', 'e2e', 'CommonJS', 'ESM'] },
  { name: 'bare', installer: 'npm', does: ['CommonJS', 'ESM', 'peers'] },
  { name: 'pnpm', installer: 'pnpm', does: ['e2e with peers', 'CommonJS', 'ESM'] },
];

/** The version of a package that a consumer's lock holds. */
export function locked({ name, installer }, dependency) {
  if (installer === 'npm') {
    const { packages } = JSON.parse(readFileSync(`compat/${name}/package-lock.json`, 'utf8'));
    return packages[`node_modules/${dependency}`]?.version;
  }
  const lock = readFileSync(`compat/${name}/pnpm-lock.yaml`, 'utf8');
  return lock.match(new RegExp(`^ +'?${dependency}'?:\\n +specifier: .*\\n +version: ([^(\\n]+)`, 'm'))?.[1];
}
