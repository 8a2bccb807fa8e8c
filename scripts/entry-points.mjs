// @ts-check
// The entry points of the package. `./x` is `src/x/index.ts`: to add one, add it to the list and run `npm run entries`, which writes
// `exports` and `typesVersions` of package.json. `npm run check:package` fails if package.json has something else.
import { readFileSync, writeFileSync } from 'node:fs';

const ENTRY_POINTS = ['.', './dashboard', './health', './testing'];

const before = readFileSync('package.json', 'utf8');
const manifest = JSON.parse(before);
manifest.exports = {
  ...Object.fromEntries(ENTRY_POINTS.map((name) => [name, targetOf(name)])),
  './package.json': './package.json',
};
// For TypeScript with `moduleResolution: node10`, which does not read `exports`.
manifest.typesVersions = {
  '*': Object.fromEntries(
    ENTRY_POINTS.filter((name) => name !== '.').map((name) => [
      name.slice(2),
      [`./dist/cjs/${name.slice(2)}/index.d.ts`],
    ]),
  ),
};
const after = `${JSON.stringify(manifest, null, 2)}\n`;

if (process.argv.includes('--write')) {
  writeFileSync('package.json', after);
} else if (before !== after) {
  console.error('package.json does not have the entry points of scripts/entry-points.mjs: run `npm run entries`');
  process.exitCode = 1;
}

/** @param {string} name */
function targetOf(name) {
  /** @param {string} format */
  const condition = (format) => {
    const file = `./dist/${format}${name.slice(1)}/index`;
    return { types: `${file}.d.ts`, default: `${file}.js` };
  };
  return { import: condition('esm'), require: condition('cjs') };
}
