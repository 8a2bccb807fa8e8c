// @ts-check
// Lets the e2e suite run as it is on the packed package: where a spec says `../../src/…` it finds a line that leads to the package.
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Of what the suite's support takes from the inside: a token that is public by its name. */
const INSIDE = {
  'src/counter/clock.ts':
    "export const CLOCK = Symbol.for('nestjs-rate-monitor:clock');\nexport interface Clock {\n  now(): number;\n}\n",
};

/** Here what docs and specs import by the package's name is the package. */
const JEST_CONFIG = `const config = require('./jest.root.js');
module.exports = { ...config, moduleNameMapper: { '^(\\\\.{1,2}/.*)\\\\.js$': '$1' } };
`;

/** Puts the suite and the stand-ins into a consumer, without the specs that it leaves out or that look inside: returns the names of these. */
export function bringSuite(to, leavesOut = {}) {
  const standIns = { ...INSIDE, ...entryPoints() };
  for (const [file, text] of Object.entries({ ...standIns, 'jest.config.js': JEST_CONFIG })) {
    mkdirSync(join(to, dirname(file)), { recursive: true });
    writeFileSync(join(to, file), text);
  }
  cpSync('jest.config.js', join(to, 'jest.root.js'));
  cpSync('tsconfig.json', join(to, 'tsconfig.json'));
  // A spec holds what the docs say against what is.
  cpSync('docs', join(to, 'docs'), { recursive: true });
  cpSync('test/docs/verify-webhook.ts', join(to, 'test/docs/verify-webhook.ts'));
  // Without the parts for specs that look inside, which stay here.
  const fromInside = (file) => file.endsWith('.ts') && importsOf(file).some((source) => !(source in standIns));
  cpSync('test/support', join(to, 'test/support'), { recursive: true, filter: (file) => !fromInside(file) });

  const suite = readdirSync('test/e2e', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const specOf = (file) => file.replace(/\.(spec|example)\.ts$/, '');
  const unused = Object.keys(leavesOut).find((spec) => !suite.some((file) => specOf(file) === spec));
  if (unused) throw new Error(`compat/consumers.mjs leaves out ${unused}, which is not in test/e2e`);
  const looksInside = [];
  for (const file of suite) {
    if (specOf(file) in leavesOut) continue;
    if (fromInside(`test/e2e/${file}`)) looksInside.push(specOf(file));
    else cpSync(`test/e2e/${file}`, join(to, 'test/e2e', file));
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

function importsOf(spec) {
  const found = readFileSync(spec, 'utf8').matchAll(/'(?:\.\.\/)+(src\/[^']+)\.js'/g);
  return [...found].map(([, file]) => `${file}.ts`);
}
