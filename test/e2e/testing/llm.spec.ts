import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { testRateMonitor } from 'nestjs-rate-monitor/testing';

import { AppModule } from './app.module.js';

let app: INestApplication;
afterEach(() => app.close());

it('tells once a minute of a project that calls the model too often', async () => {
  const builder = Test.createTestingModule({ imports: [AppModule] });
  const monitor = testRateMonitor(builder);
  app = (await builder.compile()).createNestApplication();
  await app.listen(0);
  const call = async () =>
    fetch(`${await app.getUrl()}/llm/call`, { method: 'POST', headers: { 'x-project': 'acme' } });

  for (let i = 0; i < 16; i++) await call();
  expect(monitor.alerts).toEqual([expect.objectContaining({ tenant: { id: 'acme' }, count: 16 })]);

  monitor.clock.advance(60_000);
  for (let i = 0; i < 16; i++) await call();
  expect(monitor.alerts).toHaveLength(2);
});
