// Builds both formats, CommonJS for `require` and ES modules for `import`, and types, which both share. Comments go with the types.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

import { minify } from '@swc/core';
import { rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';

import { toCommonJs } from './to-common-js.mjs';

const MODULES = 'dist/modules';
// Each well below 30 kB: npm packs the two formats of a file side by side, and gzip sees a repetition 32 kB back at most.
const CHUNKS = [
  ['base', /^(util|tenant|threshold|options|optional-peers)\b/],
  ['counter', /^(counter|state)\b/],
  ['channels', /^alert\/channels\b/],
  ['alerts', /^alert\b/],
  ['module', /^(?!(testing\/)?index\b|testing\b)/],
];

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'));
const entryPoints = Object.values(exports).filter((target) => target.require);

rmSync('dist', { recursive: true, force: true });
execFileSync('npx', ['tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit' });
await bundleTypes();
await bundleCode();
rmSync(MODULES, { recursive: true });
write('dist/cjs/package.json', '{"type":"commonjs"}\n');
write('dist/esm/package.json', '{"type":"module"}\n');

/** A file an entry point, and one for what they share: a class of one is the class of the other, and so in both formats. */
async function bundleTypes() {
  const bundled = await rollup({ input: inputs('.d.ts'), plugins: [dts()], external: /^[^./]/, onLog });
  await bundled.write({ dir: 'dist/cjs', chunkFileNames: 'shared.d.ts' });
  for (const { import: esm, require: cjs } of entryPoints)
    write(esm.types, `export * from '${relative(dirname(esm.types), cjs.default)}';\n`);
}

/** Files of the same name and the same code in both formats, with short names for locals: a stack trace still names classes and functions. */
async function bundleCode() {
  const bundled = await rollup({ input: inputs('.js'), external: /^[^./]/, onLog });
  const names = { keep_classnames: true, keep_fnames: true };
  const options = { module: true, ecma: 2022, compress: names, mangle: names };
  const { output } = await bundled.write({
    dir: 'dist/esm',
    chunkFileNames: '[name].js',
    manualChunks: (id) => CHUNKS.find(([, directories]) => directories.test(relative(MODULES, id)))?.[0],
    minifyInternalExports: false,
    plugins: [{ name: 'minify', renderChunk: (code) => minify(code, options) }],
  });
  for (const { fileName, code } of output) write(join('dist/cjs', fileName), toCommonJs(code));
}

function inputs(ending) {
  return Object.fromEntries(
    entryPoints.map(({ require: { default: file } }) => {
      const name = relative('dist/cjs', file).replace(/\.js$/, '');
      return [name, join(MODULES, name + ending)];
    }),
  );
}

function onLog(level, log) {
  // `this` of the helpers for decorators; and that users need not name a type that we do not export.
  if (log.code === 'THIS_IS_UNDEFINED' || log.message.includes('private shared type exports')) return;
  throw new Error(log.message);
}

function write(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
