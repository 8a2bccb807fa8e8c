import { Controller, Post, UseGuards } from '@nestjs/common';
import * as Sentry from '@sentry/nestjs';

import { AlertService, LogChannel, MonitorRate, SentryChannel, type RateMonitorOptions } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { ApiController, AuthGuard } from '../support/controllers.js';
import { SentryIngest, type SentryEvent } from '../support/sentry-ingest.js';

const acme = { 'x-project': 'proj_1', 'x-name': 'Acme', authorization: 'Bearer sk-very-secret' };

@UseGuards(AuthGuard)
@Controller()
class PerTenant {
  @Post('by/:id')
  @MonitorRate('llm_call')
  call() {}
}

describe('the Sentry channel', () => {
  let ingest: SentryIngest;
  let app: TestApp;

  const start = async (options: RateMonitorOptions = {}): Promise<void> => {
    app = await startApp({
      metadata: { controllers: [ApiController, PerTenant] },
      options: { channels: undefined, ...options },
    });
  };
  const evaluate = async (times: number, headers: Record<string, string> = acme): Promise<void> => {
    for (let i = 0; i < times; i++) {
      expect((await app.post('/evaluations', headers, { prompt: 'my secret prompt' })).status).toBe(201);
    }
    await Sentry.flush(2_000);
  };

  beforeEach(async () => (ingest = await SentryIngest.start()));
  afterEach(async () => {
    await app.close();
    await Sentry.close(1_000);
    await ingest.close();
  });

  it('sends one event with who, where and how much, and nothing of the request', async () => {
    // Sentry 11 has another word for it.
    const everything = { sendDefaultPii: true, dataCollection: { userInfo: true } };
    Sentry.init({ dsn: ingest.dsn, ...everything });
    await start();
    await evaluate(6);
    expect(ingest.events).toHaveLength(1);
    const [event] = ingest.events as [SentryEvent];
    expect(event).toMatchObject({
      level: 'warning',
      fingerprint: ['rate-monitor', 'evaluations', 'proj_1'],
      tags: {
        'alert.type': 'threshold_rate_monitor',
        route_category: 'evaluations',
        tenant_id: 'proj_1',
        tenant_name: 'Acme',
        severity: 'warning',
        route: 'POST /evaluations',
        handler: 'ApiController.evaluate',
      },
      extra: { request_count: 4, threshold: 3, window_ms: 60_000, counted_by: 'all' },
    });
    expect(event.message).toMatch(
      /^Acme \(proj_1\) is over the evaluations threshold: 4 in 1 min, threshold 3 .* from \d{4}-/,
    );
    expect(event.request).toBeUndefined();
    const sent = ingest.bodies.join('\n');
    for (const secret of ['sk-very-secret', 'my secret prompt']) expect(sent).not.toContain(secret);
  });

  it('names the severity and fits tags into what Sentry takes', async () => {
    Sentry.init({ dsn: ingest.dsn });
    await start({
      categories: {
        evaluations: { threshold: 1, levels: [{ at: 1, severity: 'critical' }] },
        collections: { threshold: 1 },
        llm_call: { threshold: 1 },
      },
    });
    await evaluate(2, { 'x-project': 'p'.repeat(300), 'x-name': 'N'.repeat(3_000) });
    const [event] = ingest.events as [SentryEvent];
    expect(event.level).toBe('error');
    expect(event.tags.tenant_id).toHaveLength(200);
    expect(Object.values(event.tags).every((value) => value.length <= 200 && !value.includes('\n'))).toBe(true);
    expect(event.fingerprint[2]).toHaveLength(144);
  });

  it('sends nothing where Sentry is not set up, has no DSN or is closed', async () => {
    await start();
    await evaluate(5);
    Sentry.init({});
    await evaluate(5, { ...acme, 'x-project': 'proj_2' });
    Sentry.init({ dsn: ingest.dsn, enabled: false });
    await evaluate(5, { ...acme, 'x-project': 'proj_3' });
    expect(ingest.bodies).toEqual([]);
    expect(app.log.of('is over')).toHaveLength(3);
    expect(await app.app.get(AlertService).sendTest()).toContainEqual({
      channel: 'sentry',
      delivered: false,
      reason: 'Sentry is not set up in this app',
    });
  });

  it('harms nothing where Sentry throws', async () => {
    Sentry.init({
      dsn: ingest.dsn,
      integrations: [{ name: 'throws', setup: (client) => (client.captureMessage = () => JSON.parse('{') as string) }],
    });
    await start({ channels: [new SentryChannel(), new LogChannel()] });
    await evaluate(5);
    expect(app.log.of('is over')).toHaveLength(1);
    expect(app.log.of('The sentry channel could not send an alert of evaluations')).toHaveLength(1);
  });
});
