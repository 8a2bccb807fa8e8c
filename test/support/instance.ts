import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Redis } from 'ioredis';

import { CLOCK } from '../../src/counter/clock.js';
import {
  RateCounterService,
  RateMonitorModule,
  RedisCounterStore,
  type RateAlert,
  type RateMonitorOptions,
} from '../../src/index.js';
import { LlmController } from './controllers.js';
import { Flood, type Asked } from './flood.js';
import { MovedClock } from './moved-clock.js';
import { MemoryLogger } from './memory-logger.js';

/** What an instance tells its parent. */
export interface Told {
  url?: string;
  alert?: RateAlert;
  line?: string;
  answer?: number;
}

/** Moves the clock on by so many milliseconds. */
export interface Advance {
  advance: number;
}

class TellingLogger extends MemoryLogger {
  protected override keep(line: string): void {
    tell({ line });
  }
}

function tell(told: Told): void {
  process.send?.(told);
}

/** One replica of an app, as a process of its own: tells its parent its address, what it logs and each alert it raises. */
async function main(): Promise<void> {
  const options = JSON.parse(process.env.MONITOR_OPTIONS ?? '{}') as RateMonitorOptions;
  const redis = new Redis(process.env.MONITOR_REDIS_URL as string, { lazyConnect: true });
  const channels = [{ name: 'parent', send: (alert: RateAlert) => tell({ alert }) }];

  @Module({ imports: [RateMonitorModule.forRoot({ ...options, redis, channels })], controllers: [LlmController] })
  class AppModule {}

  const clock = new MovedClock();
  if (process.env.MONITOR_MOVED_CLOCK) {
    // The clock of the module, not Node's: timers go on as ever.
    const providers = Reflect.getMetadata('providers', RateMonitorModule) as {
      provide?: unknown;
      useValue?: unknown;
    }[];
    for (const provider of providers) if (provider.provide === CLOCK) provider.useValue = clock;
    // Redis is asked for its time now and then: its clock moves along.
    const time = Reflect.get<RedisCounterStore, 'time'>(RedisCounterStore.prototype, 'time');
    RedisCounterStore.prototype.time = async function (this: RedisCounterStore) {
      return (await time.call(this)) + clock.aheadMs;
    };
  }

  const logger = new TellingLogger();
  const app = process.env.MONITOR_FASTIFY
    ? await NestFactory.create(AppModule, new FastifyAdapter(), { logger })
    : await NestFactory.create(AppModule, { logger });
  app.enableShutdownHooks();
  await app.listen(0, '127.0.0.1');
  const flood = new Flood(app.get(RateCounterService));
  process.on('message', (asked: Asked | Advance) => {
    if ('advance' in asked) tell({ answer: clock.advance(asked.advance) });
    else void flood.answer(asked).then((answer) => tell({ answer }));
  });
  tell({ url: await app.getUrl() });
}

void main();
