import type { MonitorView, Observation } from '../facade/monitor-view.js';

/** A figure that can be observed at any time. */
export interface Figure {
  readonly name: string;
  readonly kind: 'counter' | 'gauge';
  /** A UCUM unit, as OpenTelemetry uses. */
  readonly unit: string;
  readonly description: string;
  readonly observe: (view: MonitorView) => readonly Observation[];
}

/** Attributes in our own namespace, as OpenTelemetry's semantic conventions require. */
export function attributes(by: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(by).map(([name, value]) => [`rate_monitor.${name}`, value]));
}

const one = (value: number): Observation[] => [{ value, attributes: {} }];

/** A sum, for SDKs without histograms. */
export const PUBLISH_DURATION: Figure = {
  name: 'rate_monitor.publish.duration',
  kind: 'counter',
  unit: 's',
  description: 'How long calls to the store took',
  observe: (view) => one(view.counter().stats.publishMs / 1_000),
};

/** What is observed when metrics are collected. None of it is counted only for metrics. */
export const FIGURES: readonly Figure[] = [
  {
    name: 'rate_monitor.requests.counted',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests, or their cost, counted by this process',
    observe: (view) => one(view.counter().counted),
  },
  {
    name: 'rate_monitor.requests.uncounted',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests that were not counted',
    observe: (view) => one(view.counter().uncounted),
  },
  {
    name: 'rate_monitor.requests.pending',
    kind: 'gauge',
    unit: '{request}',
    description: 'Counted and not yet published',
    observe: (view) => one(view.counter().pending),
  },
  {
    name: 'rate_monitor.requests.lost',
    kind: 'counter',
    unit: '{request}',
    description: 'Counted and never published: the window or the process ended before the store was back',
    observe: (view) => one(view.counter().lost),
  },
  {
    name: 'rate_monitor.requests.waited',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests that waited for a publish',
    observe: (view) => one(view.counter().stats.waits),
  },
  {
    name: 'rate_monitor.requests.wait_time',
    kind: 'counter',
    unit: 's',
    description: 'How long requests waited for a publish, summed',
    observe: (view) => one(view.counter().stats.waitMs / 1_000),
  },
  {
    name: 'rate_monitor.publishes',
    kind: 'counter',
    unit: '{call}',
    description: 'Calls to the store that publish totals',
    observe: (view) => one(view.counter().stats.publishes),
  },
  {
    name: 'rate_monitor.publish.errors',
    kind: 'counter',
    unit: '{call}',
    description: 'Calls to the store that failed or refused a total',
    observe: (view) => one(view.counter().stats.failures),
  },
  PUBLISH_DURATION,
  {
    name: 'rate_monitor.breaches',
    kind: 'counter',
    unit: '{breach}',
    description: 'Levels that tenants went over, as raised by this process',
    observe: (view) => view.breaches(),
  },
  {
    name: 'rate_monitor.store.up',
    kind: 'gauge',
    unit: '1',
    description: '1 while the store answers, 0 while it is away',
    observe: (view) => one(view.store().up ? 1 : 0),
  },
  {
    name: 'rate_monitor.alerts.attempts',
    kind: 'counter',
    unit: '{attempt}',
    description: 'Attempts of this process to send alerts, by channel and outcome',
    observe: (view) =>
      view.channels().flatMap(({ name, outcomes }) =>
        Object.entries(outcomes).map(([outcome, value]) => ({
          value,
          attributes: attributes({ channel: name, outcome }),
        })),
      ),
  },
  {
    name: 'rate_monitor.incidents.open',
    kind: 'gauge',
    unit: '{incident}',
    description:
      'Incidents of all processes that are open, or whose end is not sent yet. Each process reports all: take the maximum, not the sum',
    observe: (view) => one(view.openIncidents()),
  },
  {
    name: 'rate_monitor.alerts.queued',
    kind: 'gauge',
    unit: '{alert}',
    description: 'Alerts that wait to be sent, by channel',
    observe: (view) =>
      view.channels().map(({ name, queued }) => ({ value: queued, attributes: attributes({ channel: name }) })),
  },
  {
    name: 'rate_monitor.channel.up',
    kind: 'gauge',
    unit: '1',
    description: '1 while a channel takes alerts, 0 while it is off',
    observe: (view) =>
      view.channels().map(({ name, on }) => ({ value: on ? 1 : 0, attributes: attributes({ channel: name }) })),
  },
];
