// Says how large the packed package is, and fails where it is larger than we allow ourselves.
import { execFileSync } from 'node:child_process';

const MOST = 60_000;
const [{ size, entryCount }] = JSON.parse(
  execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8' }),
);
console.log(`packed: ${(size / 1_000).toFixed(1)} kB in ${entryCount} files, of at most ${MOST / 1_000} kB`);
if (size >= MOST) {
  console.error('The package is too large: npm pack --dry-run lists what is in it');
  process.exitCode = 1;
}
