// @ts-check
// Builds both formats with tsc, file by file, with source maps. The types are those of the CommonJS files and are shared: a class has
// the same type however it is imported. Comments stay in the types, where editors read them.
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, normalize, relative } from 'node:path';
import { promisify } from 'node:util';
import { decode, encode } from '@jridgewell/sourcemap-codec';

/** @typedef {{ types: string, default: string }} Target */
/** @type {{ exports: Record<string, string | { import: Target, require: Target }>, bin: Record<string, string> }} */
const { exports, bin } = JSON.parse(readFileSync('package.json', 'utf8'));

rmSync('dist', { recursive: true, force: true });
await Promise.all([
  // `module: commonjs` makes `require` of a dynamic `import()`: an app that requires Sentry must not get a second copy of it.
  tsc('--outDir', 'dist/cjs', '--module', 'commonjs', '--removeComments', '--declaration', 'false'),
  // Types are checked once.
  tsc('--outDir', 'dist/esm', '--removeComments', '--declaration', 'false', '--noCheck'),
  tsc('--outDir', 'dist/cjs', '--emitDeclarationOnly', '--noCheck', '--sourceMap', 'false'),
]);
requireInPlace('dist/cjs/util/optional-peers.js');
write('dist/cjs/package.json', '{"type":"commonjs"}\n');
write('dist/esm/package.json', '{"type":"module"}\n');
for (const file of readdirSync('dist', { recursive: true, encoding: 'utf8' }))
  if (file.endsWith('.js.map')) keepLines(join('dist', file));
for (const target of Object.values(exports)) {
  if (typeof target === 'string') continue;
  const { import: esm, require: cjs } = target;
  write(esm.types, `export * from '${relative(dirname(esm.types), cjs.default)}';\n`);
}
// Large, and data only, so packed once like the page.
for (const [name, file] of /** @type {const} */ ([
  ['SCHEMAS', 'dashboard/api-schemas.js'],
  ['EXAMPLES', 'dashboard/api-examples.js'],
])) {
  const data = createRequire(import.meta.url)(`../dist/cjs/${file}`)[name];
  write(`dist/cjs/${file}`, `exports.${name} = ${JSON.stringify(data)};\n`);
  write(`dist/esm/${file}`, `import shared from '../../cjs/${file}';\nexport const { ${name} } = shared;\n`);
  for (const format of ['cjs', 'esm']) rmSync(`dist/${format}/${file}.map`);
}
await import('./build-page.mjs');
removeUnused();

/** @param {string[]} options */
async function tsc(...options) {
  try {
    await promisify(execFile)('node', ['node_modules/typescript-7/bin/tsc', '-p', 'tsconfig.build.json', ...options]);
  } catch (error) {
    console.error(/** @type {{ stdout: string }} */ (error).stdout);
    process.exit(1);
  }
}

/**
 * An `import()` becomes a `require` in a function. In place, it is in the `try` of the source, where bundlers accept a missing package.
 *
 * @param {string} file
 */
function requireInPlace(file) {
  const text = readFileSync(file, 'utf8');
  write(file, text.replace(/Promise\.resolve\(\)\.then\(\(\) => (__importStar\(require\('[^']+'\)\))\)/g, '$1'));
}

/**
 * Stack traces need the file and the line of the source. Columns would be more than half of the package.
 *
 * @param {string} file
 */
function keepLines(file) {
  const { version, sources, mappings } = JSON.parse(readFileSync(file, 'utf8'));
  const lines = decode(mappings).map(([first]) => (first && first.length !== 1 ? [startOf(first)] : []));
  write(file, JSON.stringify({ version, sources, names: [], mappings: encode(lines) }));
}

/**
 * @param {Exclude<import('@jridgewell/sourcemap-codec').SourceMapSegment, [number]>} segment
 * @returns {[number, number, number, number]}
 */
function startOf([, file, line]) {
  return [0, file, line, 0];
}

/** Removes modules that no entry point reaches: types of internals, and code of modules that hold only types. */
function removeUnused() {
  const targets = Object.values(exports).flatMap((target) =>
    typeof target === 'string'
      ? []
      : [target.import, target.require].flatMap(({ types, default: code }) => [types, code]),
  );
  const queue = [...targets, ...Object.values(bin)].map((file) => normalize(file));
  const used = new Set(queue);
  for (const file of queue) {
    const specifiers = readFileSync(file, 'utf8').matchAll(/(?:from|import|import\(|require\()\s*["'](\.[^"']+)["']/g);
    for (const [, specifier = ''] of specifiers) {
      const code = join(dirname(file), specifier);
      const imported = file.endsWith('.d.ts') ? code.replace(/\.js$/, '.d.ts') : code;
      if (used.has(imported)) continue;
      used.add(imported);
      queue.push(imported);
    }
  }
  for (const name of readdirSync('dist', { recursive: true, encoding: 'utf8' })) {
    const file = join('dist', name);
    if (/\.(js|d\.ts)$/.test(file) && !used.has(file))
      for (const unused of [file, `${file}.map`]) rmSync(unused, { force: true });
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
