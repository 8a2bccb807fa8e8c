import { Module, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { RateCounterService, RateMonitorModule, RateMonitorService } from 'nestjs-rate-monitor';
import { testRateMonitor, type TestedRateMonitor } from 'nestjs-rate-monitor/testing';

import { MemoryLogger } from '../../support/memory-logger.js';
import { until } from '../../support/until.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

describe('testRateMonitor', () => {
  const told: string[] = [];

  @Module({
    imports: [
      RateMonitorModule.forRoot({
        enabled: false,
        incidents: true,
        categories: { imports: { threshold: 1 } },
        channels: [{ name: 'pager', send: (alert) => void told.push(alert.category) }],
      }),
    ],
  })
  class AppModule {}

  const start = async (): Promise<[INestApplication, TestedRateMonitor]> => {
    const builder = Test.createTestingModule({ imports: [AppModule] });
    const monitor = testRateMonitor(builder);
    const app = (await builder.setLogger(new MemoryLogger()).compile()).createNestApplication();
    await app.init();
    return [app, monitor];
  };

  it("monitors even if the app turns it off, and sends nothing to the app's channels", async () => {
    const [app, monitor] = await start();
    for (let i = 0; i < 2; i++) await app.get(RateMonitorService).record('imports', 'acme');
    expect(monitor.alerts).toHaveLength(1);
    expect(told).toEqual([]);
    await app.close();
  });

  it("keeps the app's categories, and stays in one window while the clock stands still", async () => {
    const [app, monitor] = await start();
    const counter = app.get(RateCounterService);
    await counter.increment('imports', 'acme');
    monitor.clock.advance(60_000 - (monitor.clock.now() % 60_000) - 1);
    expect(await counter.read('imports', 'acme')).toBe(1);
    monitor.clock.advance(1);
    expect(await counter.read('imports', 'acme')).toBe(0);
    await app.close();
  });

  it('does not move the clock to an invalid time, in which nothing could be counted', async () => {
    const [app, monitor] = await start();
    const before = monitor.clock.now();
    for (const ms of [NaN, Infinity, '5', undefined])
      expect(() => monitor.clock.advance(ms as number)).toThrow(
        new RangeError('the clock was not moved: write a finite number of milliseconds'),
      );
    expect(monitor.clock.now()).toBe(before);
    await app.close();
  });

  it('asks a threshold function again once its result has expired by the clock', async () => {
    const asked: string[] = [];
    let limit = 1;
    const threshold = ({ id }: { id: string }) => {
      asked.push(id);
      return Promise.resolve(limit);
    };
    const day = { windowMs: DAY_MS, threshold };
    const builder = Test.createTestingModule({
      imports: [RateMonitorModule.forRoot({ thresholdTtlMs: HOUR_MS, categories: { imports: { threshold }, day } })],
    });
    const monitor = testRateMonitor(builder);
    const app = await builder.setLogger(new MemoryLogger()).compile();
    await app.init();
    const record = async (): Promise<void> => app.get(RateMonitorService).record('imports', 'acme');
    for (let i = 0; i < 2; i++) await record();
    limit = 5;
    monitor.clock.advance(HOUR_MS);
    for (let i = 0; i < 5; i++) await record();
    expect(monitor.alerts.map(({ count, threshold }) => [count, threshold])).toEqual([[2, 1]]);
    await record();
    expect(monitor.alerts.map(({ count, threshold }) => [count, threshold])).toEqual([
      [2, 1],
      [6, 5],
    ]);

    // Within a window, soon after that.
    monitor.clock.advance(DAY_MS - (monitor.clock.now() % DAY_MS));
    const times = (): number => asked.filter((id) => id === 'longer').length;
    await app.get(RateMonitorService).record('day', 'longer');
    for (let known = 1; known < 3; known++) {
      expect(times()).toBe(known);
      monitor.clock.advance(HOUR_MS);
      await until(async () => {
        await app.get(RateMonitorService).record('day', 'longer');
        return times() > known;
      });
    }
    await app.close();
  });

  it('alerts once per window, even if the app turns on incidents', async () => {
    const [app, monitor] = await start();
    for (const alerts of [1, 2]) {
      for (let i = 0; i < 2; i++) await app.get(RateMonitorService).record('imports', 'acme');
      expect(monitor.alerts).toHaveLength(alerts);
      monitor.clock.advance(60_000);
    }
    await app.close();
  });

  it('needs no timer except setImmediate once the app has started', async () => {
    const [app, monitor] = await start();
    jest.useFakeTimers({ doNotFake: ['setImmediate'] });
    try {
      for (let i = 0; i < 2; i++) await app.get(RateMonitorService).record('imports', 'acme');
      expect(monitor.alerts).toHaveLength(1);
      await app.close();
    } finally {
      jest.useRealTimers();
    }
  });

  it('gives each app its own counts and alerts', async () => {
    const [[one, oneMonitor], [other, otherMonitor]] = [await start(), await start()];
    for (let i = 0; i < 2; i++) await one.get(RateMonitorService).record('imports', 'acme');
    expect(await other.get(RateCounterService).read('imports', 'acme')).toBe(0);
    expect([oneMonitor.alerts.length, otherMonitor.alerts.length]).toEqual([1, 0]);
    await Promise.all([one.close(), other.close()]);
  });
});
