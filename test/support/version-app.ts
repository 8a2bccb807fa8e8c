// An app of one version of this package, in a process of its own: the parent starts it with `VersionProcess`.
import 'reflect-metadata';

import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';

import type { AlertChannel, RateMonitorOptions } from '../../src/index.js';
import type { VersionAnswer, VersionCall } from './version-process.js';

const { VERSION_CODE = '', VERSION_OPTIONS = '' } = process.env;
const tell = (answer: VersionAnswer): void => void process.send?.(answer);
const keep =
  (level: string) =>
  (message: unknown, ...rest: unknown[]): void =>
    tell({ line: `${level} ${String(rest.at(-1))}: ${String(message)}` });

async function run(): Promise<void> {
  const { RateCounterService, RateMonitorModule } = (await import(VERSION_CODE)) as typeof import('../../src/index.js');
  const { url, ...options } = JSON.parse(VERSION_OPTIONS) as RateMonitorOptions & { url: string };
  const channel: AlertChannel = {
    name: 'parent',
    send: ({ tenant, level }) => tell({ alert: { tenant: tenant.id, at: level.at } }),
  };
  const redis = new Redis(url).on('error', () => undefined);
  @Module({ imports: [RateMonitorModule.forRoot({ ...options, redis, channels: [channel] })] })
  class App {}

  const logger = { log: keep('log'), warn: keep('warn'), error: keep('error') };
  const app = await NestFactory.createApplicationContext(App, { logger, abortOnError: false });
  const counter = app.get(RateCounterService);
  process.once('SIGTERM', () => void app.close().then(() => process.exit(0)));
  process.on('message', (call: VersionCall) => {
    void (async () => {
      let sum = 0;
      for (let i = 0; i < call.times; i++) sum = await counter.increment('llm_call', call.tenant);
      tell({ sum });
    })();
  });
  tell({ ready: true });
}

void run();
