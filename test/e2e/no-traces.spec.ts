import { randomUUID } from 'node:crypto';

import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import * as Sentry from '@sentry/nestjs';
import { Redis } from 'ioredis';

import {
  DiscordChannel,
  RateCounterService,
  SlackChannel,
  WebhookChannel,
  type AlertChannel,
} from '../../src/index.js';
import { anAlert, anIncident } from '../support/alerts.js';
import { startApp } from '../support/app.js';
import { calmCategories } from '../support/calm-window.js';
import { DiscordServer } from '../support/discord-server.js';
import { SentryIngest } from '../support/sentry-ingest.js';
import { SlackServer } from '../support/slack-server.js';
import type { StandIn } from '../support/stand-in.js';
import { until } from '../support/until.js';
import { WebhookServer } from '../support/webhook-server.js';

const KINDS: [string, () => StandIn, (url: string) => AlertChannel][] = [
  ['discord', () => new DiscordServer(), (url) => new DiscordChannel({ url })],
  ['slack', () => new SlackServer(), (url) => new SlackChannel({ url })],
  ['webhook', () => new WebhookServer(), (url) => new WebhookChannel({ url })],
];

/** Every kind of request that a channel makes: a post, an edit, a refused one. */
async function use(channel: AlertChannel, server: StandIn): Promise<void> {
  const previous = await channel.send(anIncident('opened'));
  await channel.send(anIncident('resolved'), previous ?? undefined);
  server.answerNext({ status: 500 });
  await Promise.resolve(channel.send(anAlert())).catch(() => undefined);
}

describe.each(KINDS)('the address of a %s channel', (_, serve, make) => {
  let server: StandIn;
  beforeEach(async () => (server = await serve().start()));
  afterEach(() => server.close());

  it('is in no span of OpenTelemetry', async () => {
    const exporter = new InMemorySpanExporter();
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    trace.setGlobalTracerProvider(provider);
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const stop = registerInstrumentations({
      instrumentations: [new UndiciInstrumentation()],
      tracerProvider: provider,
    });
    try {
      await trace.getTracer('app').startActiveSpan('request', async (span) => {
        await use(make(server.url), server);
        await fetch(new URL('/seen', server.url));
        span.end();
      });
      const seen = exporter.getFinishedSpans().map(({ attributes }) => attributes['url.full']);
      // The app's own request is traced, so the others could have been.
      expect(seen.filter(Boolean)).toEqual([String(new URL('/seen', server.url))]);
      expect(server.requests.length).toBeGreaterThan(3);
      for (const { headers } of server.requests.slice(0, -1)) expect(headers).not.toHaveProperty('traceparent');
    } finally {
      stop();
      trace.disable();
      context.disable();
      propagation.disable();
      await provider.shutdown();
    }
  });

  it('is in nothing that Sentry gets', async () => {
    const ingest = await SentryIngest.start();
    Sentry.init({ dsn: ingest.dsn, tracesSampleRate: 1 });
    await Sentry.startSpan({ name: 'request' }, async () => {
      await use(make(server.url), server);
      await fetch(new URL('/seen', server.url));
    });
    Sentry.captureMessage('of the app itself');
    await Sentry.flush(2_000);
    await Sentry.close(1_000);
    await ingest.close();
    const sent = ingest.bodies.join('\n');
    expect(sent).toContain('/seen');
    expect(sent).not.toContain('kept-secret');
  });
});

it('background work in Redis is no Sentry transaction, and a read within a span of the app is part of that span', async () => {
  const ingest = await SentryIngest.start();
  // Otherwise requests to this test's own server would become transactions too, endlessly.
  Sentry.init({ dsn: ingest.dsn, tracesSampler: ({ name }) => Number(!name.startsWith('POST')) });
  // The module opens its own connection; this client's connection would appear in a trace.
  const redis = new Redis(process.env.TEST_REDIS_URL as string, { lazyConnect: true });
  const app = await startApp({ options: { redis, keyPrefix: `test_${randomUUID()}`, categories: calmCategories() } });
  const counter = app.app.get(RateCounterService);
  try {
    await counter.increment('evaluations', 'proj_1', 4);
    await until(() => app.alerts.length === 1);
    await Sentry.startSpan({ name: 'of the app' }, () => counter.read('evaluations', 'proj_1'));
    await Sentry.flush(2_000);
    const transactions = ingest.bodies.filter((body) => body.includes('"type":"transaction"'));
    const named = (name: RegExp): string[] => transactions.filter((body) => name.test(body));
    expect(named(/"transaction":"redis-/)).toEqual([]);
    expect(named(/"transaction":"of the app"/)).toEqual([expect.stringContaining('redis-hget')]);
  } finally {
    await app.close();
    await Sentry.close(1_000);
    await ingest.close();
  }
});
