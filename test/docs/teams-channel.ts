import { alertLine, DeliveryError, type AlertChannel, type RateAlert } from 'nestjs-rate-monitor';

const COLOR = { info: 'accent', warning: 'warning', critical: 'attention' } as const;

export class TeamsChannel implements AlertChannel {
  readonly name = 'teams';
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async send(alert: RateAlert): Promise<void> {
    const color = alert.incident?.status === 'resolved' ? 'good' : COLOR[alert.level.severity];
    const card = {
      type: 'AdaptiveCard',
      version: '1.4',
      // A TextBlock would make links of what is in a tenant's name.
      body: [{ type: 'RichTextBlock', inlines: [{ type: 'TextRun', color, text: alertLine(alert) }] }],
      actions: alert.link ? [{ type: 'Action.OpenUrl', title: 'Open', url: alert.link }] : [],
    };
    const attachments = [{ contentType: 'application/vnd.microsoft.card.adaptive', content: card }];
    const { ok, status, headers } = await fetch(this.#url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'message', attachments }),
      redirect: 'manual',
      signal: AbortSignal.timeout(30_000),
    });
    if (ok) return;
    throw new DeliveryError(`answered ${status}`, {
      retry: status === 429 || status >= 500,
      retryAfterMs: Number(headers.get('retry-after')) * 1_000 || 0,
      probe: status === 401 || status === 404,
    });
  }
}
