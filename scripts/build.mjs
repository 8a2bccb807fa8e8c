// @ts-check
// Builds both formats with tsc, file by file, with source maps. The types are those of the CommonJS files and are shared: a class has
// the same type however it is imported. Comments stay in the types, where editors read them.
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { decode, encode } from '@jridgewell/sourcemap-codec';

/** @typedef {{ types: string, default: string }} Target */
/** @type {{ exports: Record<string, string | { import: Target, require: Target }> }} */
const { exports } = JSON.parse(readFileSync('package.json', 'utf8'));

rmSync('dist', { recursive: true, force: true });
await Promise.all([
  // `module: commonjs` makes `require` of a dynamic `import()`: an app that requires Sentry must not get a second copy of it.
  tsc('--outDir', 'dist/cjs', '--module', 'commonjs', '--removeComments', '--declaration', 'false'),
  tsc('--outDir', 'dist/esm', '--removeComments', '--declaration', 'false'),
  tsc('--outDir', 'dist/cjs', '--emitDeclarationOnly', '--noCheck', '--sourceMap', 'false'),
]);
write('dist/cjs/package.json', '{"type":"commonjs"}\n');
write('dist/esm/package.json', '{"type":"module"}\n');
for (const file of readdirSync('dist', { recursive: true, encoding: 'utf8' }))
  if (file.endsWith('.js.map')) keepLines(join('dist', file));
for (const target of Object.values(exports)) {
  if (typeof target === 'string') continue;
  const { import: esm, require: cjs } = target;
  write(esm.types, `export * from '${relative(dirname(esm.types), cjs.default)}';\n`);
}
await import('./build-page.mjs');

/** @param {string[]} options */
async function tsc(...options) {
  try {
    await promisify(execFile)('node', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', ...options]);
  } catch (error) {
    console.error(/** @type {{ stdout: string }} */ (error).stdout);
    process.exit(1);
  }
}

/**
 * Stack traces need the file and the line of the source. Columns would be more than half of the package.
 *
 * @param {string} file
 */
function keepLines(file) {
  const map = JSON.parse(readFileSync(file, 'utf8'));
  const lines = decode(map.mappings).map((segments) => segments.slice(0, 1));
  write(file, JSON.stringify({ ...map, names: [], mappings: encode(lines) }));
}

/**
 * @param {string} file
 * @param {string} text
 */
function write(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
