// @ts-check
// An option that needs a missing package stops the boot with an error that names the package.
import 'reflect-metadata';
import assert from 'node:assert/strict';

import { NestFactory } from '@nestjs/core';
import { RateMonitorModule, SentryChannel } from 'nestjs-rate-monitor';

/** @param {import('nestjs-rate-monitor').RateMonitorOptions} options */
const boot = (options) =>
  NestFactory.createApplicationContext(RateMonitorModule.forRoot(options), { logger: false, abortOnError: false });

for (const peer of ['@nestjs/config', '@liaoliaots/nestjs-redis', '@sentry/nestjs'])
  await assert.rejects(import(peer), { code: 'ERR_MODULE_NOT_FOUND' });

await assert.rejects(
  boot({ redis: { namespace: 'counters' } }),
  /redis\.namespace is 'counters'.*install @liaoliaots\/nestjs-redis/,
);
await assert.rejects(
  boot({ channels: [new SentryChannel()] }),
  /SentryChannel, but @sentry\/nestjs is not installed: install it/,
);
const app = await boot({});
await app.close();
