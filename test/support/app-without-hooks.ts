import 'reflect-metadata';

import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import { AlertService, RateMonitorModule, WebhookChannel } from '../../src/index.js';
import { anAlert } from './alerts.js';

/** An app in a process of its own that listens, has no shutdown hooks and raises one alert for `WEBHOOK`. */
async function main(): Promise<void> {
  const channels = [new WebhookChannel({ url: process.env.WEBHOOK as string })];

  @Module({ imports: [RateMonitorModule.forRoot({ channels })] })
  class AppModule {}

  const app = await NestFactory.create(AppModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  app.get(AlertService).raise(anAlert());
  process.send?.(process.listenerCount('SIGTERM'));
}

void main();
