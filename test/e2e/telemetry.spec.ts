import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Module } from '@nestjs/common';
import { metrics } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { Test } from '@nestjs/testing';
import * as Sentry from '@sentry/nestjs';

import { Deferred } from '../../src/util/deferred.js';
import { MONITOR_VIEW, type MonitorView } from '../../src/facade/monitor-view.js';
import { RateMonitorHealthIndicator } from '../../src/health/index.js';
import { MemoryCounterStore } from '../../src/index.js';
import { FIGURES } from '../../src/telemetry/metrics.js';
import { sendToSentry } from '../../src/telemetry/sentry-metrics.js';
import { observeWithOpenTelemetry } from '../../src/telemetry/open-telemetry.js';
import { BreachCounts, StickyLabels } from '../../src/telemetry/breach-counts.js';
import { VERSION } from '../../src/util/version.js';
import { startApp } from '../support/app.js';
import { LlmController } from '../support/controllers.js';
import { SentryIngest } from '../support/sentry-ingest.js';
import { seenMonitor } from '../support/dashboard.js';
import { freePort } from '../support/free-port.js';
import { MemoryLogger } from '../support/memory-logger.js';
import { until } from '../support/until.js';

const NOW = 1_790_002_800_000;

function hasPrometheus(): boolean {
  try {
    execFileSync('prometheus', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

interface SentMetric {
  name: string;
  type: string;
  value: number;
  unit: string;
  attributes: Record<string, { value: unknown } | undefined>;
}

/** The metrics in a line of what Sentry was sent. */
function metricsIn(line: string): SentMetric[] {
  const { items = [] } = (line.startsWith('{"') ? JSON.parse(line) : {}) as { items?: SentMetric[] };
  return items;
}

const named = (category: string, tenant: string) => ({
  'rate_monitor.category': category,
  'rate_monitor.tenant': tenant,
  'rate_monitor.severity': 'warning',
});

describe('metrics', () => {
  it('labels the first tenants permanently, and all later ones as other', () => {
    const labels = new StickyLabels(2);
    expect(['a', 'b', 'c', 'a', 'd', 'b'].map((tenant) => labels.labelOf(tenant))).toEqual([
      ...['a', 'b', 'other', 'a', 'other', 'b'],
    ]);
    const counts = new BreachCounts(1);
    for (let i = 0; i < 500; i++)
      counts.add({ category: 'llm', tenant: { id: `t${i}` }, level: { at: 1, severity: 'warning' } });
    expect(counts.observe()).toEqual([
      { value: 1, attributes: named('llm', 't0') },
      { value: 499, attributes: named('llm', 'other') },
    ]);
  });

  it('never gives two tenants the same label, nor one the label of the rest', () => {
    const counts = new BreachCounts(6);
    // In UTF-8, all lone halves of surrogate pairs look the same.
    const ids = [`${'x'.repeat(200)}1`, `${'x'.repeat(200)}2`, 'other', 'other [id]', 'a\ud800', 'a\ud801', 'rest'];
    for (const id of ids) counts.add({ category: 'llm', tenant: { id }, level: { at: 1, severity: 'warning' } });
    expect(counts.observe().map(({ attributes }) => attributes)).toEqual([
      named('llm', expect.stringMatching(/^x{100}~/) as string),
      named('llm', expect.stringMatching(/^x{100}~/) as string),
      ...['other [id]', 'other [id] [id]'].map((tenant) => named('llm', tenant)),
      ...[0, 1].map(() => named('llm', expect.stringMatching(/^a \[altered #[0-9a-f]{6}\]$/) as string)),
      named('llm', 'other'),
    ]);
    expect(new Set(counts.observe().map(({ attributes }) => attributes?.['rate_monitor.tenant'])).size).toBe(7);
  });

  it('is observed by the OpenTelemetry SDK and scraped by Prometheus', async () => {
    const { view } = seenMonitor(NOW);
    const exporter = new PrometheusExporter({ port: await freePort(), host: '127.0.0.1', preventServerStart: true });
    const port = await freePort();
    Object.assign(exporter, { _port: port });
    await exporter.startServer();
    const provider = new MeterProvider({ readers: [exporter] });
    metrics.setGlobalMeterProvider(provider);
    let observed = 0;
    const end = await observeWithOpenTelemetry({
      ...view,
      breaches: () => [{ value: (observed++, 7), attributes: named('llm_call', 'proj_1') }],
    });
    const { listeners } = view.counter().stats;
    for (const ms of [0.7, 4, 4, 300]) for (const listener of listeners) listener(ms);
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    for (const line of [
      /^rate_monitor_requests_counted_total\{.*\} 61$/m,
      /^rate_monitor_requests_uncounted_total\{.*\} 2$/m,
      /^rate_monitor_requests_lost_total\{.*\} 4$/m,
      /^rate_monitor_requests_waited_total\{.*\} 7$/m,
      /^rate_monitor_requests_wait_time(_seconds)?_total\{.*\} 3\.5$/m,
      /^rate_monitor_publishes_total\{.*\} 9$/m,
      /^rate_monitor_publish_errors_total\{.*\} 3$/m,
      /^rate_monitor_publish_duration(_seconds)?_bucket\{.*le="0\.001"\} 1$/m,
      /^rate_monitor_publish_duration(_seconds)?_bucket\{.*le="0\.005"\} 3$/m,
      /^rate_monitor_publish_duration(_seconds)?_bucket\{.*le="0\.5"\} 4$/m,
      /^rate_monitor_publish_duration(_seconds)?_count\{.*\} 4$/m,
      /^rate_monitor_publish_duration(_seconds)?_sum\{.*\} 0\.3087$/m,
      /^rate_monitor_alerts_queued.*\{rate_monitor_channel="discord".*\} 3$/m,
      /^rate_monitor_incidents_open.* 1$/m,
      /^# HELP rate_monitor_incidents_open .* take the maximum, not the sum$/m,
      /^rate_monitor_breaches_total\{rate_monitor_category="llm_call",rate_monitor_tenant="proj_1",rate_monitor_severity="warning".*\} 7$/m,
      /^rate_monitor_channel_up.*\{rate_monitor_channel="discord".*\} 0$/m,
      /^rate_monitor_store_up.* 1$/m,
    ])
      expect(text).toMatch(line);
    if (hasPrometheus()) {
      const directory = mkdtempSync(join(tmpdir(), 'prometheus-'));
      const config = join(directory, 'prometheus.yml');
      writeFileSync(
        config,
        `global: { scrape_interval: 1s }\nscrape_configs: [{ job_name: app, static_configs: [{ targets: ['127.0.0.1:${port}'] }] }]\n`,
      );
      const web = await freePort();
      const args = [
        `--config.file=${config}`,
        `--storage.tsdb.path=${directory}/data`,
        `--web.listen-address=127.0.0.1:${web}`,
      ];
      const prometheus = spawn('prometheus', args, { stdio: 'ignore' });
      try {
        await until(async () => {
          const url = `http://127.0.0.1:${web}/api/v1/query?query=rate_monitor_breaches_total`;
          const answer = (await fetch(url).then(
            (response) => (response.ok ? response.json() : undefined),
            () => undefined,
          )) as { data?: { result?: { value?: string[] }[] } } | undefined;
          return answer?.data?.result?.[0]?.value?.[1] === '7';
        }, 30_000);
      } finally {
        const gone = new Promise((resolve) => prometheus.once('exit', resolve));
        prometheus.kill('SIGKILL');
        await gone;
        rmSync(directory, { recursive: true, force: true });
      }
    }
    end();
    const before = observed;
    await fetch(`http://127.0.0.1:${port}/metrics`);
    expect([before > 0, observed, listeners.size]).toEqual([true, before, 0]);
    await provider.shutdown();
    metrics.disable();
  });

  it('measures how long publishing took, what failed, and how long requests waited', async () => {
    const store = new MemoryCounterStore();
    const publish = store.publish.bind(store);
    let isAway = false;
    store.publish = async (...totals) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (isAway) throw new Error('away');
      return publish(...totals);
    };
    const { app, post, close } = await startApp({
      options: { store, counting: 'await' },
      metadata: { controllers: [LlmController] },
    });
    try {
      const view = app.get<Deferred<MonitorView>>(MONITOR_VIEW).value as MonitorView;
      const figure = (name: string) =>
        FIGURES.find((one) => one.name === `rate_monitor.${name}`)?.observe(view)[0]?.value as number;
      const took: number[] = [];
      view.counter().stats.listeners.add((ms) => took.push(ms));
      for (let i = 0; i < 3; i++) await post('/llm/call', { 'x-project': 'p' });
      expect([took.length, Math.min(...took) > 18]).toEqual([figure('publishes'), true]);
      expect(figure('requests.waited')).toBe(3);
      expect(figure('requests.wait_time')).toBeGreaterThan(0.055);
      expect(figure('requests.wait_time')).toBeLessThan(3);
      expect([figure('publishes') >= 3, figure('publish.errors')]).toEqual([true, 0]);
      expect(figure('publish.duration')).toBeGreaterThan(0.055);
      isAway = true;
      await post('/llm/call', { 'x-project': 'p' });
      await until(() => figure('publish.errors') > 0);
    } finally {
      isAway = false;
      await close();
    }
  });

  it('goes to Sentry as gauges and as increments, if its SDK has metrics', async () => {
    const ingest = await SentryIngest.start();
    Sentry.init({ dsn: ingest.dsn, sendDefaultPii: true });
    // Set by a queue worker for one of its jobs: without its own scope, it stays for the whole process.
    Sentry.setUser({ id: 'of one job' });
    try {
      const { view } = seenMonitor(NOW);
      let breaches = 7;
      const observed = () => [{ value: breaches, attributes: named('llm_call', 'p') }];
      const end = sendToSentry({ ...view, breaches: observed }, 20);
      const sent = () => ingest.bodies.flatMap((body) => body.split('\n').flatMap(metricsIn));
      const of = (name: string) => sent().filter((one) => one.name === `rate_monitor.${name}`);
      await until(async () => (await Sentry.flush(2_000)) && of('breaches').length > 0);
      breaches = 9;
      end();
      await Sentry.flush(2_000);
      expect(of('breaches').map(({ type, value }) => [type, value])).toEqual([
        ['counter', 7],
        ['counter', 2],
      ]);
      expect(of('breaches')[0]).toMatchObject({
        unit: '{breach}',
        attributes: { 'rate_monitor.tenant': { value: 'p' } },
      });
      expect(of('publish.duration').map(({ value }) => value)).toEqual([0.45]);
      expect(
        of('channel.up').some(({ type, value, attributes }) => {
          return type === 'gauge' && value === 0 && attributes['rate_monitor.channel']?.value === 'discord';
        }),
      ).toBe(true);
      expect(ingest.bodies.join()).not.toContain('of one job');
      const before = sent().length;
      await new Promise((resolve) => setTimeout(resolve, 60));
      await Sentry.flush(2_000);
      expect(sent()).toHaveLength(before);
    } finally {
      Sentry.getIsolationScope().clear();
      await Sentry.close();
      await ingest.close();
    }
  });

  it('knows the version of the package', () => {
    expect(VERSION).toBe((JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version);
  });
});

describe('the health check', () => {
  const started = async (logger = new MemoryLogger()) => {
    const monitor = seenMonitor(NOW);
    const view = new Deferred<typeof monitor.view>();
    const testing = await Test.createTestingModule({
      imports: [TerminusModule],
      providers: [RateMonitorHealthIndicator, { provide: MONITOR_VIEW, useValue: view }],
    })
      .setLogger(logger)
      .compile();
    return {
      monitor,
      view,
      health: testing.get(HealthCheckService),
      indicator: testing.get(RateMonitorHealthIndicator),
    };
  };

  it('reports through terminus and never fails by default', async () => {
    const { monitor, view, health, indicator } = await started();
    const check = () => health.check([() => indicator.check('rate-monitor')]);
    expect(await check()).toMatchObject({
      status: 'ok',
      details: { 'rate-monitor': { status: 'up', monitoring: false } },
    });
    view.set(monitor.view);
    Object.assign(monitor.status, { up: false, blindSince: NOW - 60_000 });
    expect(await check()).toMatchObject({
      status: 'ok',
      details: {
        'rate-monitor': {
          status: 'up',
          monitoring: true,
          store: { name: 'memory', up: false },
          queue: 3,
          uncounted: 2,
          blindSince: new Date(NOW - 60_000).toISOString(),
          channelsOff: ['discord'],
        },
      },
    });
  });

  it('fails only if told to', async () => {
    const { monitor, view, health, indicator } = await started();
    view.set(monitor.view);
    const check = (options: object) => health.check([() => indicator.check('rate-monitor', options)]);
    expect((await check({ failIfBlindForMs: 30_000 })).status).toBe('ok');
    await expect(check({ failIfChannelOff: true })).rejects.toThrow();
    Object.assign(monitor.status, { up: false, blindSince: NOW - 60_000 });
    await expect(check({ failIfBlindForMs: 30_000 })).rejects.toThrow();
    await expect(check({ failIfBlindForMs: 0 })).rejects.toThrow();
  });

  it('throws the failure that terminus 10 expects: it treats each check that returns as healthy', async () => {
    const Before11 = { TerminusModule: class {} }.TerminusModule;
    Module({})(Before11);
    const monitor = seenMonitor(NOW);
    const view = new Deferred<typeof monitor.view>();
    view.set(monitor.view);
    const testing = await Test.createTestingModule({
      imports: [Before11],
      providers: [RateMonitorHealthIndicator, { provide: MONITOR_VIEW, useValue: view }],
    }).compile();
    const indicator = testing.get(RateMonitorHealthIndicator);
    expect(indicator.check()['rate-monitor'].status).toBe('up');
    const down = expect.objectContaining({ status: 'down', channelsOff: ['discord'] }) as unknown;
    expect(() => indicator.check('monitor', { failIfChannelOff: true })).toThrow(
      expect.objectContaining({
        message: 'monitor is down',
        isHealthCheckError: true,
        causes: { monitor: down },
      }) as Error,
    );
  });

  it.each([
    [NaN, 'NaN'],
    [-1, '-1'],
    ['30000', 'a string'],
  ])('warns once of a limit of %p, with which it would silently never fail', async (limit, found) => {
    const logger = new MemoryLogger();
    const { monitor, view, indicator } = await started(logger);
    view.set(monitor.view);
    for (const blindSince of [undefined, NOW - 60_000, NOW - 60_000]) {
      Object.assign(monitor.status, { up: blindSince === undefined, blindSince });
      expect(indicator.check('rate-monitor', { failIfBlindForMs: limit as number })['rate-monitor'].status).toBe('up');
    }
    expect(logger.of('failIf')).toEqual([
      `warn RateMonitor: The health check ignores failIfBlindForMs, which is ${found}: write milliseconds, 0 or more`,
    ]);
  });

  it('logs once that an option does not exist', async () => {
    const logger = new MemoryLogger();
    const { monitor, view, indicator } = await started(logger);
    view.set(monitor.view);
    Object.assign(monitor.status, { up: false, blindSince: NOW - 60_000 });
    for (const options of [{ failIfBlindForMS: 0 }, { failIfBlindForMS: 0 }, 30_000])
      expect(indicator.check('rate-monitor', options as never)['rate-monitor'].status).toBe('up');
    expect(logger.of('of the health check')).toEqual([
      'warn RateMonitor: failIfBlindForMS is not an option of the health check: write failIfBlindForMs. Until then it has no effect',
      'warn RateMonitor: the options of the health check are a number: write an object with failIfBlindForMs, failIfChannelOff. Until ' +
        'then it has no effect',
    ]);
  });

  it('treats null as not given', async () => {
    const { monitor, view, indicator } = await started();
    view.set(monitor.view);
    Object.assign(monitor.status, { up: false, blindSince: NOW - 60_000 });
    for (const options of [null, { failIfBlindForMs: null, failIfChannelOff: null }])
      expect(indicator.check('rate-monitor', options as never)['rate-monitor'].status).toBe('up');
  });
});
