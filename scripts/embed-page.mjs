// Puts the built page into the package's code, so that it is found in both formats and by bundlers too.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const BUILT = 'dist/dashboard-assets';

const files = Object.fromEntries(
  ['index.html', 'app.js', 'app.css'].map((name) => [name, readFileSync(join(BUILT, name), 'utf8')]),
);
for (const format of ['cjs', 'esm']) {
  const file = `dist/${format}/dashboard/assets.js`;
  const written = readFileSync(file, 'utf8');
  const embedded = written.replace(/BUILT_ASSETS = \{[^]*?\n\};/, () => `BUILT_ASSETS = ${JSON.stringify(files)};`);
  if (embedded === written) throw new Error(`${file} has no BUILT_ASSETS to put the page into`);
  writeFileSync(file, embedded);
}
rmSync(BUILT, { recursive: true });
