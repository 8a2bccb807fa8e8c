// @ts-check
// Builds the dashboard's page: three texts that need nothing else. They are packed once, as a module that both formats of the package
// load: a bundler includes it, and no file has to be found at run time.
// Usage: node scripts/build-page.mjs [--out directory] [--module file.cjs --into built-assets.js]
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';

import { build } from 'esbuild';

const SOURCE = join(import.meta.dirname, '../src/dashboard/page');
/** The whole page, gzipped: about what one photograph weighs. */
const MAX_BYTES = 80_000;

const { values } = parseArgs({
  options: {
    /** Writes the three files into a directory instead. */
    out: { type: 'string' },
    module: { type: 'string', default: 'dist/dashboard-assets/index.cjs' },
    /** Compiled modules that stand for the page until it is built. */
    into: {
      type: 'string',
      multiple: true,
      default: ['dist/cjs/dashboard/built-assets.js', 'dist/esm/dashboard/built-assets.js'],
    },
  },
});

const { outputFiles } = await build({
  entryPoints: [join(SOURCE, 'app.tsx'), join(SOURCE, 'app.css')],
  outdir: '.',
  write: false,
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['es2022', 'chrome116', 'firefox124', 'safari17.4'],
  tsconfig: join(SOURCE, 'tsconfig.json'),
  // Licences of what is bundled stay in the file.
  legalComments: 'inline',
  logLevel: 'warning',
});
/** @param {string} ending */
const built = (ending) => outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? '';
const assets = {
  'index.html': readFileSync(join(SOURCE, 'index.html'), 'utf8'),
  'app.js': built('.js'),
  'app.css': built('.css'),
};

const total = Object.values(assets).reduce((sum, text) => sum + gzipSync(text).length, 0);
if (total > MAX_BYTES) throw new Error(`The page takes ${total} bytes gzipped, more than ${MAX_BYTES}`);
console.log(`The page takes ${total} bytes gzipped`);

if (values.out !== undefined) {
  for (const [name, text] of Object.entries(assets)) write(join(values.out, name), text);
} else {
  write(values.module, `'use strict';\nmodule.exports = ${JSON.stringify(assets)};\n`);
  for (const file of values.into.filter((path) => existsSync(path))) {
    const from = JSON.stringify(relative(dirname(file), values.module).replace(/^(?!\.)/, './'));
    const isCommonJs = readFileSync(file, 'utf8').includes('exports.');
    write(
      file,
      isCommonJs
        ? `'use strict';\nexports.BUILT_ASSETS = require(${from});\n`
        : `import assets from ${from};\nexport const BUILT_ASSETS = assets;\n`,
    );
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
