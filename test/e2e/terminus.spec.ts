import { Controller, Get } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';

import { RateMonitorService, type CounterStore } from '../../src/index.js';
import { RateMonitorHealthIndicator } from '../../src/health/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { until } from '../support/until.js';

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly rateMonitor: RateMonitorHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  check() {
    return this.health.check([() => this.rateMonitor.check('rate-monitor')]);
  }

  @Get('strict')
  @HealthCheck()
  strict() {
    return this.health.check([() => this.rateMonitor.check('rate-monitor', { failIfBlindForMs: 0 })]);
  }
}

describe('the health check of an app with terminus', () => {
  let app: TestApp;
  let isAway: boolean;

  const store: CounterStore = {
    name: 'a store',
    publish: (totals) =>
      isAway
        ? Promise.reject(new Error('away'))
        : Promise.resolve(totals.map(({ total }) => ({ count: total, announced: 0, announce: 0 }))),
    read: (keys) => Promise.resolve(keys.map(() => 0)),
  };
  const get = async (path: string): Promise<{ code: number; body: Record<string, unknown> }> => {
    const response = await fetch(app.url + path);
    return { code: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  beforeEach(async () => {
    isAway = false;
    app = await startApp({
      options: { store },
      metadata: { imports: [TerminusModule], controllers: [HealthController], providers: [RateMonitorHealthIndicator] },
    });
  });
  afterEach(() => app.close());

  it('answers 503 only if told to, in the format of terminus', async () => {
    const up = { 'rate-monitor': { status: 'up', monitoring: true, store: { name: 'a store', up: true } } };
    for (const path of ['/health', '/health/strict'])
      expect(await get(path)).toMatchObject({ code: 200, body: { status: 'ok', info: up, error: {} } });

    isAway = true;
    await app.app.get(RateMonitorService).record('llm_call', 'acme');
    await until(async () => (await get('/health/strict')).code !== 200);
    const blind = { monitoring: true, store: { name: 'a store', up: false } };
    expect(await get('/health')).toMatchObject({
      code: 200,
      body: { status: 'ok', info: { 'rate-monitor': { status: 'up', ...blind } }, error: {} },
    });
    const down = { 'rate-monitor': { status: 'down', ...blind } };
    expect(await get('/health/strict')).toMatchObject({
      code: 503,
      body: { status: 'error', info: {}, error: down, details: down },
    });

    isAway = false;
    await until(async () => (await get('/health/strict')).code === 200);
  });
});
