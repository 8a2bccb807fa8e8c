import { setTimeout as wait } from 'node:timers/promises';

import { Controller, Module, Param, Post, UseGuards, type ExecutionContext, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Redis } from 'ioredis';

import { CLOCK } from '../../src/counter/clock.js';
import {
  MonitorRate,
  RateCounterService,
  RateMonitorModule,
  RateMonitorService,
  RedisCounterStore,
  ThresholdService,
  type RateAlert,
  type RateMonitorOptions,
  type SetThresholdOptions,
  type Tenant,
  type ThresholdScope,
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

/** Publishes what was counted and sends the alerts of it, within this many milliseconds; the answer is 1 if nothing is left. */
export interface Flush {
  flush: number;
}

/** Sets or removes a threshold; the answer is how many are set then. */
export type ChangeThreshold =
  { set: Omit<SetThresholdOptions, 'until' | 'reason' | 'by'> & { forMs?: number } } | { remove: ThresholdScope };

/** Has a handler for the category. */
function controllerOf(category: string): Type {
  @UseGuards(AuthGuard)
  @MonitorRate(category)
  @Controller('categories')
  class CategoryController {
    @Post(category)
    call(): string {
      return 'ok';
    }
  }
  return CategoryController;
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
 * Imitates publishing in a loop, beside the module: after a call that may still be in flight, it waits for the flush interval and calls
 * Redis. `key` holds when the last round began: requests answered before that had enough time to be published, on this machine under this
 * load.
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
  const options = JSON.parse(process.env.MONITOR_OPTIONS ?? '{}', (_, value: unknown) =>
    value === 'Infinity' ? Infinity : value,
  ) as RateMonitorOptions;
  const redis = new Redis(process.env.MONITOR_REDIS_URL as string, { lazyConnect: true });
  const channels = [{ name: 'parent', send: (alert: RateAlert) => tell({ alert }) }];

  const categories = Object.keys(options.categories ?? {});
  const byOutcome = categories.includes('llm_tokens');
  const hasContributors = byOutcome || categories.includes('keyed');
  // Handlers of other categories would stop the boot of an app that does not configure those.
  const hasUsual = !options.categories || ['llm_call', 'evaluations'].every((name) => categories.includes(name));
  const exempt = ({ id }: Tenant): boolean => id.startsWith('internal_');
  const given = { ...options, redis, channels, exempt, ...(hasContributors ? { contributor } : {}) };

  @Module({
    imports: [RateMonitorModule.forRoot(given)],
    controllers: [
      ...categories.map(controllerOf),
      ...(hasUsual ? [LlmController] : []),
      ...(byOutcome ? [OutcomesController] : []),
    ],
  })
  class AppModule {}

  const clock = new MovedClock();
  if (process.env.MONITOR_MOVED_CLOCK) {
    clock.advance(Number(process.env.MONITOR_MOVED_CLOCK));
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
  const thresholds = app.get(ThresholdService);
  const change = async (asked: ChangeThreshold): Promise<number> => {
    const why = { reason: 'test', by: 'dana' };
    if ('remove' in asked) await thresholds.remove({ ...asked.remove, ...why });
    else {
      const { forMs, ...scope } = asked.set;
      const until = forMs === undefined ? undefined : new Date(clock.now() + forMs);
      await thresholds.set({ ...scope, until, ...why });
    }
    return (await thresholds.list()).length;
  };
  process.on('message', (asked: Asked | Advance | Flush | ChangeThreshold) => {
    if ('advance' in asked) tell({ answer: clock.advance(asked.advance) });
    else if ('flush' in asked)
      void app
        .get(RateMonitorService)
        .flush(asked.flush)
        .then((isDone) => tell({ answer: Number(isDone) }));
    else if ('set' in asked || 'remove' in asked) void change(asked).then((answer) => tell({ answer }));
    else void flood.answer(asked).then((answer) => tell({ answer }));
  });
  const { MONITOR_PACE_KEY: paceKey } = process.env;
  if (paceKey) void pace(redis.duplicate(), paceKey, options.flushIntervalMs as number);
  tell({ url: await app.getUrl() });
}

void main();
