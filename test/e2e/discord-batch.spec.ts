import { DiscordChannel, type Severity } from '../../src/index.js';
import { slackBatch } from '../../src/channels/slack/slack-message.js';
import { anAlert, anIncident } from '../support/alerts.js';
import type { DiscordBody } from '../support/discord-limits.js';
import { DiscordServer } from '../support/discord-server.js';

/** Without the first line, which shows where and when. */
function linesOf({ embeds = [] }: DiscordBody = {}): string[] {
  return embeds.flatMap(({ description = '' }) => description.split('\n')).slice(1);
}

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
      ['<@&42>', '25 warning over their thresholds'],
      // One ping for the whole batch.
      ['', '25 warning over their thresholds'],
    ]);
    const lines = server.messages.flatMap(({ now }) => linesOf(now));
    expect(lines).toHaveLength(50);
    expect(lines[0]).toBe('🟠 **"Tenant 0"** (p0): llm_call 100 of 15 in 1 min, 6.7x');
    expect(lines.map((line) => /\((p\d+)\)/.exec(line)?.[1])).toEqual(alerts.map(({ tenant }) => tenant.id));
  });

  it('begins with the first alert if neither environment nor time is known', async () => {
    await channel.sendBatch([anAlert(), anAlert({ windowMs: 86_400_000 })]);
    expect(server.messages[0]?.now.embeds?.[0]?.description).toMatch(/^🟠 \*\*"Acme".*\n🟠 .* in 24 h, 3\.1x$/);
  });

  it('counts what it does not list, as Slack does', async () => {
    const alerts = [anAlert(), anAlert({ tenant: { id: 'p2' } })];
    await channel.sendBatch(alerts, 40);
    expect(linesOf(server.messages[0]?.now).at(-1)).toBe('and 40 more');
    expect(JSON.stringify(slackBatch(alerts, {}, 40))).toContain('and 40 more');
  });

  it('shows who is over, near and resolved, and pings nobody for an end', async () => {
    await channel.sendBatch([anIncident('resolved'), anIncident('resolved', { tenant: { id: 'p2' } })]);
    await channel.sendBatch([anAlert(), anAlert({ count: 13 }), anIncident('resolved')]);
    const wasNear = anIncident('resolved', { threshold: 50 });
    await channel.sendBatch([wasNear, wasNear]);
    await channel.sendBatch([anAlert({ level: { at: 5, severity: 'critical' } }), wasNear]);
    expect(server.messages.map(({ now }) => [now.content, now.embeds?.[0]?.title])).toEqual([
      ['', '2 back under their thresholds'],
      ['<@&42>', '2 warning over or near their thresholds, 1 back under'],
      ['', '2 no longer near their thresholds'],
      ['<@&42>', '1 critical over its threshold, 1 no longer near'],
    ]);
    expect(server.messages[0]?.now.embeds?.[0]?.color).toBe(0x2ecc71);
    expect(linesOf(server.messages[0]?.now)[1]).toBe(
      '🟢 p2: llm_call peak 47 of 15 in 1 min, 3.1x, back under after 3 min',
    );
  });

  it('posts the end of an alert that was in a batch as a message of its own', async () => {
    await channel.sendBatch(['a', 'b'].map((id) => anAlert({ tenant: { id } })));
    expect(await channel.send(anIncident('resolved', { tenant: { id: 'a' } }))).toBe(server.messages[1]?.id);
  });

  it('sorts open alerts by severity, then by ratio; resolved ones come last', async () => {
    const level = (severity: Severity) => ({ level: { at: 1, severity } });
    await channel.sendBatch([
      ...Array.from({ length: 16 }, (_, i) =>
        anIncident('resolved', { tenant: { id: `r${i}` }, ...level('critical') }),
      ),
      anAlert({ tenant: { id: 'info' }, count: 75, ...level('info') }),
      anAlert({ tenant: { id: 'critical' }, count: 15.15, ...level('critical') }),
      anAlert({ tenant: { id: 'warning' }, count: 16 }),
      anAlert({ tenant: { id: 'worse' }, count: 17 }),
    ]);
    const [embed] = server.messages[0]?.now.embeds ?? [];
    expect(embed).toMatchObject({
      color: 0xe74c3c,
      title: '1 critical, 2 warning, 1 info over their thresholds, 16 back under',
    });
    const ids = linesOf(server.messages[0]?.now).map((line) => /^\S+ (\w+):/.exec(line)?.[1]);
    expect(ids.slice(0, 5)).toEqual(['critical', 'worse', 'warning', 'info', 'r0']);
  });

  it('shows where, when and where to look, and counts what it does not list', async () => {
    const alerts = Array.from({ length: 1_000 }, (_, i) =>
      anAlert({
        tenant: { id: `p${i}` },
        count: 16 + i,
        service: 'api',
        environment: 'production',
        link: `https://a.example/${i}`,
      }),
    );
    await channel.sendBatch(alerts);
    const [embed] = server.messages[0]?.now.embeds ?? [];
    expect(embed?.description?.split('\n')[0]).toBe('api, production, <t:1767268800:T> to <t:1767268860:T>');
    expect(embed?.url).toBe('https://a.example/999');
    const lines = linesOf(server.messages[0]?.now);
    expect(lines).toHaveLength(26);
    expect(lines[0]).toContain('p999');
    expect(lines.at(-1)).toBe('and 975 more: 975 warning');
    // Discord refuses it as the address of a title.
    await channel.sendBatch(alerts.slice(0, 2).map((alert) => ({ ...alert, link: 'http://grafana:3000/d' })));
    expect(server.messages[1]?.now.embeds?.[0]?.fields?.[0]?.value).toContain('grafana\\:3000');
  });
});
