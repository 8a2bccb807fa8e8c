import { SEVERITIES, type Severity } from '../model/level.js';
import type { RateAlert } from '../model/rate-alert.js';
import { WHOLE_WINDOWS_MS } from '../model/window.js';
import { amountOf, oneLine } from '../util/text.js';
import type { ChannelFilter } from './common-options.js';
import { checkOptions, ALERTMANAGER_RULES } from './option-rules.js';
import { HttpChannel } from './http/http-channel.js';
import { accept } from './http/answer.js';
import { alertLine } from './message/alert-line.js';
import { isOpen, windowEndOf } from './message/alert-words.js';
import { shownId } from '../util/shown-names.js';
import { linkOf } from './message/safe-link.js';

/** Options of {@link AlertmanagerChannel}. */
export interface AlertmanagerChannelOptions extends ChannelFilter {
  /** Address of Alertmanager, such as `http://alertmanager:9093`, with its route prefix if it has one. */
  url: string;
  /**
   * Headers for each request, such as `{ authorization: 'Bearer ...' }`. They are secret: never logged, shown or put into an error.
   *
   * @defaultValue none
   */
  headers?: Readonly<Record<string, string>> | undefined;
}

const REPEAT_EVERY_MS = 60_000;
/** Alertmanager resolves alerts that are not repeated. As in Prometheus, up to four repeats may fail. */
const HOLDS_FOR_MS = 4 * REPEAT_EVERY_MS;
/** A smaller difference between the clocks may just be the response time. */
const CLOCK_TOLERANCE_MS = 30_000;
const MAX_LABEL = 200;

/** An alert for Alertmanager's API v2. Its labels are its identity. */
interface Posted {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: Date;
  endsAt: Date;
  generatorURL?: string;
}

/**
 * Posts alerts to Prometheus Alertmanager, which groups, silences and routes them. An alert is posted as firing, repeatedly, while its
 * incident is open, and as resolved when it is over. Turn on `incidents`; otherwise an alert ends with its window.
 *
 * Labels: `alertname` (`RateMonitorThreshold`), `category`, `tenant_id`, `severity`, and `window`, `service` and `environment` if the alert
 * has them.
 */
export class AlertmanagerChannel extends HttpChannel {
  /** {@inheritDoc AlertChannel.name} */
  readonly name = 'alertmanager';
  /** {@inheritDoc AlertChannel.repeatEveryMs} */
  readonly repeatEveryMs = REPEAT_EVERY_MS;

  /** How far Alertmanager's clock was ahead of ours at the last response: it compares our times with its clock. */
  #aheadMs = 0;

  /** @throws RateMonitorConfigError if an option is wrong. */
  constructor(options: AlertmanagerChannelOptions) {
    const given = checkOptions('AlertmanagerChannel', ALERTMANAGER_RULES, options);
    super(given.url, given);
  }

  /**
   * Posts the alert as firing or resolved.
   * @param previous - The severity sent before. Severity is a label, so a new severity is a new alert and the old one must be ended.
   */
  async send(alert: RateAlert, previous?: string): Promise<string> {
    const { severity } = alert.level;
    const former = SEVERITIES.find((known) => known === previous && known !== severity);
    const assumedMs = this.#aheadMs;
    await this.#post(alert, former);
    // If a clock is wrong, an end that is a few minutes ahead here may already be past there.
    if (Math.abs(this.#aheadMs - assumedMs) > CLOCK_TOLERANCE_MS) await this.#post(alert, former);
    return severity;
  }

  async #post(alert: RateAlert, former: Severity | undefined): Promise<void> {
    const now = Date.now() + this.#aheadMs;
    const end = endOf(alert, now);
    const posted = [postedOf(alert, alert.level.severity, now, end)];
    if (former) posted.push(postedOf(alert, former, now, Math.min(now, end)));
    const { headers } = accept(await this.request({ path: '/api/v2/alerts', body: JSON.stringify(posted) }));
    this.#aheadMs = Date.parse(headers.get('date') ?? '') - Date.now() || 0;
  }
}

function postedOf(alert: RateAlert, severity: Severity, now: number, end: number): Posted {
  const link = linkOf(alert);
  const { incident, windowMs, windowStart } = alert;
  // A budget that is used up in the evening was not over all day. Of several starts, Alertmanager keeps the first.
  const start = incident?.startedAt.getTime() ?? (windowMs > WHOLE_WINDOWS_MS ? now : windowStart.getTime());
  return {
    labels: labelsOf(alert, severity),
    annotations: annotationsOf(alert),
    // The store's clock may be ahead, and Alertmanager rejects an end before the start.
    startsAt: new Date(Math.min(start, end)),
    endsAt: new Date(end),
    ...(link === undefined ? {} : { generatorURL: link }),
  };
}

function labelsOf({ category, tenant, window, service, environment }: RateAlert, severity: Severity): Posted['labels'] {
  const labels = {
    alertname: 'RateMonitorThreshold',
    category: oneLine(category, MAX_LABEL),
    // Different ids that look alike must not become one alert.
    tenant_id: shownId(tenant.id, MAX_LABEL),
    severity,
    window: oneLine(window ?? '', MAX_LABEL),
    service: oneLine(service ?? '', MAX_LABEL),
    environment: oneLine(environment ?? '', MAX_LABEL),
  };
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ''));
}

function annotationsOf(alert: RateAlert): Posted['annotations'] {
  const { tenant, count, threshold, route } = alert;
  return {
    summary: alertLine(alert),
    count: amountOf(count),
    threshold: amountOf(threshold),
    ...(tenant.name ? { tenant_name: oneLine(tenant.name) } : {}),
    ...(route ? { route: `${oneLine(route.method, 20)} ${oneLine(route.path)}` } : {}),
  };
}

function endOf(alert: RateAlert, now: number): number {
  const { incident } = alert;
  if (!isOpen(alert) && incident) return Math.min(now, incident.startedAt.getTime() + incident.lastedMs);
  return Math.max(incident ? 0 : windowEndOf(alert).getTime(), now + HOLDS_FOR_MS);
}
