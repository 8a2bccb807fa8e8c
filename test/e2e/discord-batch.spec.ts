import { DiscordChannel } from '../../src/index.js';
import { anAlert, anIncident } from '../support/alerts.js';
import { DiscordServer } from '../support/discord-server.js';

describe('a batch at Discord', () => {
  let server: DiscordServer;
  let channel: DiscordChannel;

  beforeEach(async () => {
    server = await new DiscordServer().start();
    channel = new DiscordChannel({ url: server.url, mentionRole: '42' });
  });
  afterEach(() => server.close());

  it('names 50 tenants in two messages, worst first', async () => {
    const alerts = Array.from({ length: 50 }, (_, i) =>
      anAlert({ tenant: { id: `p${i}`, name: `Tenant ${i}` }, count: 100 - i }),
    );
    await channel.sendBatch(alerts.slice(0, 25));
    await channel.sendBatch(alerts.slice(25));
    expect(server.messages.map(({ now }) => [now.content, now.embeds?.[0]?.title])).toEqual([
      ['<@&42>', '25 over their thresholds'],
      // One ping for all that come together.
      ['', '25 over their thresholds'],
    ]);
    const lines = server.messages.flatMap(({ now }) =>
      (now.embeds ?? []).flatMap((one) => one.description?.split('\n')),
    );
    expect(lines).toHaveLength(50);
    expect(lines[0]).toBe('**Tenant 0** (p0): llm_call 100 of 15 in 1 min, 6.7x');
    expect(lines.map((line) => /\((p\d+)\)/.exec(line as string)?.[1])).toEqual(alerts.map(({ tenant }) => tenant.id));
  });

  it('says in a batch what is over, near and over with, and calls nobody for an end', async () => {
    await channel.sendBatch([anIncident('resolved'), anIncident('resolved', { tenant: { id: 'p2' } })]);
    await channel.sendBatch([anAlert(), anAlert({ count: 13 }), anIncident('resolved')]);
    expect(server.messages.map(({ now }) => [now.content, now.embeds?.[0]?.title])).toEqual([
      ['', '2 back under their thresholds'],
      ['<@&42>', '1 over, 1 near, 1 back under their thresholds'],
    ]);
    const [embed] = server.messages[0]?.now.embeds ?? [];
    expect(embed?.color).toBe(0x2ecc71);
    expect(embed?.description?.split('\n')[1]).toBe(
      '**p2**: llm_call peak 47 of 15 in 1 min, 3.1x, back under after 3 min',
    );
  });
});
