import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';

import { RateCounterService, RateMonitorService, type TenantLike } from '../../../src/index.js';
import { startApp, type TestApp } from '../../support/app.js';
import { ImportWorker, NightlyEvaluations } from './workers.example.js';

describe('outside of requests', () => {
  let app: TestApp;
  const count = (category: string): Promise<number> => app.app.get(RateCounterService).read(category, 'acme');

  beforeEach(async () => {
    const metadata = { imports: [ScheduleModule.forRoot()], providers: [NightlyEvaluations, ImportWorker] };
    app = await startApp({ metadata });
  });
  afterEach(() => app.close());

  it('a cron job counts', async () => {
    await app.app.get(SchedulerRegistry).getCronJob('nightly-evaluations').fireOnTick();
    expect(await count('evaluations')).toBe(1);
  });

  it('a queue worker counts the cost of a job, and its alert is sent by the end of the job', async () => {
    await app.app.get(ImportWorker).process({ data: { projectId: 'acme', items: ['a', 'b', 'c', 'd'] } });
    expect(await count('collections')).toBe(4);
    expect(app.alerts).toEqual([
      expect.objectContaining({ category: 'collections', tenant: { id: 'acme' }, count: 4 }),
    ]);
  });

  it('logs once what cannot be recorded, and never throws', async () => {
    const monitor = app.app.get(RateMonitorService);
    const throwing = Object.defineProperty({}, 'id', {
      get() {
        throw new Error('no id');
      },
    }) as TenantLike;
    for (let i = 0; i < 2; i++) {
      await monitor.record('evaluation', 'acme');
      await monitor.record('evaluations', {} as TenantLike);
      await monitor.record('evaluations', throwing);
    }
    expect(app.log.of("'evaluation', which is not a category")).toHaveLength(1);
    expect(app.log.of('nor an object with one')).toHaveLength(2);
    expect(app.log.of('nor an object with one (no id)')).toHaveLength(1);
    expect(await count('evaluations')).toBe(0);
  });

  it('logs once each option that does not exist, and counts without it', async () => {
    const monitor = app.app.get(RateMonitorService);
    for (let i = 0; i < 2; i++)
      for (const options of [{ costs: 3 }, { cost: 1, tokens: 3 }, 3, null, undefined, {}])
        await monitor.record('evaluations', 'acme', options as never);
    expect(app.log.of('Until then')).toEqual([
      expect.stringContaining('costs is not an option of record(): write cost. Until then it has no effect'),
      expect.stringContaining('tokens is not an option of record(): write cost. Until then it has no effect'),
      expect.stringContaining('the options of record() are a number: write an object with cost. Until then it has no'),
    ]);
    expect(await count('evaluations')).toBe(12);
  });
});
