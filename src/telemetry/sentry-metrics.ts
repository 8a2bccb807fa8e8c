import type { MonitorView } from '../facade/monitor-view.js';
import { sendingClient, sentryInUse, withoutOtherWork, type Sentry } from '../util/optional-peers.js';
import { FIGURES } from './metrics.js';

/** How often figures are sent to Sentry, in milliseconds. It has no reader that collects them. */
const SEND_EVERY_MS = 30_000;

/** The part of `Sentry.metrics` that is used. It exists since version 10.25. */
interface SentryMetrics {
  count(name: string, value: number, options: { attributes: Record<string, string>; unit: string }): void;
  gauge(name: string, value: number, options: { attributes: Record<string, string>; unit: string }): void;
}

/**
 * Sends the figures to Sentry at intervals, once the app has set it up and if its SDK has metrics. For counters it sends what was added since
 * the last time.
 *
 * @returns A function that sends the rest and stops.
 */
export function sendToSentry(view: MonitorView, everyMs = SEND_EVERY_MS): () => void {
  const sent = new Map<string, number>();
  let peer: Sentry | undefined;
  const send = (): void => {
    const { metrics } = (peer ?? {}) as { metrics?: Partial<SentryMetrics> };
    if (peer && sendingClient(peer) && isMetrics(metrics)) withoutOtherWork(peer, () => sendWith(metrics));
  };
  const sendWith = (metrics: SentryMetrics): void => {
    for (const { name, kind, unit, observe } of FIGURES)
      for (const { value, attributes } of observe(view)) {
        const options = { attributes: { ...attributes }, unit };
        if (kind === 'gauge') metrics.gauge(name, value, options);
        else {
          const key = `${name} ${JSON.stringify(attributes)}`;
          const added = value - (sent.get(key) ?? 0);
          sent.set(key, value);
          if (added > 0) metrics.count(name, added, options);
        }
      }
  };
  const look = async (): Promise<void> => {
    peer ??= await sentryInUse().catch(() => undefined);
  };
  void look();
  const timer = setInterval(() => void look().then(send), everyMs).unref();
  return () => {
    clearInterval(timer);
    send();
  };
}

function isMetrics(metrics: Partial<SentryMetrics> | undefined): metrics is SentryMetrics {
  return typeof metrics?.count === 'function' && typeof metrics.gauge === 'function';
}
