import { Module, type DynamicModule, type INestApplication, type ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { FastifyAdapter } from '@nestjs/platform-fastify';

import { RateMonitorModule, type AlertChannel, type RateAlert, type RateMonitorOptions } from '../../src/index.js';
import { CLOCK, type Clock } from '../../src/counter/clock.js';
import { MemoryLogger } from './memory-logger.js';

/** Long, because a busy machine may be slow: a response means that the request was counted. */
const WAIT_AT_MOST_MS = 10_000;

/** Keeps alerts. */
export class CapturingChannel implements AlertChannel {
  readonly name = 'capturing';
  readonly alerts: RateAlert[] = [];

  send(alert: RateAlert): void {
    this.alerts.push(alert);
  }
}

export interface TestAppOptions {
  options?: RateMonitorOptions;
  monitor?: DynamicModule;
  metadata?: ModuleMetadata;
  clock?: Clock;
  fastify?: boolean;
  prepare?: (app: INestApplication) => void | Promise<void>;
}

export interface TestApp {
  app: INestApplication;
  url: string;
  log: MemoryLogger;
  alerts: RateAlert[];
  post(path: string, headers?: Record<string, string>, body?: unknown): Promise<Response>;
  close(): Promise<void>;
}

/** A real app on a real port, with its log lines and alerts. */
export async function startApp({
  options,
  monitor,
  metadata = {},
  clock,
  fastify,
  prepare,
}: TestAppOptions): Promise<TestApp> {
  const capturing = new CapturingChannel();
  const log = new MemoryLogger();
  const module =
    monitor ?? RateMonitorModule.forRoot({ channels: [capturing], waitAtMostMs: WAIT_AT_MOST_MS, ...options });

  @Module({ ...metadata, imports: [...(metadata.imports ?? []), module] })
  class AppModule {}

  const builder = Test.createTestingModule({ imports: [AppModule] }).setLogger(log);
  // In memory a stopped clock keeps a test within one window; Redis uses its own clock.
  const startedAt = Date.now();
  builder.overrideProvider(CLOCK).useValue(clock ?? { now: () => (options?.redis ? Date.now() : startedAt) });
  const testing = await builder.compile();
  const app = fastify
    ? testing.createNestApplication(new FastifyAdapter(), { logger: log })
    : testing.createNestApplication({ logger: log });
  await prepare?.(app);
  await app.listen(0, '127.0.0.1');
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  return {
    app,
    url,
    log,
    alerts: capturing.alerts,
    post: (path, headers = {}, body = {}) =>
      fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      }),
    close: () => app.close(),
  };
}
