// @ts-check
// Lets the e2e suite run unchanged on the packed package: each file that a spec imports as `../../src/…` re-exports the package.
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { OF_NEST } from './consumers.mjs';

/** Internals that the suite's support code needs: only a token, which is public by its name. */
const INSIDE = {
  'src/counter/clock.ts':
    "export const CLOCK = Symbol.for('nestjs-rate-monitor:clock');\nexport interface Clock {\n  now(): number;\n}\n",
};

/** In a consumer the package's name means the installed package. */
const JEST_CONFIG = `const config = require('./jest.root.js');
module.exports = { ...config, moduleNameMapper: { '^(\\\\.{1,2}/.*)\\\\.js$': '$1' } };
`;

/**
 * Copies the suite and the stand-ins into a consumer, except for specs that import internals. Returns the names of those.
 *
 * @param {string} to
 * @param {Record<string, string>} [leavesOut]
 */
export function bringSuite(to, leavesOut = {}) {
  const standIns = { ...INSIDE, ...entryPoints() };
  for (const [file, text] of Object.entries({ ...standIns, 'jest.config.js': JEST_CONFIG })) {
    mkdirSync(join(to, dirname(file)), { recursive: true });
    writeFileSync(join(to, file), text);
  }
  cpSync('jest.config.js', join(to, 'jest.root.js'));
  cpSync('tsconfig.json', join(to, 'tsconfig.json'));
  // A spec compares the docs with the code.
  cpSync('docs', join(to, 'docs'), { recursive: true });
  cpSync('test/docs/verify-webhook.ts', join(to, 'test/docs/verify-webhook.ts'));
  // The global set-up unpacks version 0.1.
  cpSync('test/fixtures', join(to, 'test/fixtures'), { recursive: true });
  // Without the parts that import internals.
  /** @param {string} file */
  const fromInside = (file) => file.endsWith('.ts') && importsOf(file).some((source) => !(source in standIns));
  cpSync('test/support', join(to, 'test/support'), { recursive: true, filter: (file) => !fromInside(file) });

  const suite = readdirSync('test/e2e', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  /** @param {string} file */
  const specOf = (file) => file.replace(/\.(spec|example)\.ts$/, '');
  const unused =
    Object.keys(leavesOut).find((spec) => !suite.some((file) => specOf(file) === spec)) ??
    OF_NEST.find((begins) => !suite.some((file) => file.startsWith(begins)));
  if (unused) throw new Error(`compat/consumers.mjs names ${unused}, which is not in test/e2e`);
  /** @type {string[]} */
  const looksInside = [];
  for (const file of suite) {
    if (specOf(file) in leavesOut) continue;
    if (fromInside(`test/e2e/${file}`)) {
      if (OF_NEST.some((begins) => file.startsWith(begins)))
        throw new Error(`test/e2e/${file} imports internals, so no release of Nest would run it: move what needs them`);
      looksInside.push(specOf(file));
    } else cpSync(`test/e2e/${file}`, join(to, 'test/e2e', file));
  }
  return looksInside;
}

/** One line for each entry point of the package, where its source is in this repository. */
function entryPoints() {
  const { name, exports } = JSON.parse(readFileSync('package.json', 'utf8'));
  return Object.fromEntries(
    Object.entries(exports)
      .filter(([, target]) => target.import)
      .map(([path, target]) => [
        target.import.default.replace('./dist/esm/', 'src/').replace(/\.js$/, '.ts'),
        `export * from '${name}${path.slice(1)}';\n`,
      ]),
  );
}

/** @param {string} spec */
function importsOf(spec) {
  const found = readFileSync(spec, 'utf8').matchAll(/'(?:\.\.\/)+(src\/[^']+)\.js'/g);
  return [...found].map(([, file]) => `${file}.ts`);
}
