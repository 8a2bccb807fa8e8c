import type { Logger } from '@nestjs/common';

import type { AlertService } from '../alert/alert.service.js';
import type { ChannelStatus } from '../alert/channel-delivery.js';
import type { Counter } from '../counter/counter.js';
import type { MarkedHandler } from '../monitor/marked-handlers.js';
import type { RequestMonitor } from '../monitor/request-monitor.js';
import type { CompleteOptions } from '../options/complete-options.js';
import type { CounterStore } from '../store/counter-store.js';
import type { InstanceRegistry } from '../instance/instance-registry.js';
import { type BreachCounts } from '../telemetry/breach-counts.js';
import { observeWithOpenTelemetry } from '../telemetry/open-telemetry.js';
import { sendToSentry } from '../telemetry/sentry-metrics.js';
import { shownThreshold } from '../threshold/effective-levels.js';
import type { Overrides } from '../threshold/overrides.js';
import type { ThresholdService } from '../threshold/threshold.service.js';
import { UsageRecorder } from '../usage/usage-recorder.js';
import { UsageReader } from '../usage/usage-reader.js';
import { Poller } from '../util/poller.js';
import { within } from '../util/within.js';
import type { MonitorView } from '../view/monitor-view.js';

/** How long a shutdown waits for the last usage to be written. */
const STOP_WITHIN_MS = 1_500;

/** The parts to watch. */
export interface Watched {
  readonly options: CompleteOptions;
  readonly store: CounterStore;
  readonly instances: InstanceRegistry;
  readonly counter: Counter;
  readonly alerts: AlertService;
  readonly thresholds: ThresholdService;
  readonly overrides: Pick<Overrides, 'exactly' | 'broadly'>;
  readonly requests: RequestMonitor;
  readonly handlers: readonly MarkedHandler[];
  readonly channels: () => readonly ChannelStatus[];
  readonly openIncidents: () => number;
  readonly breaches: BreachCounts;
}

/** Runs what observes the monitor: usage and metrics. No request waits for any of it. */
export class Watching {
  readonly view: MonitorView;
  private readonly recorder: UsageRecorder | undefined;
  private readonly poller: Poller | undefined;
  private ends: (() => void)[] = [];

  constructor(
    {
      options,
      store,
      instances,
      counter,
      alerts,
      thresholds,
      overrides,
      requests,
      handlers,
      channels,
      openIncidents,
      breaches,
    }: Watched,
    logger: Logger,
  ) {
    const about = { service: options.service ?? '', environment: options.environment ?? '' };
    const { categories, usage: kept } = options;
    const settings = kept && store.usage ? { ...kept, categories, source: counter, store: store.usage } : undefined;
    const thresholdOf: MonitorView['thresholdOf'] = (category, window, tenant, seen) =>
      shownThreshold(category, window, overrides, tenant, seen);
    const usage = settings && new UsageReader({ ...settings, thresholdOf });
    this.recorder =
      settings &&
      new UsageRecorder(
        categories.values(),
        counter,
        settings.store,
        { ...settings, maxTenants: options.maxTrackedTenants, settleMs: Math.max(1_000, 2 * options.flushIntervalMs) },
        logger,
      );
    this.view = {
      ...about,
      ...{ categories, usage, instances, alerts, thresholds, thresholdOf, channels, openIncidents },
      now: () => counter.now(),
      store: () => {
        const { blindSince } = counter.status();
        return { name: store.name, up: blindSince === undefined, blindSince };
      },
      counter: () => counter.status(),
      breaches: () => breaches.observe(),
      handlers: () =>
        handlers.map(({ name, marks }) => ({
          handler: name,
          categories: [...new Set(marks.map(({ category }) => category))],
          seen: requests.seen.has(name),
        })),
    };
    const { recorder } = this;
    this.poller = recorder && new Poller(() => recorder.look(), logger, 'Usage records');
  }

  async start(): Promise<void> {
    this.poller?.start();
    this.ends = [await observeWithOpenTelemetry(this.view), sendToSentry(this.view)];
  }

  /** Writes the last usage. A store that is away does not hold up the shutdown. */
  async stop(): Promise<void> {
    for (const end of this.ends) end();
    const last = async (): Promise<void> => {
      await this.poller?.stop();
      await this.recorder?.stop();
    };
    await within(last(), STOP_WITHIN_MS, 'not written').catch(() => undefined);
  }
}
