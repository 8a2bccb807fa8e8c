import { Controller, Post } from '@nestjs/common';

import { MonitorRate, RateMonitorService, type RateMonitorOptions } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { endsWithin } from '../support/until.js';

/** Calls of the slow function that have no answer yet. */
let unanswered: (() => void)[];
const slow = <T>(answer: T) => new Promise<T>((resolve) => unanswered.push(() => resolve(answer)));

@Controller()
class SlowController {
  @Post('before')
  @MonitorRate('calls')
  before(): void {}

  @Post('cost')
  @MonitorRate('calls', { cost: () => slow(1) })
  cost(): void {}

  @Post('after')
  @MonitorRate('calls', { after: () => slow(1) })
  after(): void {}

  @Post('outcome')
  @MonitorRate('calls', { when: 'success' })
  outcome(): void {}
}

describe.each<[string, string, RateMonitorOptions]>([
  ['skipIf', 'before', { skipIf: () => slow(false) }],
  ['tenant', 'before', { tenant: () => slow('acme') }],
  ['tenant of an outcome', 'outcome', { tenant: () => slow('acme') }],
  ['cost', 'cost', {}],
  ['after', 'after', {}],
  ['threshold', 'before', { categories: { calls: { threshold: () => slow(0) } } }],
  ['threshold of an outcome', 'outcome', { categories: { calls: { threshold: () => slow(0) } } }],
])('A slow function (%s)', (_function, path, options) => {
  let app: TestApp;

  beforeEach(async () => {
    unanswered = [];
    app = await startApp({
      options: { tenant: () => 'acme', categories: { calls: { threshold: 0 } }, waitAtMostMs: 1, ...options },
      metadata: { controllers: [SlowController] },
    });
    expect((await app.post(`/${path}`)).status).toBe(201);
  });
  const answer = (): void => {
    expect(unanswered).toHaveLength(1);
    unanswered[0]?.();
  };

  it('is waited for by flush(), which a frozen function calls last', async () => {
    const flushed = app.app.get(RateMonitorService).flush(20_000);
    expect(await endsWithin(flushed, 100)).toBe(false);
    answer();
    expect(await flushed).toBe(true);
    expect(app.alerts).toEqual([expect.objectContaining({ category: 'calls', count: 1 })]);
    await app.close();
  });

  it('makes flush() return false if it does not answer in time', async () => {
    expect(await app.app.get(RateMonitorService).flush(50)).toBe(false);
    answer();
    await app.close();
    expect(app.alerts).toHaveLength(1);
  });

  it('is waited for when the app closes', async () => {
    const closed = app.close();
    expect(await endsWithin(closed, 300)).toBe(false);
    answer();
    await closed;
    expect(app.alerts).toHaveLength(1);
  });

  it('is logged as unanswered when the app closes, and not again if it answers later', async () => {
    await app.close();
    answer();
    await new Promise(setImmediate);
    expect(app.log.of('shut down')).toEqual([expect.stringContaining('before 1 call of its functions')]);
  });
});
