import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

// In an app of yours: from 'nestjs-rate-monitor' and 'nestjs-rate-monitor/dashboard'.
import { RateMonitorDashboardModule } from '../src/dashboard/index.js';
import { LogChannel, MemoryCounterStore, RateMonitorModule } from '../src/index.js';
import { CollectionsController, EvaluationsController, LlmController } from './api.controllers.js';
import { CUSTOMERS, usualIn, type Customer } from './customers.js';
import { pastDay } from './past-day.js';

const PATHS = { llm_call: '/llm/call', evaluations: '/evaluations', collections: '/collections' };
const CATEGORIES = Object.keys(PATHS) as (keyof typeof PATHS)[];
/** Runs away, in requests a second: one after the other, each for a few minutes. */
const RUNAWAYS = [
  { customer: 0, category: 'llm_call', perSecond: 4 },
  { customer: 3, category: 'llm_call', perSecond: 0.5 },
  { customer: 5, category: 'evaluations', perSecond: 0.2 },
] as const;

@Module({ controllers: [LlmController, EvaluationsController, CollectionsController] })
class PageModule {
  static over(store: MemoryCounterStore): DynamicModule {
    const levels = [
      { at: 1, severity: 'warning' as const },
      { at: 5, severity: 'critical' as const },
    ];
    return {
      module: PageModule,
      imports: [
        RateMonitorModule.forRoot({
          store,
          incidents: true,
          channels: [new LogChannel()],
          categories: {
            llm_call: { threshold: 15, levels },
            evaluations: { threshold: 3, levels },
            collections: { threshold: 3, levels },
          },
        }),
        // Everyone on this machine may see the demo. Your app checks who asks.
        RateMonitorDashboardModule.forRoot({ authorize: () => 'you' }),
      ],
    };
  }
}

/** The page over an API with forty customers: a day behind them, three of them running away. Stays open until it is stopped. */
export async function showPage(): Promise<never> {
  const clock = { now: 0 };
  const store = new MemoryCounterStore(() => (clock.now === 0 ? Date.now() : clock.now));
  await pastDay(store, clock, CATEGORIES, CUSTOMERS);
  const app = await NestFactory.create(PageModule.over(store), { logger: ['error', 'warn'] });
  await app.listen(process.env.PORT ?? 0, '127.0.0.1');
  const url = await app.getUrl();
  console.log(
    `\nThe page: ${url}/rate-monitor\n\nForty customers call the API, and three of them run away. Ctrl+C ends it.\n`,
  );
  setInterval(() => void live(url), 1_000);
  return new Promise(() => undefined);
}

/** One second of requests. */
async function live(url: string): Promise<void> {
  const minute = Math.floor(Date.now() / 60_000);
  const calls: Promise<unknown>[] = [];
  const call = (category: keyof typeof PATHS, { apiKey }: Customer): void =>
    void calls.push(fetch(url + PATHS[category], { method: 'POST', headers: { 'x-api-key': apiKey } }));
  for (const customer of CUSTOMERS)
    for (const category of CATEGORIES)
      if (Math.random() < usualIn(customer, category, minute) / 60) call(category, customer);
  for (const { customer, category, perSecond } of RUNAWAYS)
    for (let left = perSecond; left > 0 && (left >= 1 || Math.random() < left); left--)
      call(category, CUSTOMERS[customer] as Customer);
  // One that is not answered is no reason to end the demo.
  await Promise.allSettled(calls);
}
