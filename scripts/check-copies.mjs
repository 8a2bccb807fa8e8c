// Runs the CommonJS and the ES module copy of the built package in one process: in one app, which must not start, and in two.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

import { Controller, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import * as esm from '../dist/esm/index.js';

const cjs = createRequire(import.meta.url)('../dist/cjs/index.js');
assert.notEqual(cjs.RateMonitorModule, esm.RateMonitorModule);

/** One handler for all apps, marked by the decorator of the ES module copy. */
class Evaluations {
  create() {}
}
const descriptor = Object.getOwnPropertyDescriptor(Evaluations.prototype, 'create');
for (const decorate of [Post(), esm.MonitorRate('evaluations')]) decorate(Evaluations.prototype, 'create', descriptor);
Controller('evaluations')(Evaluations);

// The tenant becomes known after the global guards, where both copies look a second time.
const authenticate = {
  canActivate: (context) => Boolean((context.switchToHttp().getRequest().user = { project: 'acme' })),
};
Reflect.defineMetadata('__guards__', [authenticate], Evaluations);

const start = async (...copies) => {
  class AppModule {}
  const imports = copies.map(({ RateMonitorModule }) => RateMonitorModule.forRoot({ channels: [] }));
  Module({ imports, controllers: [Evaluations] })(AppModule);
  const app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  return app;
};
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
console.log('two copies in one process: each app counts once and for itself; one app with both does not start');
