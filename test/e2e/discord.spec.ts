import { DiscordChannel, type DiscordChannelOptions } from '../../src/index.js';
import { anAlert, anIncident, ToldIncident } from '../support/alerts.js';
import type { DiscordEmbed } from '../support/discord-limits.js';
import { DiscordServer, type DiscordServerOptions } from '../support/discord-server.js';

describe('the Discord channel', () => {
  let server: DiscordServer;

  const start = async (
    more: Partial<DiscordChannelOptions> = {},
    of?: DiscordServerOptions,
  ): Promise<DiscordChannel> => {
    server = await new DiscordServer(of).start();
    return new DiscordChannel({ url: server.url, environment: 'production', ...more });
  };
  const embed = (at = 0): DiscordEmbed => server.messages[at]?.now.embeds?.[0] as DiscordEmbed;
  const fields = (at = 0) => Object.fromEntries((embed(at).fields ?? []).map(({ name, value }) => [name, value]));

  afterEach(() => server.close());

  it('says who, where, how much and since when', async () => {
    const channel = await start({ link: ({ category }) => `https://grafana.example/d/1?category=${category}` });
    await channel.send(anAlert({ tenant: { id: 'proj_1', name: 'Acme', attributes: { plan: 'free' } } }));
    expect(server.requests[0]?.query.get('wait')).toBe('true');
    expect(server.messages[0]?.now.allowed_mentions).toEqual({ parse: [] });
    expect(server.messages[0]?.now.content).toBeUndefined();
    expect(embed()).toMatchObject({
      title: 'Acme is over the llm_call threshold',
      color: 0xf39c12,
      url: 'https://grafana.example/d/1?category=llm_call',
    });
    expect(fields()).toEqual({
      Count: '47 in 1 min, threshold 15, 3.1x',
      Route: 'POST /llm/call (LlmController\\.call)',
      Window: '<t:1767268800:T> to <t:1767268860:T>',
      'Tenant id': 'proj\\_1',
      plan: 'free',
      Environment: 'production',
    });
  });

  it('is truthful about a level below the threshold, a test and a count of one instance', async () => {
    const channel = await start();
    await channel.send(anAlert({ count: 13, level: { at: 0.8, severity: 'info' }, countedBy: 'instance', test: true }));
    expect(embed()).toMatchObject({ title: '[Test] Acme is near the llm_call threshold', color: 0x3498db });
    expect(fields()).toMatchObject({
      Count: '13 in 1 min, threshold 15, 0.9x',
      'Counted by': 'one instance alone, as the store is away: at least this many',
    });
  });

  it('edits the one message of an incident until it is resolved', async () => {
    const incident = new ToldIncident(await start({ mentionRole: '42' }));
    await incident.send(anIncident('opened'));
    expect(incident.previous).toBe(server.messages[0]?.id);
    await incident.send(anIncident('escalated', { level: { at: 5, severity: 'critical' } }));
    await incident.send(anIncident('reminded'));
    await incident.send(anIncident('resolved'));
    expect(server.messages).toHaveLength(1);
    const { versions } = server.messages[0] as { versions: { content?: string; embeds?: DiscordEmbed[] }[] };
    expect(versions.map(({ content, embeds: [one] = [] }) => [content, one?.title, one?.color])).toEqual([
      ['<@&42>', 'Acme is over the llm_call threshold', 0xf39c12],
      ['<@&42>', 'Acme is over the llm_call threshold', 0xe74c3c],
      ['<@&42>', 'Acme is still over the llm_call threshold', 0xf39c12],
      ['', 'Acme is back under the llm_call threshold', 0x2ecc71],
    ]);
    const allowed = server.requests.map(
      ({ body }) => (JSON.parse(body) as { allowed_mentions: unknown }).allowed_mentions,
    );
    expect(allowed).toEqual([{ parse: [], roles: ['42'] }, { parse: [], roles: ['42'] }, { parse: [] }, { parse: [] }]);
    expect(fields()).toMatchObject({
      Incident: 'resolved',
      Lasted: '3 min from <t:1767268800:T>',
      Peak: '47 in 1 min, threshold 15, 3.1x, at <t:1767268800:T>',
      Total: '120 in all',
    });
    expect(Object.keys(fields())).not.toContain('Count');
  });

  it('posts anew where somebody deleted the message, and not where the webhook is gone', async () => {
    const incident = new ToldIncident(await start());
    await incident.send(anIncident('opened'));
    server.deleteMessage(incident.previous as string);
    await incident.send(anIncident('resolved'));
    expect(server.messages.map(({ id }) => id)).toEqual([incident.previous]);
    server.remove();
    await expect(incident.send(anIncident('resolved'))).rejects.toMatchObject({
      message: 'answered 404: Unknown Webhook',
      switchOff: true,
    });
    expect(server.messages).toHaveLength(1);
  });

  it('takes a 404 without a code, on an edit, for the end of the webhook', async () => {
    const incident = new ToldIncident(await start());
    incident.previous = '1';
    server.answerNext({ status: 404, body: 'gone' });
    await expect(incident.send(anIncident('reminded'))).rejects.toMatchObject({ switchOff: true });
    expect(server.requests).toHaveLength(1);
  });

  it('edits in the thread that the webhook was given for', async () => {
    const channel = await start();
    const inThread = new DiscordChannel({ url: `${server.url}?thread_id=7` });
    const incident = new ToldIncident(inThread);
    await incident.send(anIncident('opened'));
    await incident.send(anIncident('resolved'));
    expect(server.requests.map(({ query }) => query.get('thread_id'))).toEqual(['7', '7']);
    expect(server.messages).toHaveLength(1);
    expect(channel.name).toBe('discord');
  });

  it('waits out the rate limit that Discord tells of, and never meets a 429', async () => {
    const channel = await start({}, { rateLimit: { requests: 2, perMs: 100 } });
    for (let i = 0; i < 5; i++) await channel.send(anAlert());
    expect(server.messages).toHaveLength(5);
    expect(server.requests).toHaveLength(5);
  });

  it.each([
    ['throws', () => JSON.parse('{') as string],
    ['gives none', () => undefined],
    ['gives a script', () => 'javascript:alert(1)'],
    ['gives a page-long one', () => `https://a.example/${'x'.repeat(3_000)}`],
  ])('leaves out a link whose function %s', async (_, link) => {
    const channel = await start({ link });
    await channel.send(anAlert());
    expect(embed()).not.toHaveProperty('url');
  });

  it.each(['http://localhost:3000/d/x', 'http://grafana:3000/d/x', 'https://[::1]/d/x', 'https://grafana./d/x'])(
    'shows as text what Discord takes for no address: %s',
    async (link) => {
      const channel = await start({ link: () => link });
      await channel.send(anAlert());
      expect(embed()).not.toHaveProperty('url');
      expect(fields().Link?.replaceAll('\\', '')).toBe(link);
    },
  );

  it.each(['http://10.0.0.1:3000/d/x', 'https://grafana.internal/d/x'])('links to %s', async (link) => {
    const channel = await start({ link: () => link });
    await channel.send(anAlert());
    expect(embed().url).toBe(link);
    expect(fields()).not.toHaveProperty('Link');
  });

  it('leaves out what is no address to Discord and too long to be shown whole', async () => {
    const channel = await start({ link: () => `http://grafana/${'x'.repeat(300)}` });
    await channel.send(anAlert());
    expect(embed()).not.toHaveProperty('url');
    expect(fields()).not.toHaveProperty('Link');
  });
});
