import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { transform } from '@swc/core';
import { build } from 'esbuild';
import { webpack, type Configuration } from 'webpack';

const docs = readFileSync('docs/bundlers.md', 'utf8');
const external = [...docs.matchAll(/--external:(\S+)/g)].map(([, name]) => name as string);
const keepNames = /^esbuild .*--keep-names/m.test(docs);
const banner = /--banner:js="(.*)"/.exec(docs)?.[1] as string;

const source = readFileSync('src/util/optional-peers.ts', 'utf8');
const ours = [...source.matchAll(/await import\('([^']+)'\)/g)].map(([, name]) => name as string);

/** As in an app that has none of them, nor what Nest loads if it is there. */
const ABSENT = [
  ...ours,
  ...['@nestjs/microservices', '@nestjs/websockets', '@nestjs/platform-socket.io', '@nestjs/platform-ws'],
  'class-transformer',
];

const APP = `
import 'reflect-metadata';
import { Controller, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MonitorRate, RateCounterService, RateMonitorModule } from 'nestjs-rate-monitor';

@Controller('evaluations')
class EvaluationsController {
  constructor(private readonly counter: RateCounterService) {}

  @Post()
  @MonitorRate('evaluations')
  create() {
    return this.counter.read('evaluations', 'acme');
  }
}

// As tsc compiles a decorated class: a bundler may take the inner name for a second one.
let Compiled = class Compiled {};

@Module({ imports: [RateMonitorModule.forRoot({ tenant: () => 'acme', counting: 'await' })], controllers: [EvaluationsController] })
class AppModule {}

void (async () => {
  const app = await NestFactory.create(AppModule, { logger: ['warn', 'error'] });
  await app.listen(0, '127.0.0.1');
  const response = await fetch(\`\${await app.getUrl()}/evaluations\`, { method: 'POST' });
  console.log(response.status, await response.text(), EvaluationsController.name, Compiled.name);
  await app.close();
})();
`;

/** What `npm run build` makes of this source. */
let built: string;

beforeAll(async () => {
  built = mkdtempSync(join(tmpdir(), 'rate-monitor-built-'));
  for (const name of ['src', 'scripts', 'package.json', 'tsconfig.json', 'tsconfig.build.json'])
    cpSync(name, join(built, name), { recursive: true });
  symlinkSync(resolve('node_modules'), join(built, 'node_modules'));
  await promisify(execFile)('node', ['scripts/build.mjs'], { cwd: built });
});
afterAll(() => rmSync(built, { recursive: true, force: true }));

it('of our own optional packages, only Sentry must be external: a bundled copy is not set up', () => {
  expect(ours).toContain('@nestjs/config');
  expect(ours.filter((name) => external.includes(name))).toEqual(['@sentry/nestjs']);
});

describe.each(['commonjs', 'es6'] as const)('an app bundled as %s, without the optional packages', (format) => {
  let app: string;

  beforeAll(async () => {
    app = mkdtempSync(join(tmpdir(), 'rate-monitor-bundle-'));
    linkPackages(join(app, 'node_modules'));
    for (const name of ['package.json', 'dist'])
      cpSync(join(built, name), join(app, 'node_modules/nestjs-rate-monitor', name), { recursive: true });
    await compile(APP, join(app, 'dist/main.js'), format);
  });
  afterAll(() => rmSync(app, { recursive: true, force: true }));

  it('starts and counts, by esbuild', async () => {
    const isModule = format === 'es6';
    const bundle = join(app, isModule ? 'esbuild.mjs' : 'esbuild.cjs');
    await build({
      absWorkingDir: app,
      entryPoints: ['dist/main.js'],
      bundle: true,
      platform: 'node',
      format: isModule ? 'esm' : 'cjs',
      external,
      outfile: bundle,
      preserveSymlinks: true,
      keepNames,
      logLevel: 'error',
      ...(isModule && { banner: { js: banner } }),
    });
    await expect(output(bundle)).resolves.toBe('201 1 EvaluationsController Compiled\n');
  });

  it('starts and counts, by webpack', async () => {
    const isModule = format === 'es6';
    writeFileSync(join(app, 'webpack.config.cjs'), /```js\n([\s\S]*?)```/.exec(docs)?.[1] as string);
    const { default: documented } = (await import(join(app, 'webpack.config.cjs'))) as { default: Configuration };
    const asModule: Configuration = {
      experiments: { outputModule: true },
      output: { ...documented.output, filename: 'main.mjs', library: { type: 'module' } },
    };
    await bundleByWebpack({
      ...documented,
      context: app,
      resolve: { symlinks: false },
      ...(isModule && asModule),
    });
    await expect(output(join(app, 'bundle', isModule ? 'main.mjs' : 'main.cjs'))).resolves.toBe(
      '201 1 EvaluationsController Compiled\n',
    );
  });
});

/** The packages of this repository, as if the absent ones were not installed. */
function linkPackages(into: string): void {
  const names = readdirSync('node_modules').flatMap((name) =>
    name.startsWith('@') ? readdirSync(join('node_modules', name)).map((inner) => `${name}/${inner}`) : [name],
  );
  for (const name of names) {
    if (name.startsWith('.') || ABSENT.includes(name)) continue;
    mkdirSync(dirname(join(into, name)), { recursive: true });
    symlinkSync(resolve('node_modules', name), join(into, name));
  }
}

async function compile(source: string, to: string, format: 'commonjs' | 'es6'): Promise<void> {
  const { code } = await transform(source, {
    swcrc: false,
    jsc: {
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
      target: 'es2022',
    },
    module: { type: format },
  });
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, code);
}

function bundleByWebpack(config: Configuration): Promise<void> {
  return new Promise((resolve, reject) => {
    webpack(config, (error, stats) => {
      if (error) reject(error);
      else if (stats?.hasErrors()) reject(new Error(stats.toString({ all: false, errors: true })));
      else resolve();
    });
  });
}

async function output(file: string): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)('node', [file]);
  return stdout + stderr;
}
