// Builds the dashboard's page into three files that need nothing else: index.html, app.js and app.css.
// Usage: node scripts/build-page.mjs [--out directory] [--report]
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';

import { build } from 'esbuild';

const SOURCE = join(import.meta.dirname, '../src/dashboard/page');
/** The whole page, gzipped: about what one photograph weighs. */
const MAX_BYTES = 80_000;

const { values } = parseArgs({
  options: { out: { type: 'string', default: 'dist/dashboard-assets' }, report: { type: 'boolean' } },
});

mkdirSync(values.out, { recursive: true });
await build({
  entryPoints: [join(SOURCE, 'app.tsx'), join(SOURCE, 'app.css')],
  outdir: values.out,
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['es2022', 'chrome110', 'firefox115', 'safari16.4'],
  tsconfig: join(SOURCE, 'tsconfig.json'),
  // Licences of what is bundled stay in the file.
  legalComments: 'inline',
  logLevel: 'warning',
});
copyFileSync(join(SOURCE, 'index.html'), join(values.out, 'index.html'));

const sizes = ['index.html', 'app.js', 'app.css'].map((name) => [
  name,
  gzipSync(readFileSync(join(values.out, name))).length,
]);
const total = sizes.reduce((sum, [, bytes]) => sum + bytes, 0);
if (values.report)
  for (const [name, bytes] of [...sizes, ['total', total]]) console.log(`${name}: ${bytes} bytes gzipped`);
if (total > MAX_BYTES) throw new Error(`The page takes ${total} bytes gzipped, more than ${MAX_BYTES}`);
