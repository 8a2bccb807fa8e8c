import { sentry, type Sentry } from '../../optional-peers.js';
import { RateMonitorConfigError } from '../../options/config-error.js';
import { tenantKey } from '../../tenant/tenant-key.js';
import { oneLine } from '../../util/text.js';
import type { AlertChannel } from '../alert-channel.js';
import { alertMessage } from '../alert-message.js';
import type { RateAlert } from '../rate-alert.js';

/** Longer tag values are dropped by Sentry. */
const LONGEST_TAG = 200;
const SENTRY_LEVEL = { info: 'info', warning: 'warning', critical: 'error' } as const;

/**
 * Sends alerts to Sentry, as events of one issue per category and tenant. Nothing is sent where the app has not set Sentry up.
 *
 * In Sentry make an alert rule on "an event is captured" with the tag `alert.type` equal to `threshold_rate_monitor`: a rule on new
 * issues fires once per tenant and never again.
 */
export class SentryChannel implements AlertChannel {
  readonly name = 'sentry';
  private sentry: Sentry | undefined;

  /** @throws RateMonitorConfigError where `@sentry/nestjs` is not installed. */
  async start(): Promise<void> {
    this.sentry = await sentry();
    if (!this.sentry)
      throw new RateMonitorConfigError([
        'channels has a SentryChannel, but there is no @sentry/nestjs: install it, or leave the channel out',
      ]);
  }

  send(alert: RateAlert): void {
    // `isInitialized()` would be true without a DSN and after a close as well.
    if (!this.sentry?.isEnabled()) return;
    const { category, tenant, count, threshold, level, windowStart, windowMs, route, countedBy } = alert;
    const tags: Record<string, string> = {
      'alert.type': 'threshold_rate_monitor',
      route_category: category,
      tenant_id: tag(tenant.id),
      severity: level.severity,
      ...(tenant.name ? { tenant_name: tag(tenant.name) } : {}),
      ...(route ? { route: tag(`${route.method} ${route.path}`), handler: tag(route.handler) } : {}),
    };
    // The time of the window is in the message, or Sentry's Dedupe would take the next window's event for this one.
    this.sentry.captureMessage(alertMessage(alert), {
      level: SENTRY_LEVEL[level.severity],
      fingerprint: ['rate-monitor', category, tenantKey(tenant.id)],
      tags,
      extra: {
        request_count: count,
        threshold,
        level_at: level.at,
        window_start: windowStart.toISOString(),
        window_ms: windowMs,
        counted_by: countedBy,
        ...(tenant.attributes ? { tenant_attributes: tenant.attributes } : {}),
      },
    });
  }
}

function tag(value: string): string {
  return oneLine(value, LONGEST_TAG);
}
