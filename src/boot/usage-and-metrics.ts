import type { Logger } from '@nestjs/common';

import type { Counter } from '../counter/counter.js';
import type { CompleteOptions } from '../options/with-defaults.js';
import type { CounterStore } from '../store/counter-store.js';
import { observeWithOpenTelemetry } from '../telemetry/open-telemetry.js';
import { sendToSentry } from '../telemetry/sentry-metrics.js';
import { UsageRecorder } from '../usage/usage-recorder.js';
import { UsageReader } from '../usage/usage-reader.js';
import { Poller } from '../util/poller.js';
import { within } from '../util/within.js';
import type { MonitorView } from '../facade/monitor-view.js';

/** How long a shutdown waits for the last usage to be written. */
const LAST_WRITE_WITHIN_MS = 1_500;

/** Runs usage and metrics, which observe the monitor. No request waits for them. */
export class UsageAndMetrics {
  /** Undefined if usage is off or the store does not keep it. */
  readonly usage: UsageReader | undefined;
  private readonly recorder: UsageRecorder | undefined;
  private readonly poller: Poller | undefined;
  private ends: (() => void)[] = [];

  constructor(
    { usage: kept, categories, maxTrackedTenants, flushIntervalMs }: CompleteOptions,
    store: CounterStore,
    counter: Counter,
    thresholdOf: MonitorView['thresholdOf'],
    logger: Logger,
  ) {
    if (!kept || !store.usage) return;
    this.usage = new UsageReader({ ...kept, categories, source: counter, store: store.usage, thresholdOf });
    const settings = { ...kept, maxTenants: maxTrackedTenants, settleMs: Math.max(1_000, 2 * flushIntervalMs) };
    const recorder = new UsageRecorder(categories.values(), counter, store.usage, settings, logger);
    this.recorder = recorder;
    this.poller = new Poller(
      () => recorder.look(),
      logger,
      'Usage records',
      () => counter.isStoreAway,
    );
  }

  async start(view: MonitorView): Promise<void> {
    this.poller?.start();
    this.ends = [await observeWithOpenTelemetry(view), sendToSentry(view)];
  }

  /** Writes the last usage. A store that is away does not hold up the shutdown. */
  async stop(): Promise<void> {
    for (const end of this.ends) end();
    const last = async (): Promise<void> => {
      await this.poller?.stop();
      await this.recorder?.stop();
    };
    await within(last(), LAST_WRITE_WITHIN_MS, 'not written').catch(() => undefined);
  }
}
