// Installs the packed package in an empty Nest app, without flags, and runs there what the README tells a reader to paste.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const app = mkdtempSync(join(tmpdir(), 'rate-monitor-install-'));
const run = (command, ...args) =>
  execFileSync(command, args, { cwd: app, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });

try {
  const [{ filename, size }] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', app], { encoding: 'utf8' }),
  );
  console.log(`packed: ${(size / 1_000).toFixed(1)} kB`);

  const { devDependencies: dev } = JSON.parse(readFileSync('package.json', 'utf8'));
  const version = (name) => `${name}@${dev[name]}`;
  writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'app', private: true }));
  run(
    'npm',
    'install',
    '--no-audit',
    '--no-fund',
    `./${filename}`,
    version('ioredis'),
    version('@nestjs/config'),
    version('typescript'),
    version('@types/node'),
    ...['@nestjs/common', '@nestjs/core', '@nestjs/platform-express', 'reflect-metadata', 'rxjs'].map(version),
  );

  const [setUp] = readFileSync('README.md', 'utf8').match(/(?<=```ts\n)[\s\S]*?(?=```)/);
  const main = `import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
${setUp}
void (async () => {
  const app = await NestFactory.create(AppModule);
  app.use((request: { user: unknown }, _response: unknown, next: () => void) => {
    request.user = { project: { id: 'proj_1', name: 'Acme' } };
    next();
  });
  await app.listen(0, '127.0.0.1');
  for (let i = 0; i < 4; i++) {
    const { status } = await fetch((await app.getUrl()) + '/evaluations', { method: 'POST' });
    if (status !== 201) throw new Error(String(status));
  }
  await app.close();
})();
`;
  writeFileSync(join(app, 'main.ts'), main);
  const strict = {
    strict: true,
    module: 'commonjs',
    moduleResolution: 'bundler',
    target: 'es2022',
    types: ['node'],
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    skipLibCheck: true,
  };
  writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions: strict, files: ['main.ts'] }));
  run('npx', 'tsc', '-p', '.');
  const said = run('node', 'main.js');
  if (!said.includes('Acme (proj_1) is over the evaluations threshold: 4 in 1 min, threshold 3'))
    throw new Error(`no alert:\n${said}`);
  run(
    'node',
    '--input-type=module',
    '-e',
    "import { RateMonitorModule } from 'nestjs-rate-monitor'; RateMonitorModule.forRoot()",
  );
  console.log('installed in an empty Nest app without flags; the set-up of the README raised its alert');
} finally {
  rmSync(resolve(app), { recursive: true, force: true });
}
