import { createHash, randomUUID } from 'node:crypto';

import { sendingClient, sentry, withoutOtherWork, type Sentry, type SentryClient } from '../util/optional-peers.js';
import { RateMonitorConfigError } from '../model/config-error.js';
import { keyOfShown } from '../model/tenant.js';
import type { Severity } from '../model/level.js';
import { DeliveryError } from '../model/delivery-error.js';
import { OwnLogger } from '../util/own-logger.js';
import { amountOf, oneLine } from '../util/text.js';
import type { AlertChannel } from '../model/alert-channel.js';
import { alertLine } from './message/alert-line.js';
import { isOpen } from './message/alert-words.js';
import type { AlertIncident, RateAlert } from '../model/rate-alert.js';
import { linkOf } from './message/safe-link.js';
import { shownId } from '../util/shown-names.js';
import { accept } from './http/answer.js';
import { attributesOf } from '../model/tenant-attributes.js';
import type { ChannelFilter } from './common-options.js';
import { checkOptions, FILTER_RULES } from './option-rules.js';

/** Sentry drops longer tag values. */
const MAX_TAG = 200;
/** Room for the mark that `shownId` adds to a shortened or cleaned id. */
const MARK_ROOM = 18;
/**
 * By then Sentry has started to send an event, or has dropped it, which it does not report. Counted in steps, because a blocked process
 * also blocks Sentry, and a single timer would fire before Sentry gets its turn.
 */
const ON_ITS_WAY_WITHIN_STEPS = 20;
/** Enough if earlier events were sent at once. */
const MIN_STEPS = 3;
const STEP_MS = 100;
const SENTRY_LEVEL = { info: 'info', warning: 'warning', critical: 'error' } as const;

/**
 * Sends alerts to Sentry, as events of one issue per category and tenant. Sends nothing if the app has not set Sentry up.
 *
 * In Sentry, create an alert rule on "an event is captured" with the tag `alert.type` equal to `threshold_rate_monitor`. A rule on new
 * issues fires once per tenant and never again.
 */
export class SentryChannel implements AlertChannel {
  /** {@inheritDoc AlertChannel.name} */
  readonly name = 'sentry';
  /** {@inheritDoc AlertChannel.minSeverity} */
  readonly minSeverity: Severity | undefined;
  private readonly given: readonly string[] | undefined;
  private sentry: Sentry | undefined;
  /** How many steps the slowest event so far took before Sentry began to send it. */
  private slowest: number | undefined;

  /** @throws RateMonitorConfigError if an option is wrong. */
  constructor(options?: ChannelFilter | null) {
    const { minSeverity, categories } = checkOptions('SentryChannel', FILTER_RULES, options ?? {});
    this.minSeverity = minSeverity;
    this.given = categories;
  }

  /** Empty until the app has set Sentry up, so that nothing is due here and the history does not show alerts as delivered. */
  get categories(): readonly string[] | undefined {
    return this.sentry && !this.client ? [] : this.given;
  }

  /** Undefined if Sentry cannot send. */
  private get client(): SentryClient | undefined {
    return sendingClient(this.sentry);
  }

  /**
   * Loads Sentry.
   * @throws RateMonitorConfigError if `@sentry/nestjs` is not installed.
   */
  async start(): Promise<void> {
    this.sentry = await sentry();
    if (!this.sentry)
      throw new RateMonitorConfigError([
        'channels has a SentryChannel, but @sentry/nestjs is not installed: install it, or remove the channel',
      ]);
    const { sampleRate } = this.sentry.getClient()?.getOptions() ?? {};
    if (sampleRate !== undefined && sampleRate < 1)
      new OwnLogger().warn(
        `Sentry drops alerts at random because its sampleRate is ${sampleRate}: those are retried and arrive late. Set sampleRate to 1, or add another channel`,
      );
  }

  /** Resolves when Sentry has the event. The same alert has the same event id, so Sentry keeps only one of two copies. */
  async send(alert: RateAlert): Promise<void> {
    const { sentry, client } = this;
    if (!sentry || !client) throw new DeliveryError('Sentry is not set up in this app', { retry: false });
    const { category, tenant, level } = alert;
    // The message contains the window's time, or Sentry's Dedupe would drop the next window's event.
    const captureContext = {
      level: isOpen(alert) ? SENTRY_LEVEL[level.severity] : ('info' as const),
      // Cleaned, because many parsers refuse JSON with half of a surrogate pair in it.
      fingerprint: ['rate-monitor', category, shownId(keyOfShown(tenant.id), MAX_TAG)],
      tags: tagsOf(alert),
      extra: extraOf(alert),
    };
    await this.posted(client, eventIdOf(alert), (event_id) =>
      withoutOtherWork(sentry, () =>
        sentry.getCurrentScope().captureMessage(alertLine(alert), undefined, { event_id, captureContext }),
      ),
    );
  }

  /**
   * Captures an event and waits for its outcome.
   *
   * @throws DeliveryError if it was dropped or Sentry did not accept it.
   */
  private async posted(client: SentryClient, eventId: string, capture: (eventId: string) => void): Promise<void> {
    let forgetAnswer: (() => void) | undefined;
    try {
      const { statusCode, headers } = await new Promise<SentryAnswer>((resolve, reject) => {
        let steps = 0;
        const step = (): void => {
          steps++;
          const reason = 'dropped by the app (beforeSend, a filter or sampleRate), or there are too many events';
          if (steps >= this.maxSteps) reject(new DeliveryError(reason, { retry: false }));
          if (steps >= ON_ITS_WAY_WITHIN_STEPS) unwatch();
        };
        const timer = setInterval(step, STEP_MS).unref();
        let sentId: string | undefined;
        const forget = client.on('beforeSendEvent', ({ event_id }, hint) => {
          // The app's beforeSend may have given the event another id.
          if (hint?.event_id !== eventId) return;
          sentId = event_id;
          this.slowest = Math.max(this.slowest ?? 0, steps);
          unwatch();
        });
        // Keeps watching an event that was given up: if it was only late, later events get more time.
        const unwatch = (): void => {
          clearInterval(timer);
          forget();
        };
        forgetAnswer = client.on('afterSendEvent', ({ event_id }, answer) => event_id === sentId && resolve(answer));
        capture(eventId);
      });
      if (statusCode === undefined)
        throw new DeliveryError('the event did not reach Sentry, or the SDK had no room for it', { retry: true });
      accept({ status: statusCode, headers: new Headers(withValues(headers)), json: {}, reason: undefined });
    } finally {
      forgetAnswer?.();
    }
  }

  /** An event that Sentry has not begun to send by then counts as dropped. If it was only late, it is sent again with the same id. */
  private get maxSteps(): number {
    const { slowest = ON_ITS_WAY_WITHIN_STEPS } = this;
    return Math.min(MIN_STEPS + 2 * slowest, ON_ITS_WAY_WITHIN_STEPS);
  }
}

function eventIdOf({ id }: RateAlert): string {
  if (id === undefined) return randomUUID().replaceAll('-', '');
  return createHash('sha256').update(id).digest('hex').slice(0, 32);
}

interface SentryAnswer {
  statusCode?: number | undefined;
  headers?: Readonly<Record<string, string | null>> | undefined;
}

function withValues(headers: SentryAnswer['headers'] = {}): [string, string][] {
  return Object.entries(headers).filter((one): one is [string, string] => typeof one[1] === 'string');
}

function tagsOf({ category, tenant, level, route, incident, service, window }: RateAlert): Record<string, string> {
  return {
    'alert.type': 'threshold_rate_monitor',
    route_category: tag(category),
    tenant_id: tag(shownId(tenant.id, MAX_TAG - MARK_ROOM)),
    ...(window ? { window: tag(window) } : {}),
    ...(service ? { service: tag(service) } : {}),
    severity: level.severity,
    ...(tenant.name ? { tenant_name: tag(tenant.name) } : {}),
    ...(route ? { route: tag(`${route.method} ${route.path}`), handler: tag(route.handler) } : {}),
    ...(incident ? { incident_id: tag(incident.id), incident_status: incident.status } : {}),
  };
}

function extraOf(alert: RateAlert): Record<string, unknown> {
  const { tenant, count, threshold, level, windowStart, windowMs, countedBy, incident } = alert;
  const { environment, windowEnd, timeZone, countAtCrossing, streak, contributors } = alert;
  const { shown } = attributesOf(tenant);
  const link = linkOf(alert);
  return {
    request_count: count,
    threshold,
    level_at: level.at,
    window_start: windowStart.toISOString(),
    window_ms: windowMs,
    counted_by: countedBy,
    ...(shown.length > 0 ? { tenant_attributes: Object.fromEntries(shown) } : {}),
    ...(environment ? { environment: oneLine(environment) } : {}),
    ...(windowEnd ? { window_end: windowEnd.toISOString() } : {}),
    ...(timeZone ? { time_zone: oneLine(timeZone) } : {}),
    ...(countAtCrossing === undefined ? {} : { count_at_crossing: countAtCrossing }),
    ...(streak ? { windows_in_a_row: streak.windows, since: streak.since.toISOString() } : {}),
    ...(contributors ? { contributors: contributors.slice(0, 10).map(contributor) } : {}),
    ...(link === undefined ? {} : { link }),
    ...(incident ? { incident: { ...incident, peak: peakOf(incident) } } : {}),
  };
}

/** Dates as text: at this depth, Sentry shows only the kind of an object. */
function peakOf({ peak: { count, windowStart } }: AlertIncident): object {
  return { count, windowStart: windowStart.toISOString() };
}

function contributor({ label, count }: { label: string; count: number }): string {
  return `${oneLine(label, 60)}: ${amountOf(count)}`;
}

function tag(value: string): string {
  return oneLine(value, MAX_TAG);
}
