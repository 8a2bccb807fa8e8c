import { readFileSync } from 'node:fs';

import { anAlert } from '../support/alerts.js';
import { WebhookServer } from '../support/webhook-server.js';
import { TeamsChannel } from './teams-channel.js';

const BLOCK = /<!-- from (\S+) -->\n\n```ts\n([^]*?)```/g;

it.each([...readFileSync('docs/channels.md', 'utf8').matchAll(BLOCK)].map(([, file, code]) => [file, code]))(
  'docs/channels.md shows what a test runs, in %s',
  (file, code) => expect(readFileSync(file as string, 'utf8').trim()).toBe((code as string).trim()),
);

it('the channel for Teams posts an adaptive card, and throws if it must be retried', async () => {
  const server = await new WebhookServer().start();
  const channel = new TeamsChannel(server.url);
  await channel.send(anAlert());
  expect(JSON.parse(server.requests[0]?.body ?? '')).toMatchObject({
    type: 'message',
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content: { type: 'AdaptiveCard' } }],
  });
  server.answerNext({ status: 502 }, { status: 400 });
  await expect(channel.send(anAlert())).rejects.toMatchObject({ message: 'answered 502', retry: true });
  await expect(channel.send(anAlert())).rejects.toMatchObject({ message: 'answered 400', retry: false });
  await server.close();
});
