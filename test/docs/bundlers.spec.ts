import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

/** As in an app that has none of them, nor what Nest loads if it is there. */
const ABSENT = [
  ...['@nestjs/config', '@sentry/nestjs', '@opentelemetry/api', 'class-transformer'],
  ...['@nestjs/microservices', '@nestjs/websockets', '@nestjs/platform-socket.io', '@nestjs/platform-ws'],
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

it('names every optional package, for each bundler', () => {
  const source = readFileSync('src/util/optional-peers.ts', 'utf8');
  const optional = [...source.matchAll(/optional\('([^']+)'/g)].map(([, name]) => name as string);
  expect(optional.length).toBeGreaterThan(2);
  for (const name of optional) {
    expect(external).toContain(name);
    expect(docs).toContain(`'${name}'`);
  }
});

describe.each(['commonjs', 'es6'] as const)('an app bundled as %s, without the optional packages', (format) => {
  let app: string;

  beforeAll(async () => {
    app = mkdtempSync(join(tmpdir(), 'rate-monitor-bundle-'));
    linkPackages(join(app, 'node_modules'));
    await packageInto(join(app, 'node_modules/nestjs-rate-monitor'), format);
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

/** The package in one format, compiled file by file as `npm run build` does. */
async function packageInto(folder: string, format: 'commonjs' | 'es6'): Promise<void> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), readFileSync('package.json'));
  const dist = join(folder, 'dist', format === 'es6' ? 'esm' : 'cjs');
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' });
  await Promise.all(
    files
      .filter((file) => file.endsWith('.ts') && !/\.spec\.ts$|dashboard\/page\//.test(file))
      .map((file) => compile(readFileSync(join('src', file), 'utf8'), join(dist, file.replace(/ts$/, 'js')), format)),
  );
  writeFileSync(join(dist, 'package.json'), JSON.stringify({ type: format === 'es6' ? 'module' : 'commonjs' }));
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
