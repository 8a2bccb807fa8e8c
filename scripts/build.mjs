// Builds both formats with tsc, file by file, with source maps. The types are those of the CommonJS files and are shared: a class has
// the same type however it is imported. Comments stay in the types, where editors read them.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { promisify } from 'node:util';

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
 * @param {string} file
 * @param {string} text
 */
function write(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
