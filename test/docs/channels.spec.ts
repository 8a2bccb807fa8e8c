import { inspect } from 'node:util';

import { anAlert, anIncident } from '../support/alerts.js';
import { WebhookServer } from '../support/webhook-server.js';
import { TeamsChannel } from './teams-channel.js';

describe('the channel for Teams', () => {
  let server: WebhookServer;
  let channel: TeamsChannel;
  beforeEach(async () => {
    server = await new WebhookServer().start();
    channel = new TeamsChannel(server.url);
  });
  afterEach(() => server.close());

  it('posts an adaptive card', async () => {
    await channel.send(anAlert({ link: 'https://a.example/x', environment: 'production' }));
    await channel.send(anIncident('resolved'));
    const [opened, resolved] = server.requests.map(({ body }) => JSON.parse(body) as { attachments: unknown[] });
    const card = (color: string, text: string, ...actions: object[]) => ({
      type: 'message',
      attachments: [
        {
          contentType: 'application/vnd.microsoft.card.adaptive',
          content: {
            type: 'AdaptiveCard',
            version: '1.4',
            actions,
            body: [{ type: 'RichTextBlock', inlines: [{ type: 'TextRun', color, text: expect.stringMatching(text) }] }],
          },
        },
      ],
    });
    expect(opened).toEqual(
      card('warning', '^"Acme" \\(proj_1\\) is over the llm_call threshold: 47 in 1 min, .* production$', {
        type: 'Action.OpenUrl',
        title: 'Open',
        url: 'https://a.example/x',
      }),
    );
    expect(resolved).toEqual(card('good', 'is back under'));
  });

  it('puts no text from users where the service would format it', async () => {
    await channel.send(anAlert({ tenant: { id: 'p"\u3164', name: '[Reset](https://b.example)\n\u202E**x**' } }));
    const body = server.requests[0]?.body ?? '';
    expect(body).not.toMatch(/"TextBlock"|"FactSet"|[\u202E\u3164]/);
    expect(JSON.parse(body)).toMatchObject({
      attachments: [{ content: { body: [{ inlines: [{ text: expect.stringContaining('[altered #') }] }] } }],
    });
  });

  it.each([
    [502, { retry: true, probe: false }],
    [400, { retry: false, probe: false }],
    [404, { retry: false, probe: true }],
    [302, { retry: false, probe: false }],
  ])('reports an answer of %d', async (status, fault) => {
    server.answerNext({ status, headers: { location: server.url } });
    await expect(channel.send(anAlert())).rejects.toMatchObject({ message: `answered ${status}`, ...fault });
    expect(server.requests).toHaveLength(1);
  });

  it('waits for as long as the service asks', async () => {
    server.answerNext({ status: 429, headers: { 'retry-after': '7' } });
    await expect(channel.send(anAlert())).rejects.toMatchObject({ retry: true, retryAfterMs: 7_000 });
  });

  it('never prints its address', () => expect(inspect(channel, { depth: 9 })).not.toContain('token'));
});
