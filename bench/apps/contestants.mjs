// @ts-check
import { ThrottlerStorageRedisService } from '@nest-lab/throttler-storage-redis';
import { APP_GUARD } from '@nestjs/core';
import { ThrottlerGuard, ThrottlerModule } from '@nestjs/throttler';
import { Redis } from 'ioredis';
import prometheus from 'prom-client';

/** So high that nothing is refused: all contestants let every request through. */
const NO_LIMIT = 1_000_000_000;
const WINDOW_MS = 60_000;

/**
 * @typedef {{ port: number, db: number }} RedisAddress
 * @typedef {Pick<typeof import('nestjs-rate-monitor'), 'RateMonitorModule'>} Monitor
 * @typedef {import('nestjs-rate-monitor').RateMonitorOptions} Options
 * @typedef {{ redis: RedisAddress, monitor: Monitor, options?: Options }} Parts
 * @typedef {Pick<import('@nestjs/common').ModuleMetadata, 'imports' | 'providers'>} Added
 */

const counter = new prometheus.Counter({ name: 'requests', help: 'requests', labelNames: ['category', 'tenant'] });

/**
 * Guards that need nothing else.
 *
 * @type {Record<'do-nothing guard' | 'prom-client counter', import('@nestjs/common').CanActivate>}
 */
export const GUARDS = {
  'do-nothing guard': { canActivate: () => true },

  'prom-client counter': {
    canActivate(context) {
      counter.inc({ category: 'llm_call', tenant: context.getArgByIndex(0).auth.project.id });
      return true;
    },
  },
};

/**
 * What each contestant adds to the same app: modules and global guards.
 *
 * @type {Record<string, (parts: Parts) => Added | Promise<Added>>}
 */
export const CONTESTANTS = {
  'no guard': () => ({}),

  'do-nothing guard': () => guarded(GUARDS['do-nothing guard']),

  // Each request waits for the end of the event loop's turn, with all others of the turn.
  'guard that waits a turn': () => guarded({ canActivate: endOfTurn }),

  'throttler, Redis': ({ redis }) => throttled(new ThrottlerStorageRedisService(connect(redis))),

  'prom-client counter': () => guarded(GUARDS['prom-client counter']),

  'rate-monitor, auto': ({ monitor, redis, options }) =>
    monitored(monitor, { redis: lazily(redis), counting: 'auto', ...options }),

  'rate-monitor, auto, usage off': ({ monitor, redis, options }) =>
    monitored(monitor, { redis: lazily(redis), counting: 'auto', usage: false, ...options }),

  'rate-monitor, auto, 2 windows': ({ monitor, redis, options }) =>
    monitored(monitor, { redis: lazily(redis), counting: 'auto', categories: budgets('day'), ...options }),

  'rate-monitor, auto, 3 windows': ({ monitor, redis, options }) =>
    monitored(monitor, { redis: lazily(redis), counting: 'auto', categories: budgets('day', 'month'), ...options }),

  'rate-monitor, auto, metrics': async ({ monitor, redis, options }) => {
    // Loaded for this one alone: code that is loaded costs too. All figures are collected each second, and thrown away.
    const [{ metrics }, { AggregationTemporality, MeterProvider, PeriodicExportingMetricReader }] = await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/sdk-metrics'),
    ]);
    /** @type {import('@opentelemetry/sdk-metrics').PushMetricExporter} */
    const exporter = {
      export: (_, done) => done({ code: 0 }),
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve(),
      selectAggregationTemporality: () => AggregationTemporality.CUMULATIVE,
    };
    const reader = new PeriodicExportingMetricReader({
      exporter,
      exportIntervalMillis: 1_000,
      exportTimeoutMillis: 900,
    });
    // The API may be there in two versions, whose types differ. What it registers is one for the process.
    const provider = /** @type {unknown} */ (new MeterProvider({ readers: [reader] }));
    metrics.setGlobalMeterProvider(/** @type {import('@opentelemetry/api').MeterProvider} */ (provider));
    return monitored(monitor, { redis: lazily(redis), counting: 'auto', ...options });
  },

  // The load's process looks at it, see `lib/load.mjs`.
  'rate-monitor, auto, page': async ({ monitor, redis, options }) => {
    const { RateMonitorDashboardModule } = await import('nestjs-rate-monitor/dashboard');
    const { imports } = monitored(monitor, { redis: lazily(redis), counting: 'auto', ...options });
    return { imports: [...imports, RateMonitorDashboardModule.forRoot({ authorize: () => 'bench' })] };
  },

  'rate-monitor, await': ({ monitor, redis, options }) =>
    monitored(monitor, { redis: lazily(redis), counting: 'await', ...options }),

  'rate-monitor, memory': ({ monitor, options }) => monitored(monitor, { ...options }),
};

/**
 * A minute, and budgets beside it.
 *
 * @param {import('nestjs-rate-monitor').Period[]} periods
 */
function budgets(...periods) {
  const threshold = NO_LIMIT;
  return { llm_call: { windows: [{ threshold }, ...periods.map((period) => ({ period, threshold }))] } };
}

/** A channel that tells nobody: alerts are raised, and delivering them is not measured. */
const SILENT = { name: 'silent', send: () => undefined };

/**
 * Nobody reaches the threshold: what is measured is counting, which all requests pay for.
 *
 * @param {Monitor} monitor
 * @param {Options} options
 */
function monitored({ RateMonitorModule }, options) {
  const categories = { llm_call: { threshold: NO_LIMIT } };
  const more = { categories, channels: [SILENT], maxTrackedTenants: 300_000 };
  return { imports: [RateMonitorModule.forRoot({ ...more, ...options })] };
}

/**
 * Headers off: what is compared is the counting.
 *
 * @param {import('@nestjs/throttler').ThrottlerStorage} storage
 */
function throttled(storage) {
  const throttlers = [{ name: 'llm_call', ttl: WINDOW_MS, limit: NO_LIMIT, setHeaders: false }];
  return {
    imports: [ThrottlerModule.forRoot({ throttlers, storage })],
    providers: [{ provide: APP_GUARD, useClass: TenantThrottlerGuard }],
  };
}

class TenantThrottlerGuard extends ThrottlerGuard {
  /**
   * @override
   * @param {import('./create-app.mjs').AppRequest} request
   */
  getTracker(request) {
    return Promise.resolve(request.auth.project.id);
  }
}

/** @param {import('@nestjs/common').CanActivate} guard */
function guarded(guard) {
  return { providers: [{ provide: APP_GUARD, useValue: guard }] };
}

/** @type {Promise<true> | undefined} */
let turn;

function endOfTurn() {
  return (turn ??= new Promise((resolve) => {
    setImmediate(() => {
      turn = undefined;
      resolve(true);
    });
  }));
}

/** @param {RedisAddress} address */
function connect({ port, db }) {
  return new Redis({ port, host: '127.0.0.1', db });
}

/** @param {RedisAddress} address */
function lazily({ port, db }) {
  return new Redis({ port, host: '127.0.0.1', db, lazyConnect: true });
}
