import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { testRateMonitor } from 'nestjs-rate-monitor/testing';

import { AppModule } from './app.module.js';

let app: INestApplication;
afterEach(() => app.close());

it('alerts once a minute on a project that asks too often', async () => {
  const builder = Test.createTestingModule({ imports: [AppModule] });
  const monitor = testRateMonitor(builder);
  app = (await builder.compile()).createNestApplication();
  await app.listen(0);
  const call = async () =>
    fetch(`${await app.getUrl()}/evaluations`, { method: 'POST', headers: { 'x-project': 'proj_1' } });

  for (let i = 0; i < 4; i++) await call();
  expect(monitor.alerts).toEqual([expect.objectContaining({ tenant: { id: 'proj_1', name: 'Acme' }, count: 4 })]);

  monitor.clock.advance(60_000);
  for (let i = 0; i < 4; i++) await call();
  expect(monitor.alerts).toHaveLength(2);
});
