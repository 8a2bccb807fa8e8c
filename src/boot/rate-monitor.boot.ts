import { hostname } from 'node:os';

import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, HttpAdapterHost, ModuleRef } from '@nestjs/core';

import { ALERTS, AlertService } from '../facade/alert.service.js';
import { AlertEngine } from '../alert/alert-engine.js';
import type { NamedChannel } from '../alert/sending/channel-delivery.js';
import { Notices } from '../notices/notices.js';
import { bootLine } from './boot-line.js';
import { channelsFor, shownChannels } from './channels-for.js';
import { CLOCK, type Clock } from '../counter/clock.js';
import { scopeOf } from '../store/records.js';
import type { CounterStore } from '../store/counter-store.js';
import { MemoryCounterStore } from '../store/memory/memory-counter-store.js';
import { Counter } from '../counter/counter.js';
import { COUNTER } from '../facade/rate-counter.service.js';
import { DIGESTS, Digests } from '../notices/digests.js';
import { MarkedHandlers, type MarkedHandler } from '../monitor/marked-handlers.js';
import { MONITOR } from '../monitor/rate-monitor.guard.js';
import { RequestMonitor } from '../monitor/request-monitor.js';
import type { Breach } from '../model/breach.js';
import { BlindTimes } from '../instance/blind-times.js';
import { InstanceRegistry } from '../instance/instance-registry.js';
import { environmentOf, NO_ENVIRONMENT, type Environment } from '../options/environment.js';
import type { CompleteOptions } from '../options/with-defaults.js';
import { OPTIONS_OF_TEST, type OptionsOfTest } from '../rate-monitor.module-definition.js';
import type { Deferred } from '../util/deferred.js';
import { OwnLogger } from '../util/own-logger.js';
import { WarnOnce } from '../util/warn-once.js';
import { checkHandlers } from './check-handlers.js';
import { MemorySharedState } from '../store/memory/memory-shared-state.js';
import { findOptions } from './find-options.js';
import { Contributors } from '../counter/contributors.js';
import { shownThreshold } from '../threshold/effective-levels.js';
import { Overrides } from '../threshold/overrides.js';
import { OVERRIDES, ThresholdService } from '../facade/threshold.service.js';
import { windowNamed } from '../model/window-name.js';
import { Poller } from '../util/poller.js';
import { plural } from '../util/text.js';
import { within } from '../util/within.js';
import { blindNotice } from '../notices/blind-notice.js';
import { countedCategories, thresholdNotReached } from './counted-categories.js';
import { MONITOR_VIEW, type MonitorView } from '../facade/monitor-view.js';
import { thresholdNotice } from '../notices/threshold-notice.js';
import { storeFor } from './store-for.js';
import { UsageAndMetrics } from './usage-and-metrics.js';
import { viewFor } from './view-for.js';
import { BreachCounts } from '../telemetry/breach-counts.js';
import { USAGE } from '../facade/usage.service.js';
import type { UsageReader } from '../usage/usage-reader.js';

/** A store that does not answer delays startup by this much at most. */
const LOOK_WITHIN_MS = 1_000;

/** Starts the module when the app starts, and stops it when the app stops. */
@Injectable()
export class RateMonitorBoot implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new OwnLogger();
  private instances: InstanceRegistry | undefined;
  private observers: UsageAndMetrics | undefined;
  private notices: Notices | undefined;
  private readonly pollers: Poller[] = [];

  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(OPTIONS_OF_TEST) private readonly optionsOfTest: OptionsOfTest,
    private readonly discovery: DiscoveryService,
    private readonly app: ModuleRef,
    private readonly handlers: MarkedHandlers,
    @Inject(ALERTS) private readonly alerts: Deferred<AlertEngine>,
    @Inject(COUNTER) private readonly counter: Deferred<Counter>,
    @Inject(MONITOR) private readonly requests: Deferred<RequestMonitor>,
    @Inject(USAGE) private readonly usage: Deferred<UsageReader>,
    @Inject(DIGESTS) private readonly digests: Deferred<Digests>,
    @Inject(MONITOR_VIEW) private readonly view: Deferred<MonitorView>,
    @Inject(OVERRIDES) private readonly overrides: Deferred<Overrides>,
    host: HttpAdapterHost,
  ) {
    if (host.listening)
      this.logger.warn(
        'RateMonitorModule is loaded after the app has started, so nothing is counted: Nest starts no modules that are loaded later. Import it ' +
          'in the root module',
      );
  }

  /** @throws RateMonitorConfigError if the set-up is wrong. */
  async onModuleInit(): Promise<void> {
    const given = findOptions(this.discovery);
    const environment = await environmentOf(this.app);
    // Loads class-validator, which an app that only imports this package does not need.
    const { readOptions } = await import('../options/read-options.js');
    const { options: read, unreadVariables } = readOptions(given, environment);
    const options = { ...read, ...this.optionsOfTest };
    for (const line of unreadVariables) this.logger.warn(line);
    if (!options.enabled) {
      const { counter, alerts, requests, overrides, usage, digests, view } = this;
      for (const late of [counter, alerts, requests, overrides, usage, digests, view]) late.never();
      return this.logger.log('Off: nothing is counted');
    }
    await this.start(options, environment);
  }

  /** Starts the parts, each before what relies on it. Calls and requests from before are counted as soon as their part is there. */
  private async start(options: CompleteOptions, environment: Environment): Promise<void> {
    const handlers = checkHandlers(this.handlers, options.categories, this.discovery, this.logger);
    const store = storeFor(options, this.app, this.clock);
    const channels = await channelsFor(options.channels, this.optionsOfTest.channels ? NO_ENVIRONMENT : environment);
    const parts = this.build(options, store, channels, handlers);
    const { alerts, counter, overrides, observers } = parts;
    this.notices = parts.notices;
    await alerts.start();
    // Alerts start first, because what was counted before startup may already be over a level.
    await counter.open();
    this.counter.set(counter);
    this.overrides.set(overrides);
    this.requests.set(parts.requests);
    this.pollers.push(...parts.pollers);
    for (const poller of this.pollers) poller.start();
    // Thresholds set at run time apply from the first request on, if the store can be read.
    await within(overrides.look(), LOOK_WITHIN_MS, 'no answer').catch(() => undefined);
    await alerts.lookAtMutes();
    this.alerts.set(alerts);
    const instances = parts.registry();
    this.instances = instances;
    // Not awaited: a slow store must not hold up the boot.
    void instances.start();
    this.observers = observers;
    if (observers.usage) this.usage.set(observers.usage);
    else this.usage.never();
    const view = parts.viewOf(instances);
    this.view.set(view);
    await observers.start(view);
    this.digests.set(parts.digests);
    this.logger.log(bootLine(store.name, handlers, options.categories, await shownChannels(channels)));
    this.warnOfMemory(store);
    this.warnOfDropped();
  }

  /** Builds all parts and connects them. Nothing runs, and the store is not asked, before they are started. */
  private build(
    options: CompleteOptions,
    store: CounterStore,
    channels: readonly NamedChannel[],
    handlers: readonly MarkedHandler[],
  ) {
    const { categories, service, publicUrl, shutdownFlushMs, groupWaitMs, incidents, maxOpenIncidents } = options;
    const { logger, clock } = this;
    const state = store.state ?? new MemorySharedState();
    const once = new WarnOnce(logger);
    const now = (): number => counter.now();
    const sending = { service, environment: options.environment, publicUrl, shutdownFlushMs, channels, state, now };
    const notices = new Notices(sending, logger);
    const overrides = new Overrides({
      categories,
      state,
      now,
      logger,
      changed: (change) => {
        void notices.send(thresholdNotice(change));
        // If this fails, incidents end as they would without the change.
        void alerts.thresholds.changed(change.category).catch(() => undefined);
        const { category, window = '', tenant = '*' } = change;
        // For a prefix of ids, or if this fails, the next request does it.
        if (!tenant.endsWith('*')) void counter.look(category, window, tenant).catch(() => undefined);
      },
      settled: (category) => alerts.thresholds.changed(category),
    });
    const contributors = new Contributors(state, categories, now);
    const breaches = new BreachCounts(options.metrics.tenants);
    const counted = countedCategories(options, overrides, once, () => counter.monotonic());
    const raise = async (breach: Breach): Promise<void> => {
      breaches.add(breach);
      return alerts.breached(await contributors.withContributors(breach));
    };
    const counter: Counter = new Counter(store, counted, options, clock, logger, raise, (total) =>
      contributors.near(total),
    );
    const alerts: AlertEngine = new AlertEngine(
      {
        ...sending,
        groupWaitMs,
        incidents,
        maxOpenIncidents,
        categories: [...categories.keys()],
        counts: (reads) => counter.counts(reads),
        thresholdNotReached: (of, count, maxAgeMs) => thresholdNotReached(counted, of, count, maxAgeMs),
        contributors: ({ category, window, tenant }, end, count) =>
          contributors.top(category, window, tenant.id, end, count),
        isStoreAway: () => counter.isStoreAway,
        windowOf: (category, name) => windowNamed(categories.get(category)?.windows, name),
      },
      logger,
    );
    const requests = new RequestMonitor(options, this.handlers, counter, contributors, once);
    const blind = new BlindTimes(
      {
        instance: counter.instance,
        host: hostname(),
        pid: process.pid,
        scope: scopeOf(options),
        blindAfterMs: options.blindAfterMs,
        state,
        now,
        status: () => counter.status(),
        tell: (time) => notices.send(blindNotice(time, store.name)),
      },
      logger,
    );
    const poller = (subject: string, work: () => Promise<void>): Poller =>
      new Poller(work, logger, subject, () => counter.isStoreAway);
    const pollers = [poller('Blind times', () => blind.look()), poller('Thresholds', () => overrides.look())];
    if ([...categories.values()].some(({ contributor }) => contributor))
      pollers.push(poller('Contributors', () => contributors.look(counter.live())));
    const thresholdOf: MonitorView['thresholdOf'] = (category, window, tenant, seen) =>
      shownThreshold(category, window, overrides, tenant, seen);
    const observers = new UsageAndMetrics(options, store, counter, thresholdOf, logger);
    const { usage } = observers;
    const digests = new Digests({
      categories,
      notices,
      now,
      localNow: () => clock.now(),
      usage,
      history: () => alerts.history(),
      blindTimes: (from, to) => blind.between(from, to),
    });
    /** Once the store's clock is known, because an instance notes when it began. */
    const registry = (): InstanceRegistry =>
      new InstanceRegistry(counter.instance, options, state, now, () => counter.status(), logger);
    const viewOf = (instances: InstanceRegistry): MonitorView =>
      viewFor({
        options,
        store,
        counter,
        engine: alerts,
        requests,
        handlers,
        breaches,
        usage,
        instances,
        thresholdOf,
        alerts: this.app.get(AlertService, { strict: false }),
        thresholds: this.app.get(ThresholdService, { strict: false }),
      });
    return { notices, overrides, counter, alerts, requests, pollers, observers, digests, registry, viewOf };
  }

  /** Runs once no request is in progress: publishes the last counts, and sends the alerts they raise. */
  async onApplicationShutdown(): Promise<void> {
    // In parallel, because each waits for its full time limit if the store is away.
    await Promise.all([...this.pollers.map((poller) => poller.stop()), this.counter.value?.close()]);
    // The counter has said how many calls have no answer.
    this.requests.value?.stop();
    await Promise.all([
      this.observers?.stop(),
      this.alerts.value?.stop(),
      this.notices?.stop(),
      this.instances?.stop(),
    ]);
    await this.counter.value?.disconnect();
  }

  private warnOfDropped(): void {
    const dropped = this.requests.dropped + this.counter.dropped + this.alerts.dropped;
    if (dropped > 0)
      this.logger.warn(
        `${plural(dropped, 'request or call', 'requests or calls')} from before the module had started could not be kept, and count nothing: in a hybrid ` +
          'app, await app.init() before startAllMicroservices()',
      );
  }

  private warnOfMemory(store: CounterStore): void {
    if (!(store instanceof MemoryCounterStore) || process.env.NODE_ENV !== 'production') return;
    this.logger.warn(
      'Counting in memory in production: each instance counts alone. Import RedisModule of @liaoliaots/nestjs-redis, or set the redis option',
    );
  }
}
