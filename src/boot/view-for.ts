import type { AlertEngine } from '../alert/alert-engine.js';
import type { Counter } from '../counter/counter.js';
import type { MarkedHandler } from '../monitor/marked-handlers.js';
import type { RequestMonitor } from '../monitor/request-monitor.js';
import type { CompleteOptions } from '../options/with-defaults.js';
import type { CounterStore } from '../store/counter-store.js';
import type { BreachCounts } from '../telemetry/breach-counts.js';
import type { MonitorView } from '../facade/monitor-view.js';

/** The parts of the monitor that the view reads. */
interface Viewed extends Pick<MonitorView, 'usage' | 'instances' | 'alerts' | 'thresholds' | 'thresholdOf'> {
  readonly options: CompleteOptions;
  readonly store: CounterStore;
  readonly counter: Counter;
  readonly engine: AlertEngine;
  readonly requests: RequestMonitor;
  readonly handlers: readonly MarkedHandler[];
  readonly breaches: BreachCounts;
}

/** What the page, metrics and the health check may read of the monitor. */
export function viewFor({
  options,
  store,
  counter,
  engine,
  requests,
  handlers,
  breaches,
  ...shown
}: Viewed): MonitorView {
  const { service = '', environment = '', categories } = options;
  return {
    ...shown,
    service,
    environment,
    categories,
    now: () => counter.now(),
    store: () => {
      const { blindSince } = counter.status();
      return { name: store.name, up: blindSince === undefined, blindSince };
    },
    counter: () => counter.status(),
    breaches: () => breaches.observe(),
    channels: () => engine.channels(),
    alertHistory: () => engine.history(),
    openIncidents: () => engine.openIncidents,
    handlers: () =>
      handlers.map(({ name, marks }) => ({
        handler: name,
        categories: [...new Set(marks.map(({ category }) => category))],
        seen: requests.seen.has(name),
      })),
  };
}
