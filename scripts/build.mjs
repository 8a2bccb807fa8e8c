// Builds both formats, CommonJS for `require` and ES modules for `import`, and the types of each. Comments go with the types.
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync, writeFileSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
const tsc = (project) => execFileSync('npx', ['tsc', '-p', `tsconfig.${project}.json`], { stdio: 'inherit' });
tsc('types');
cpSync('dist/cjs', 'dist/esm', { recursive: true });
tsc('cjs');
tsc('esm');
writeFileSync('dist/cjs/package.json', '{"type":"commonjs"}\n');
writeFileSync('dist/esm/package.json', '{"type":"module"}\n');
