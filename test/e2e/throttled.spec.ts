import { Controller, Post, UseGuards } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ThrottlerGuard, ThrottlerModule } from '@nestjs/throttler';

import { MonitorRate, RateCounterService } from '../../src/index.js';
import { startApp } from '../support/app.js';

@Controller()
class Api {
  @Post('global')
  @MonitorRate('evaluations')
  global() {}
}

@UseGuards(ThrottlerGuard)
@Controller()
class Throttled {
  @Post('own')
  @MonitorRate('llm_call')
  own() {}
}

describe.each([
  ['Express', false],
  ['Fastify', true],
])('@nestjs/throttler on %s', (_platform, fastify) => {
  it.each([
    ['global', 'evaluations', Api, [{ provide: APP_GUARD, useClass: ThrottlerGuard }]],
    ['own', 'llm_call', Throttled, []],
  ])(
    '%s: requests that it lets through are counted, and those that it rejects with 429 are not',
    async (path, category, controller, providers) => {
      const app = await startApp({
        fastify,
        options: { tenant: () => 'acme', categories: { [category]: { threshold: 100 } } },
        metadata: {
          imports: [ThrottlerModule.forRoot([{ ttl: 60_000, limit: 3 }])],
          controllers: [controller],
          providers,
        },
      });
      const statuses: number[] = [];
      for (let i = 0; i < 8; i++) statuses.push((await app.post(`/${path}`)).status);
      expect(statuses).toEqual([201, 201, 201, 429, 429, 429, 429, 429]);
      expect(await app.app.get(RateCounterService).read(category, 'acme')).toBe(3);
      await app.close();
    },
  );
});
