import { setTimeout as wait } from 'node:timers/promises';

import { Controller, Module, Param, Post, UseGuards, type ExecutionContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Redis } from 'ioredis';

import { CLOCK } from '../../src/counter/clock.js';
import {
  MonitorRate,
  RateCounterService,
  RateMonitorModule,
  RedisCounterStore,
  type RateAlert,
  type RateMonitorOptions,
} from '../../src/index.js';
import { AuthGuard, LlmController } from './controllers.js';
import { Flood, type Asked } from './flood.js';
import { monotonicMs } from './load.js';
import { MovedClock } from './moved-clock.js';
import { MemoryLogger } from './memory-logger.js';

/** Messages of an instance to its parent. */
export interface Told {
  url?: string;
  alert?: RateAlert;
  line?: string;
  answer?: number;
}

/** Moves the clock forward by this many milliseconds. */
export interface Advance {
  advance: number;
}

/** Counts by its outcome, in a category that only some tests configure. */
@UseGuards(AuthGuard)
@Controller('outcomes')
class OutcomesController {
  @Post(':tokens')
  @MonitorRate('llm_tokens', { after: Number })
  @MonitorRate('failures', { when: 'failure' })
  answer(@Param('tokens') tokens: string): string {
    if (tokens === 'none') throw new Error('no answer');
    return tokens;
  }
}

function contributor(context: ExecutionContext): string | undefined {
  return context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>().headers['x-key'];
}

class TellingLogger extends MemoryLogger {
  protected override keep(line: string): void {
    tell({ line });
  }
}

function tell(told: Told): void {
  process.send?.(told);
}

/**
 * Does what a publish does, again and again, beside the module: after a call that may still be in flight it waits for the flush interval and
 * calls Redis. `key` holds when the last such round began: what was answered before that had as much time to be published, on this machine
 * under this load.
 */
async function pace(redis: Redis, key: string, flushIntervalMs: number): Promise<void> {
  for (;;) {
    const began = monotonicMs();
    await redis.ping();
    await wait(flushIntervalMs);
    await redis.ping();
    await redis.set(key, began);
  }
}

/** One replica of an app in its own process. Reports its address, log lines and alerts to its parent. */
async function main(): Promise<void> {
  const options = JSON.parse(process.env.MONITOR_OPTIONS ?? '{}') as RateMonitorOptions;
  const redis = new Redis(process.env.MONITOR_REDIS_URL as string, { lazyConnect: true });
  const channels = [{ name: 'parent', send: (alert: RateAlert) => tell({ alert }) }];

  const byOutcome = 'llm_tokens' in (options.categories ?? {});
  const given = { ...options, redis, channels, ...(byOutcome ? { contributor } : {}) };

  @Module({
    imports: [RateMonitorModule.forRoot(given)],
    controllers: [LlmController, ...(byOutcome ? [OutcomesController] : [])],
  })
  class AppModule {}

  const clock = new MovedClock();
  if (process.env.MONITOR_MOVED_CLOCK) {
    // The module's clock, not Node's: timers are not affected.
    const providers = Reflect.getMetadata('providers', RateMonitorModule) as {
      provide?: unknown;
      useValue?: unknown;
    }[];
    for (const provider of providers) if (provider.provide === CLOCK) provider.useValue = clock;
    // The store reads Redis's time regularly, so move that clock too.
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
  const { MONITOR_PACE_KEY: paceKey } = process.env;
  if (paceKey) void pace(redis.duplicate(), paceKey, options.flushIntervalMs as number);
  tell({ url: await app.getUrl() });
}

void main();
