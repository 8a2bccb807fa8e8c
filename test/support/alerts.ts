import type { AlertChannel, AlertIncident, RateAlert } from '../../src/index.js';

const AT = new Date('2026-01-01T12:00:00Z');

/** A typical alert with the fields a test sets. */
export function anAlert(more: Partial<RateAlert> = {}): RateAlert {
  return {
    category: 'llm_call',
    tenant: { id: 'proj_1', name: 'Acme' },
    count: 47,
    threshold: 15,
    level: { at: 1, severity: 'warning' },
    windowStart: AT,
    windowMs: 60_000,
    route: { method: 'POST', path: '/llm/call', handler: 'LlmController.call' },
    countedBy: 'all',
    ...more,
  };
}

/** An alert of an incident that has lasted three minutes. */
export function anIncident(status: AlertIncident['status'], more: Partial<RateAlert> = {}): RateAlert {
  const peak = { count: 47, windowStart: AT };
  return anAlert({ incident: { id: 'inc_1', status, startedAt: AT, lastedMs: 180_000, peak, total: 120 }, ...more });
}

/** Sends the alerts of one incident to a channel, and keeps its state between sends as the module does. */
export class ToldIncident {
  previous: string | undefined;

  constructor(private readonly channel: AlertChannel) {}

  async send(alert: RateAlert): Promise<void> {
    this.previous = (await this.channel.send(alert, this.previous)) ?? this.previous;
  }
}
