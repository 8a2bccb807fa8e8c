import fc from 'fast-check';

import { PagerDutyChannel } from '../../src/index.js';
import { anAlert, anIncident } from '../support/alerts.js';
import { hostileAlert, longest, longestResolved } from '../support/hostile.js';
import { PagerDutyServer } from '../support/pagerduty-server.js';

describe('the PagerDuty channel', () => {
  let server: PagerDutyServer;
  let channel: PagerDutyChannel;

  beforeEach(async () => {
    server = await new PagerDutyServer().start();
    channel = new PagerDutyChannel({ url: server.url, routingKey: 'R0123456789abcdef0123456789abcde' });
  });
  afterEach(() => server.close());

  it('triggers one alert for an incident, and resolves it', async () => {
    await channel.send(anIncident('opened', { service: 'api', link: 'https://a.example/x' }));
    await channel.send(anIncident('escalated', { service: 'api', level: { at: 5, severity: 'critical' } }));
    await channel.send(anIncident('opened', { service: 'api', tenant: { id: 'p2' } }));
    expect([...server.open.values()].map((events) => events.map(({ payload }) => payload?.severity))).toEqual([
      ['warning', 'critical'],
      ['warning'],
    ]);
    const [first] = server.events;
    expect(first).toMatchObject({
      routing_key: 'R0123456789abcdef0123456789abcde',
      payload: {
        source: 'api',
        component: 'llm_call',
        custom_details: { tenant_id: 'proj_1', tenant_name: 'Acme', count: 47, threshold: 15 },
      },
      links: [{ href: 'https://a.example/x', text: 'Open' }],
    });
    expect(first?.payload?.summary).toMatch(/^"Acme" \(proj_1\) is over the llm_call threshold: 47 in 1 min/);
    await channel.send(anIncident('resolved', { service: 'api' }));
    expect([...server.open.values()].map(([event]) => event?.payload?.custom_details?.tenant_id)).toEqual(['p2']);
  });

  it('shows since when, and lets PagerDuty set the time of the event: its window may have begun weeks ago', async () => {
    const since = new Date('2025-12-26T12:00:00Z');
    await channel.send(anAlert({ countAtCrossing: 16, streak: { windows: 7, since } }));
    const { payload } = server.events[0] ?? {};
    expect(payload).not.toHaveProperty('timestamp');
    expect(payload?.custom_details).toMatchObject({
      window_start: '2026-01-01T12:00:00.000Z',
      since: '2025-12-26T12:00:00.000Z',
      windows_in_a_row: 7,
      count_at_crossing: 16,
    });
  });

  it('resolves it even if its window has another name by then', async () => {
    await channel.send(anIncident('opened'));
    await channel.send(anIncident('resolved', { window: 'minute' }));
    expect(server.open.size).toBe(0);
  });

  it('resolves nothing that others triggered, whatever is in Redis', async () => {
    const key = await channel.send(anIncident('opened'));
    expect(await channel.send(anIncident('resolved'), 'the-database-is-down')).toBe(key);
    expect(server.events.map(({ dedup_key }) => dedup_key)).toEqual([key, key]);
    expect(server.open.size).toBe(0);
  });

  it('leaves nothing open after a test', async () => {
    await channel.send(anAlert({ test: true }));
    expect(server.events.map(({ event_action: action }) => action)).toEqual(['trigger', 'resolve']);
    expect(server.open.size).toBe(0);
  });

  it('sends events that are accepted for any tenant name', async () => {
    await channel.send(longest);
    await channel.send(longestResolved);
    await fc.assert(
      fc.asyncProperty(hostileAlert, async (alert) => void (await channel.send(alert))),
      { numRuns: 50 },
    );
  });
});
