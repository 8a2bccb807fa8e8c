import { DiscordChannel, type DiscordChannelOptions, type RateAlert } from '../../src/index.js';
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

  it('shows who, where, how much and since when', async () => {
    const channel = await start({ link: ({ category }) => `https://grafana.example/d/1?category=${category}` });
    await channel.send(anAlert({ tenant: { id: 'proj_1', name: 'Acme', attributes: { plan: 'free' } } }));
    expect(server.requests[0]?.query.get('wait')).toBe('true');
    expect(server.messages[0]?.now.allowed_mentions).toEqual({ parse: [] });
    expect(server.messages[0]?.now.content).toBe('');
    expect(embed()).toMatchObject({
      title: '"Acme" (proj\\_1) is over the llm_call threshold',
      color: 0xf39c12,
      url: 'https://grafana.example/d/1?category=llm_call',
    });
    expect(fields()).toEqual({
      Severity: 'warning',
      Count: '47 in 1 min, threshold 15, 3.1x',
      Route: 'POST /llm/call (LlmController\\.call)',
      Window: '<t:1767268800:T> to <t:1767268860:T>',
      'Tenant id': 'proj\\_1',
      'tenant.plan': 'free',
      Service: 'production',
    });
  });

  it('shows a long window with dates, since when it lasts, the contributors, and where', async () => {
    const channel = await start({ environment: undefined });
    await channel.send(
      anAlert({
        count: 5_000,
        countAtCrossing: 16,
        window: 'day',
        windowMs: 86_400_000,
        windowEnd: new Date('2026-01-02T12:00:00Z'),
        streak: { windows: 7, since: new Date('2025-12-26T12:00:00Z') },
        contributors: [{ label: 'alice', count: 3_000 }],
        service: 'api',
        environment: 'staging',
        link: 'https://grafana.example/d/2',
      }),
    );
    expect(embed()).toMatchObject({
      title: '"Acme" (proj\\_1) is over the llm_call day threshold',
      url: 'https://grafana.example/d/2',
    });
    expect(fields()).toMatchObject({
      Count: '5,000 in 24 h, threshold 15, 333.3x (16 when it crossed)',
      'In a row': '7th window in a row, since <t:1766750400:f>',
      Mostly: '"alice" 3,000',
      Window: '<t:1767268800:f> to <t:1767355200:f>, resets at 2026-01-02 12:00 UTC',
      Service: 'api, staging',
    });
  });

  it('shows correctly a level below the threshold, a test, and a count by one instance', async () => {
    const channel = await start();
    await channel.send(anAlert({ count: 13, level: { at: 0.8, severity: 'info' }, countedBy: 'instance', test: true }));
    expect(embed()).toMatchObject({
      title: '[Test] "Acme" (proj\\_1) is near the llm_call threshold',
      color: 0x3498db,
    });
    expect(fields()).toMatchObject({
      Count: '13 in 1 min, threshold 15, 0.9x',
      'Counted by': 'one instance alone, without the store: at least this many',
    });
  });

  it('posts each step as a new message, updates the older message, and edits the last one at the end', async () => {
    const incident = new ToldIncident(
      await start({ mentionRole: '42' }, { rateLimit: { requests: 50, perMs: 2_000 } }),
    );
    await incident.send(anIncident('opened'));
    expect(incident.previous).toBe(server.messages[0]?.id);
    await incident.send(anIncident('escalated', { level: { at: 5, severity: 'critical' } }));
    await incident.send(anIncident('reminded', { level: { at: 5, severity: 'critical' } }));
    await incident.send(anIncident('resolved'));
    const now = server.messages.map(({ versions }) =>
      versions.map(({ content, embeds: [one] = [] }) => [content, one?.title, one?.color]),
    );
    expect(now).toEqual([
      [
        ['<@&42>', '"Acme" (proj\\_1) is over the llm_call threshold', 0xf39c12],
        ['', '"Acme" (proj\\_1) is over the llm_call threshold', 0x95a5a6],
      ],
      [
        ['<@&42>', '"Acme" (proj\\_1) is over the llm_call threshold', 0xe74c3c],
        ['', '"Acme" (proj\\_1) is still over the llm_call threshold', 0x95a5a6],
      ],
      [
        // Those who were pinged seconds ago are already looking.
        ['', '"Acme" (proj\\_1) is still over the llm_call threshold', 0xe74c3c],
        ['', '"Acme" (proj\\_1) is back under the llm_call threshold', 0x2ecc71],
      ],
    ]);
    for (const { versions } of server.messages)
      for (const { content, allowed_mentions: allowed } of versions)
        expect(allowed).toEqual(content === '' ? { parse: [] } : { parse: [], roles: ['42'] });
    expect(embed(0).footer).toEqual({ text: 'Continued in a newer message.' });
    expect(fields(2)).toMatchObject({
      Incident: 'resolved',
      Lasted: '3 min from <t:1767268800:T>',
      Peak: '47 in 1 min, threshold 15, 3.1x, at <t:1767268800:T>',
      Total: '120 in all',
    });
    expect(Object.keys(fields(2))).not.toContain('Count');
  });

  it('updates an older message next time if that fails', async () => {
    const incident = new ToldIncident(await start());
    await incident.send(anIncident('opened'));
    server.failEdits(1);
    await incident.send(anIncident('escalated'));
    expect(server.messages.map(({ now: { embeds = [] } }) => embeds[0]?.color)).toEqual([0xf39c12, 0xf39c12]);
    await incident.send(anIncident('resolved'));
    expect(server.messages.map(({ now: { embeds = [] } }) => embeds[0]?.color)).toEqual([0x95a5a6, 0x2ecc71]);
  });

  it.each<[string, RateAlert[], Partial<DiscordChannelOptions>, number]>([
    ['never for info', [anAlert({ level: { at: 0.8, severity: 'info' } })], {}, 0],
    ['never for a test', [anAlert({ test: true })], {}, 0],
    ['never for an end', [anIncident('resolved')], {}, 0],
    ['for a warning', [anAlert()], {}, 1],
    ['once for alerts that come together', [anAlert(), anAlert({ tenant: { id: 'p2' } })], {}, 1],
    ['again for what is more urgent', [anAlert(), anAlert({ level: { at: 5, severity: 'critical' } })], {}, 2],
    ['from the severity that is set', [anAlert()], { mentionFrom: 'critical' }, 0],
    ['for info if that is set', [anAlert({ level: { at: 0.8, severity: 'info' } })], { mentionFrom: 'info' }, 1],
  ])('pings a role %s', async (_, alerts, more, pings) => {
    const channel = await start({ mentionRole: '42', ...more });
    for (const alert of alerts) await channel.send(alert);
    expect(server.messages.filter(({ now }) => now.content === '<@&42>')).toHaveLength(pings);
  });

  it('opens a thread in a forum channel, and stays in it', async () => {
    const threadName = ({ tenant }: RateAlert): string => `\n${tenant.id} ${'x'.repeat(200)}`;
    const channel = await start({ threadName }, { forum: true });
    const incident = new ToldIncident(channel);
    await incident.send(anIncident('opened'));
    await incident.send(anIncident('escalated'));
    await incident.send(anIncident('resolved'));
    expect(server.requests).toHaveLength(4);
    expect(new Set(server.messages.map(({ thread }) => thread)).size).toBe(1);
    expect(server.messages.map(({ now: { embeds = [] } }) => embeds[0]?.color)).toEqual([0x95a5a6, 0x2ecc71]);
    await channel.sendBatch([anAlert(), anAlert({ tenant: { id: 'p2' } })]);
    expect(new Set(server.messages.map(({ thread }) => thread)).size).toBe(2);
  });

  it('posts a new message if the old one was deleted, but not if the webhook is gone', async () => {
    const incident = new ToldIncident(await start());
    await incident.send(anIncident('opened'));
    const first = incident.previous;
    server.deleteMessage(first as string);
    await incident.send(anIncident('resolved'));
    expect(server.messages).toHaveLength(1);
    expect(incident.previous).not.toBe(first);
    server.remove();
    await expect(incident.send(anIncident('resolved'))).rejects.toMatchObject({
      message: 'answered 404: Unknown Webhook',
      switchOff: true,
    });
    expect(server.messages).toHaveLength(1);
  });

  it('opens another thread for an incident whose thread was deleted, without delaying others', async () => {
    const channel = await start({ threadName: 'x' }, { forum: true });
    const incident = new ToldIncident(channel);
    await incident.send(anIncident('opened'));
    server.deleteThread(server.messages[0]?.thread as string);
    await incident.send(anIncident('escalated'));
    await incident.send(anIncident('resolved'));
    expect(server.messages.map(({ now: { embeds = [] } }) => embeds[0]?.color)).toEqual([0x2ecc71]);
  });

  it('posts the end as a new message if the thread is archived by then, and marks the older message', async () => {
    const channel = await start({ threadName: 'x', mentionRole: '42' }, { forum: true });
    const incident = new ToldIncident(channel);
    await incident.send(anIncident('opened'));
    server.archiveThread(server.messages[0]?.thread as string);
    await incident.send(anIncident('resolved'));
    expect(server.messages.map(({ now: { embeds = [] } }) => embeds[0]?.color)).toEqual([0x95a5a6, 0x2ecc71]);
    expect(new Set(server.messages.map(({ thread }) => thread)).size).toBe(1);
    expect(server.messages.at(-1)?.now.content).toBe('');
  });

  it('treats a 404 without a code, on an edit, as the answer of a proxy in between', async () => {
    const incident = new ToldIncident(await start());
    incident.previous = '1';
    server.answerNext({ status: 404, body: 'gone' });
    await expect(incident.send(anIncident('resolved'))).rejects.toMatchObject({ probe: true, switchOff: false });
    expect(server.requests).toHaveLength(1);
  });

  it("edits in the thread that the webhook's address names", async () => {
    const channel = await start();
    const inThread = new DiscordChannel({ url: `${server.url}?thread_id=7` });
    const incident = new ToldIncident(inThread);
    await incident.send(anIncident('opened'));
    await incident.send(anIncident('resolved'));
    expect(server.requests.map(({ query }) => query.get('thread_id'))).toEqual(['7', '7']);
    expect(server.messages).toHaveLength(1);
    expect(channel.name).toBe('discord');
  });

  it("waits as Discord's rate-limit headers ask, and never gets a 429", async () => {
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
    'shows as text an address that Discord rejects: %s',
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

  it('leaves out an address that Discord rejects and that is too long to be shown', async () => {
    const channel = await start({ link: () => `http://grafana/${'x'.repeat(300)}` });
    await channel.send(anAlert());
    expect(embed()).not.toHaveProperty('url');
    expect(fields()).not.toHaveProperty('Link');
  });
});
