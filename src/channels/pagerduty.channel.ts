import { createHash } from 'node:crypto';

import type { RateAlert } from '../model/rate-alert.js';
import { attributesOf } from '../model/tenant-attributes.js';
import { oneLine } from '../util/text.js';
import type { ChannelFilter } from './common-options.js';
import { checkOptions, PAGERDUTY_RULES } from './option-rules.js';
import { HttpChannel } from './http/http-channel.js';
import { accept } from './http/answer.js';
import { alertLine } from './message/alert-line.js';
import { isOpen } from './message/alert-words.js';
import { shownId } from '../util/shown-names.js';
import { linkOf } from './message/safe-link.js';
import { plainText } from './message/safe-text.js';

/** Options of {@link PagerDutyChannel}. */
export interface PagerDutyChannelOptions extends ChannelFilter {
  /** The key of an "Events API v2" integration: 32 letters and digits. It is secret: never logged, shown or put into an error. */
  routingKey: string;
  /**
   * Where to send events: `https://events.eu.pagerduty.com/v2/enqueue` for an account in the EU.
   *
   * @defaultValue 'https://events.pagerduty.com/v2/enqueue'
   */
  url?: string | undefined;
}

const US = 'https://events.pagerduty.com/v2/enqueue';
const MAX_SUMMARY = 1_024;
/** All our keys begin with it. */
const KEY_PREFIX = 'rate-monitor-';

/**
 * Triggers and resolves alerts in PagerDuty through its Events API v2, one per incident. Turn on `incidents`; otherwise alerts are never
 * resolved. A test alert is triggered and resolved at once.
 */
export class PagerDutyChannel extends HttpChannel {
  /** {@inheritDoc AlertChannel.name} */
  readonly name = 'pagerduty';
  readonly #routingKey: string;

  /** @throws RateMonitorConfigError if an option is wrong. */
  constructor(options: PagerDutyChannelOptions) {
    const given = checkOptions('PagerDutyChannel', PAGERDUTY_RULES, options);
    super(given.url ?? US, given, [given.routingKey]);
    this.#routingKey = given.routingKey;
  }

  /** {@inheritDoc AlertChannel.send} */
  async send(alert: RateAlert, previous?: string): Promise<string> {
    // Replicas that could not reach each other triggered several for an incident: all are resolved.
    // Whoever can write to Redis must not resolve what others triggered.
    const key = previous?.startsWith(KEY_PREFIX) ? previous : dedupKeyOf(alert);
    if (isOpen(alert)) await this.#enqueue('trigger', alert, key);
    if (!isOpen(alert) || alert.test) await this.#enqueue('resolve', alert, key);
    return key;
  }

  async #enqueue(action: 'trigger' | 'resolve', alert: RateAlert, key: string): Promise<void> {
    const link = linkOf(alert);
    const event = {
      routing_key: this.#routingKey,
      event_action: action,
      dedup_key: key,
      client: 'nestjs-rate-monitor',
      payload: payloadOf(alert),
      ...(link === undefined ? {} : { links: [{ href: link, text: 'Open' }] }),
    };
    accept(await this.request({ body: JSON.stringify(event) }));
  }
}

/** The same for a whole incident, even if its window is renamed. Without incidents, the same for all alerts of a tenant in a window. */
function dedupKeyOf({ incident, service, environment, category, window, tenant, test }: RateAlert): string {
  const about = JSON.stringify([service, environment, category, tenant.id, incident?.id ?? window, test]);
  return `${KEY_PREFIX}${createHash('sha256').update(about, 'utf16le').digest('base64url')}`;
}

function payloadOf(alert: RateAlert): Record<string, unknown> {
  const { category, tenant, count, threshold, level, windowStart, windowMs, window, route } = alert;
  const { service, environment, streak, countAtCrossing, countedBy, incident } = alert;
  const { shown } = attributesOf(tenant);
  return {
    summary: plainText(alertLine(alert), MAX_SUMMARY),
    source: plainText(service ?? 'nestjs-rate-monitor', 200),
    severity: level.severity,
    component: plainText(category, 200),
    ...(environment ? { group: plainText(environment, 200) } : {}),
    class: 'rate',
    custom_details: {
      tenant_id: shownId(tenant.id, 200),
      tenant_name: tenant.name && oneLine(tenant.name),
      ...(shown.length > 0 ? { tenant_attributes: Object.fromEntries(shown) } : {}),
      count,
      threshold,
      window: window && oneLine(window),
      window_ms: windowMs,
      window_start: windowStart,
      count_at_crossing: countAtCrossing,
      windows_in_a_row: streak?.windows,
      since: streak?.since,
      route: route && `${oneLine(route.method, 20)} ${oneLine(route.path)}`,
      counted_by: countedBy,
      incident_status: incident?.status,
      windows_over: incident?.windowsOver,
      windows: incident?.windows,
    },
  };
}
