import { Module, type DynamicModule } from '@nestjs/common';
// In an app of yours: from 'nestjs-rate-monitor'.
import { DiscordChannel, RateMonitorModule } from '../src/index.js';
import { LlmController } from './api.controllers.js';

/** So short that an incident is over while you watch; a real one is a minute. */
export const WINDOW_MS = 2_000;

/** The API, with incidents told in Discord. */
@Module({ controllers: [LlmController] })
export class IncidentModule {
  static telling(url: string): DynamicModule {
    return {
      module: IncidentModule,
      imports: [
        RateMonitorModule.forRoot({
          incidents: true,
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
