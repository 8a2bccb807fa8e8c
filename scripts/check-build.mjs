// @ts-check
// Checks what only the build can get wrong: the CommonJS and the ES module copy in one process, the types, the loading of optional packages,
// and what a developer sees of a boot error.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

import { Controller, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import * as esm from 'nestjs-rate-monitor';

const load = createRequire(import.meta.url);
const cjs = load('nestjs-rate-monitor');
assert.notEqual(cjs.RateMonitorModule, esm.RateMonitorModule);
assert.ok(esm.isDeliveryError(new cjs.DeliveryError('no answer', { retry: true })));
assert.ok(cjs.isRateMonitorConfigError(new esm.RateMonitorConfigError(['a problem'])));
assert.ok(!cjs.isDeliveryError(new esm.RateMonitorConfigError([])) && !cjs.isDeliveryError(undefined));

// class-validator takes longer to load than all of the package: it is loaded when an app starts.
const loaded = `require('./dist/cjs/index.js'); console.log(Object.keys(require.cache).filter((file) => file.includes('class-validator')).length)`;
assert.equal(spawnSync('node', ['-e', loaded], { encoding: 'utf8' }).stdout.trim(), '0');

// A native import() would load the ES module copy of Sentry, which the app has not set up.
const { sentry } = load('../dist/cjs/util/optional-peers.js');
assert.ok((await sentry()).isEnabled === load('@sentry/nestjs').isEnabled, 'the app and the package use one Sentry');

// An app may check the types of its packages too, with rules that this repository does not have.
const rules =
  '--strict --exactOptionalPropertyTypes --skipLibCheck false --target es2022 --lib es2023 --module nodenext --types node';
const entries = ['', 'dashboard/', 'health/', 'testing/'].map((entry) => `dist/esm/${entry}index.d.ts`);
const tsc = ['node_modules/typescript-7/bin/tsc', '--noEmit', '--ignoreConfig', ...rules.split(' '), ...entries];
assert.equal(spawnSync('node', tsc, { encoding: 'utf8' }).stdout, '');

// Thrown by a constructor, so that Node itself prints it. Only the throwing line comes before it.
const program = `new (require('./dist/cjs/index.js').DiscordChannel)({ url: 'here' })`;
const { stderr } = spawnSync('node', ['--enable-source-maps', '-e', program], { encoding: 'utf8' });
const bootError = stderr.slice(0, 1_000);
assert.match(bootError, /src\/channels\/[\w-]+\.ts:\d+/, 'the stack trace names the source');
assert.match(bootError, /RateMonitorConfigError: nestjs-rate-monitor cannot start:\n {2}- DiscordChannel\.url is/);

/** One handler for all apps, marked by the decorator of the ES module copy. */
class Evaluations {
  create() {}
}
const descriptor = { ...Object.getOwnPropertyDescriptor(Evaluations.prototype, 'create') };
for (const decorate of [Post(), esm.MonitorRate('evaluations')]) decorate(Evaluations.prototype, 'create', descriptor);
Controller('evaluations')(Evaluations);

// The tenant becomes known after the global guards: the handler's own guard, bound by the other copy, counts.
/** @type {import('@nestjs/common').CanActivate} */
const authenticate = {
  canActivate: (context) => Boolean((context.switchToHttp().getRequest().user = { project: 'acme' })),
};
Reflect.defineMetadata('__guards__', [authenticate], Evaluations);

/** @param {Pick<typeof esm, 'RateMonitorModule'>[]} copies */
const start = async (...copies) => {
  class AppModule {}
  // A day, because counts of a minute are gone when the next one begins.
  const categories = { evaluations: { threshold: 15, windowMs: 86_400_000 } };
  const imports = copies.map(({ RateMonitorModule }) => RateMonitorModule.forRoot({ categories, channels: [] }));
  Module({ imports, controllers: [Evaluations] })(AppModule);
  const app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  return app;
};
/** @param {import('@nestjs/common').INestApplication} app */
const post = async (app) => {
  const { status } = await fetch(`${await app.getUrl()}/evaluations`, { method: 'POST' });
  assert.equal(status, 201);
};

await assert.rejects(start(cjs, esm), /RateMonitorConfigError|is set up 2 times in this app/);

const [one, other] = [await start(cjs), await start(esm)];
for (const app of [one, other, other]) await post(app);
assert.equal(await one.get(cjs.RateCounterService).read('evaluations', 'acme'), 1);
assert.equal(await other.get(esm.RateCounterService).read('evaluations', 'acme'), 2);
await Promise.all([one.close(), other.close()]);
console.log('the build: two copies in one process, optional packages, and boot errors are correct');
