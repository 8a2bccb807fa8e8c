import { Module, type DynamicModule } from '@nestjs/common';
import type { Redis } from 'ioredis';
// In an app of yours: from 'nestjs-rate-monitor'.
import { DiscordChannel, RateMonitorModule } from '../src/index.js';
import { LlmController } from './api.controllers.js';

/** So short that an incident is over while you watch; a real one is a minute. */
export const WINDOW_MS = 2_000;

/** The API, with incidents sent to Discord. */
@Module({ controllers: [LlmController] })
export class IncidentModule {
  /** @param redis - Left out: the app counts in its own memory. */
  static telling(url: string, redis?: Redis): DynamicModule {
    return {
      module: IncidentModule,
      imports: [
        RateMonitorModule.forRoot({
          incidents: { resolveAfterMs: 2 * WINDOW_MS },
          ...(redis ? { redis } : {}),
          // There is no other tenant whose alert could come along.
          groupWaitMs: 0,
          channels: [new DiscordChannel({ url, environment: 'demo' })],
          categories: {
            llm_call: {
              threshold: 3,
              windowMs: WINDOW_MS,
              levels: [
                { at: 1, severity: 'warning' },
                { at: 5, severity: 'critical' },
              ],
            },
          },
        }),
      ],
    };
  }
}
