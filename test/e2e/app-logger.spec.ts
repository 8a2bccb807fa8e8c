import { Controller, Post, type LoggerService } from '@nestjs/common';

import { LogChannel, MonitorRate, RateCounterService, RateMonitorService } from '../../src/index.js';
import { startApp } from '../support/app.js';
import { until } from '../support/until.js';

@Controller()
class Api {
  @Post('plain')
  @MonitorRate('evaluations')
  plain() {}

  @Post('cost')
  @MonitorRate('llm_call', { cost: () => Number.NaN })
  cost() {}

  @Post('after')
  @MonitorRate('llm_call', { after: () => Number.NaN })
  after() {}
}

it('an app logger that throws fails no request and ends no process, and an alert is logged once it works', async () => {
  const unhandled = jest.fn();
  process.on('unhandledRejection', unhandled);
  const refusing = { name: 'refusing', send: () => Promise.reject(new Error('no')) };
  const app = await startApp({
    metadata: { controllers: [Api] },
    options: {
      tenant: (context) =>
        context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-project'],
      channels: [new LogChannel(), refusing],
    },
  });
  const throws = jest.fn(() => {
    throw new Error('write after end');
  });
  const works: LoggerService = { ...app.log };
  Object.assign(app.log, { log: throws, warn: throws, error: throws });
  const requests = [['/plain'], ['/cost', 'acme'], ['/after', 'acme'], ...Array<string[]>(4).fill(['/plain', 'acme'])];
  for (const [path = '', tenant] of requests)
    expect([path, (await app.post(path, tenant ? { 'x-project': tenant } : {})).status]).toEqual([path, 201]);
  await app.app.get(RateMonitorService).record('unknown', 'acme');
  expect(await app.app.get(RateCounterService).read('evaluations', 'acme')).toBe(4);
  // Without a tenant, no cost, nothing after, the two channels, the unknown category.
  await until(() => throws.mock.calls.length >= 6);
  await new Promise((resolve) => setImmediate(resolve));
  Object.assign(app.log, works);
  await until(() => app.log.of('acme is over the evaluations threshold').length === 1);
  await app.close();
  process.off('unhandledRejection', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});
