import { Controller, Post } from '@nestjs/common';

import {
  AlertService,
  LogChannel,
  MonitorRate,
  RateMonitorModule,
  RateMonitorService,
  ThresholdService,
  UsageService,
} from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';

const REMEDY = 'write it in categories, which is empty';

describe('an app without categories', () => {
  let app: TestApp | undefined;
  afterEach(() => app?.close());

  it('is told to add one, wherever it names one', async () => {
    app = await startApp({ options: { categories: {} } });
    const { app: nest, log } = app;
    await nest.get(RateMonitorService).record('llm_call', 'acme');
    expect(log.of("'llm_call', which is not a category")).toEqual([expect.stringMatching(new RegExp(`: ${REMEDY}$`))]);
    const mute = { category: 'llm_call', forMs: 1_000, reason: 'x' };
    const threshold = { category: 'llm_call', threshold: 1, reason: 'x', by: 'dana' };
    for (const refused of [
      () => nest.get(AlertService).mute(mute),
      () => nest.get(ThresholdService).set(threshold),
      () => nest.get(UsageService).top('llm_call'),
    ])
      await expect(refused()).rejects.toThrow(new RegExp(`: ${REMEDY}$`));
    expect(log.of('categories is empty')).toHaveLength(1);
  });

  it('does not boot with a mark, or with a channel for a category', async () => {
    @Controller()
    class Marked {
      @Post()
      @MonitorRate('llm_call')
      call() {}
    }
    const boot = (metadata: object, channels?: LogChannel[]): Promise<TestApp> =>
      startApp({ monitor: RateMonitorModule.forRoot({ categories: {}, channels }), metadata });
    await expect(boot({ controllers: [Marked] })).rejects.toThrow(
      `@MonitorRate on Marked.call names 'llm_call', which is not a category: ${REMEDY}`,
    );
    await expect(boot({}, [new LogChannel({ categories: ['llm_call'] })])).rejects.toThrow(
      `channels[0].categories is a list with 'llm_call', which is not a category: ${REMEDY}`,
    );
  });
});
