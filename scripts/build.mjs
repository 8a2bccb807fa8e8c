// Builds both formats, CommonJS for `require` and ES modules for `import`, and types, which both share. Comments go with the types.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

import { minify } from '@swc/core';
import { rollup } from 'rollup';

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'));
const entryPoints = Object.values(exports).filter((target) => target.require);

rmSync('dist', { recursive: true, force: true });
for (const project of ['types', 'esm'])
  execFileSync('npx', ['tsc', '-p', `tsconfig.${project}.json`], { stdio: 'inherit' });
keepReachableTypes('dist/cjs');
for (const entryPoint of entryPoints) shareTypes(entryPoint.import.types, entryPoint.require.types);
for (const format of ['cjs', 'esm']) await bundle('dist/modules', format);
rmSync('dist/modules', { recursive: true });
writeFileSync('dist/cjs/package.json', '{"type":"commonjs"}\n');
writeFileSync('dist/esm/package.json', '{"type":"module"}\n');

/** Types that no entry point leads to are nobody's to see. */
function keepReachableTypes(dir) {
  const kept = new Set();
  const keep = (file) => {
    if (kept.has(file)) return;
    kept.add(file);
    for (const [, path] of readFileSync(file, 'utf8').matchAll(/(?:from |import |import\()["'](\.[^"']+)\.js["']/g))
      keep(resolve(dirname(file), `${path}.d.ts`));
  };
  for (const { require: entry } of entryPoints) keep(resolve(entry.types));
  for (const file of filesIn(dir, '.d.ts')) if (!kept.has(file)) rmSync(file);
}

/** The same types for both formats: a class from one is then the class from the other, and the package holds them once. */
function shareTypes(esm, cjs) {
  const path = relative(dirname(esm), cjs).replace(/\.d\.ts$/, '.js');
  mkdirSync(dirname(esm), { recursive: true });
  writeFileSync(esm, `export * from '${path}';\n`);
}

/** One file an entry point, and one for what they share, with short names for locals: a stack trace still names classes and functions. */
async function bundle(dir, format) {
  const bundled = await rollup({
    input: Object.fromEntries(
      entryPoints.map(({ import: { default: file } }) => [nameOf(file), file.replace('dist/esm', dir)]),
    ),
    external: /^[^./]/,
    onLog: (level, log) => log.code === 'THIS_IS_UNDEFINED' || console[level](log.message),
  });
  const names = { keep_classnames: true, keep_fnames: true };
  await bundled.write({
    dir: `dist/${format}`,
    format,
    chunkFileNames: 'shared.js',
    // A native import() from CommonJS would load a second copy of what the app requires.
    dynamicImportInCjs: false,
    plugins: [
      { name: 'minify', renderChunk: (code) => minify(code, { module: true, compress: names, mangle: names }) },
    ],
  });
}

function nameOf(file) {
  return file.replace('./dist/esm/', '').replace(/\.js$/, '');
}

function filesIn(dir, ending) {
  return readdirSync(dir, { recursive: true })
    .filter((file) => file.endsWith(ending))
    .map((file) => resolve(join(dir, file)));
}
