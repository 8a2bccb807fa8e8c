import type { MonitorView } from '../boot/monitor-view.js';
import { openTelemetry } from '../util/optional-peers.js';
import { VERSION } from '../util/version.js';
import { FIGURES } from './figures.js';

/**
 * Offers the figures to OpenTelemetry, observed when a reader collects. Without `@opentelemetry/api`, or without an SDK, nothing happens.
 *
 * @returns Takes them back.
 */
export async function observeWithOpenTelemetry(view: MonitorView): Promise<() => void> {
  const api = await openTelemetry();
  if (!api) return () => undefined;
  const meter = api.metrics.getMeter('nestjs-rate-monitor', VERSION);
  const ends = FIGURES.map(({ name, kind, unit, description, observe }) => {
    const instrument =
      kind === 'counter'
        ? meter.createObservableCounter(name, { unit, description })
        : meter.createObservableGauge(name, { unit, description });
    const callback: Parameters<typeof instrument.addCallback>[0] = (result) => {
      for (const { value, attributes } of observe(view)) result.observe(value, attributes);
    };
    instrument.addCallback(callback);
    return () => instrument.removeCallback(callback);
  });
  return () => ends.forEach((end) => end());
}
