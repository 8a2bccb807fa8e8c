import type { MonitorView } from '../facade/monitor-view.js';
import { openTelemetry } from '../util/optional-peers.js';
import { VERSION } from '../util/version.js';
import { FIGURES, PUBLISH_DURATION } from './metrics.js';

/** In seconds: a nearby store answers within a millisecond, and a call is given up after a second. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];

/**
 * Registers the figures with OpenTelemetry, which observes them when a reader collects. The duration of publishes is a histogram, which
 * cannot be observed, so each publish records it as it ends, where no request waits. Without `@opentelemetry/api` or an SDK, nothing happens.
 *
 * @returns A function that unregisters them.
 */
export async function observeWithOpenTelemetry(view: MonitorView): Promise<() => void> {
  const api = await openTelemetry();
  if (!api) return () => undefined;
  const meter = api.metrics.getMeter('nestjs-rate-monitor', VERSION);
  const { name, unit, description } = PUBLISH_DURATION;
  const durations = meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries: BUCKETS } });
  const { listeners } = view.counter().stats;
  const record = (ms: number): void => durations.record(ms / 1_000);
  listeners.add(record);
  const ends = FIGURES.filter((figure) => figure !== PUBLISH_DURATION).map(
    ({ name, kind, unit, description, observe }) => {
      const instrument =
        kind === 'counter'
          ? meter.createObservableCounter(name, { unit, description })
          : meter.createObservableGauge(name, { unit, description });
      const callback: Parameters<typeof instrument.addCallback>[0] = (result) => {
        for (const { value, attributes } of observe(view)) result.observe(value, attributes);
      };
      instrument.addCallback(callback);
      return () => instrument.removeCallback(callback);
    },
  );
  return () => {
    listeners.delete(record);
    ends.forEach((end) => end());
  };
}
