import { DeliveryError, type AlertChannel, type RateAlert } from 'nestjs-rate-monitor';

export class TeamsChannel implements AlertChannel {
  readonly name = 'teams';

  constructor(private readonly url: string) {}

  async send({ tenant, category, count, threshold, level, incident }: RateAlert): Promise<void> {
    const card = {
      type: 'AdaptiveCard',
      version: '1.4',
      body: [
        { type: 'TextBlock', weight: 'bolder', wrap: true, text: `${level.severity}: ${category}` },
        {
          type: 'FactSet',
          facts: [
            { title: 'Tenant', value: `"${tenant.name ?? ''}" (${tenant.id})` },
            { title: 'Count', value: `${count}, threshold ${threshold}` },
            { title: 'Status', value: incident?.status ?? 'over' },
          ],
        },
      ],
    };
    const attachments = [{ contentType: 'application/vnd.microsoft.card.adaptive', content: card }];
    const answer = await fetch(this.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'message', attachments }),
      signal: AbortSignal.timeout(5_000),
    });
    if (!answer.ok) throw new DeliveryError(`answered ${answer.status}`, { retry: answer.status >= 500 });
  }
}
