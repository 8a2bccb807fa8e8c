// The apps that the packed package is installed in, and what is tried in each.
import { readFileSync } from 'node:fs';

export const CONSUMERS = [
  { name: 'nest10', installer: 'npm', does: ['types', 'e2e', 'CommonJS', 'ESM'] },
  { name: 'nest11', installer: 'npm', does: ['types', 'e2e', 'CommonJS', 'ESM'] },
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
