import { AlertmanagerChannel, type RateAlert } from '../../src/index.js';
import { MemorySharedState } from '../../src/store/memory/memory-shared-state.js';
import { aBreachNow } from '../support/a-breach.js';
import { alertReplica } from '../support/replica-with-alerts.js';
import { anAlert, anIncident, ToldIncident } from '../support/alerts.js';
import { Alertmanager } from '../support/alertmanager.js';
import { longest } from '../support/hostile.js';
import { until } from '../support/until.js';
import { WebhookServer } from '../support/webhook-server.js';

describe('the Alertmanager channel, with a real Alertmanager', () => {
  let receiver: WebhookServer;
  let alertmanager: Alertmanager;
  let channel: AlertmanagerChannel;

  beforeAll(async () => {
    receiver = await new WebhookServer().start();
    alertmanager = await Alertmanager.start(receiver.url);
    channel = new AlertmanagerChannel({ url: alertmanager.url });
  });
  afterAll(async () => {
    await alertmanager.stop();
    await receiver.close();
  });

  const tenants = async (): Promise<string[]> =>
    (await alertmanager.active()).map(({ labels }) => `${labels.tenant_id} ${labels.severity}`).sort();
  /** The alerts that it forwarded about a tenant. */
  const passedOn = (id: string): string[] =>
    receiver.requests
      .flatMap(
        ({ body }) => (JSON.parse(body) as { alerts: { status: string; labels: Record<string, string> }[] }).alerts,
      )
      .filter(({ labels }) => labels.tenant_id === id)
      .map(({ status, labels }) => `${labels.severity} ${status}`);
  const recent = (status: 'opened' | 'escalated' | 'resolved', more: Partial<RateAlert> = {}): RateAlert => {
    const alert = anIncident(status, more);
    const startedAt = new Date(Date.now() - 180_000);
    return { ...alert, ...(alert.incident ? { incident: { ...alert.incident, startedAt } } : {}) };
  };

  it('fires while an incident is open, changes its severity, and is resolved', async () => {
    const more = { service: 'api', environment: 'production', tenant: { id: 'proj_1', name: 'Acme' } };
    const incident = new ToldIncident(channel);
    await incident.send(recent('opened', { ...more, link: 'https://a.example/x' }));
    const [alert] = await alertmanager.active();
    expect(alert?.labels).toEqual({
      alertname: 'RateMonitorThreshold',
      category: 'llm_call',
      tenant_id: 'proj_1',
      severity: 'warning',
      service: 'api',
      environment: 'production',
    });
    expect(alert?.annotations.summary).toMatch(/^"Acme" \(proj_1\) is over the llm_call threshold: 47 in 1 min/);
    expect(alert?.generatorURL).toBe('https://a.example/x');
    // Long enough to last until it is repeated, but not unlimited.
    const holdsForMs = Date.parse(alert?.endsAt as string) - Date.now();
    expect(holdsForMs).toBeGreaterThan(2 * channel.repeatEveryMs);
    expect(holdsForMs).toBeLessThanOrEqual(4 * channel.repeatEveryMs);
    await until(() => passedOn('proj_1').length === 1);

    await incident.send(recent('escalated', { ...more, level: { at: 5, severity: 'critical' } }));
    expect(await tenants()).toEqual(['proj_1 critical']);
    await incident.send(recent('resolved', { ...more, level: { at: 5, severity: 'critical' } }));
    await until(async () => (await alertmanager.active()).length === 0);
    await until(() => passedOn('proj_1').includes('warning resolved'));
    expect(passedOn('proj_1')[0]).toBe('warning firing');
  });

  it('repeats an open incident until it is over', async () => {
    let ahead = 0;
    const now = (): number => Date.now() + ahead;
    const incidents = { remindAfterMs: 86_400_000, resolveAfterMs: 600_000 };
    const replica = await alertReplica(new MemorySharedState(), [channel], { incidents, now });
    await replica.breached(aBreachNow(60_000, { tenant: { id: 'repeated' } }));
    const found = async () => (await alertmanager.active()).find(({ labels }) => labels.tenant_id === 'repeated');
    await until(async () => (await found()) !== undefined);
    const first = await found();
    ahead = channel.repeatEveryMs + 1_000;
    await until(async () => (await found())?.updatedAt !== first?.updatedAt);
    expect((await found())?.startsAt).toBe(first?.startsAt);
    ahead = 3_600_000;
    await until(async () => (await found()) === undefined);
    await replica.stop();
  });

  it.each([
    ['behind', -6],
    ['ahead', 6],
  ])('fires, changes its severity and ends with a clock that is six minutes %s', async (_, minutes) => {
    const id = `clock ${minutes}`;
    const wrong = new AlertmanagerChannel({ url: alertmanager.url });
    const ofTenant = async (): Promise<string[]> => (await tenants()).filter((one) => one.startsWith(id));
    const incident = new ToldIncident(wrong);
    const [opened, escalated, resolved] = [
      recent('opened', { tenant: { id } }),
      recent('escalated', { tenant: { id }, level: { at: 5, severity: 'critical' } }),
      recent('resolved', { tenant: { id }, level: { at: 5, severity: 'critical' } }),
    ];
    const clock = jest
      .spyOn(Date, 'now')
      .mockImplementation(() => performance.timeOrigin + performance.now() + minutes * 60_000);
    try {
      await incident.send(opened);
      expect(await ofTenant()).toEqual([`${id} warning`]);
      await incident.send(escalated);
      expect(await ofTenant()).toEqual([`${id} critical`]);
      await incident.send(resolved);
      expect(await ofTenant()).toEqual([]);
    } finally {
      clock.mockRestore();
    }
  });

  it('accepts any tenant name, and distinguishes ids that look the same', async () => {
    await channel.send(longest);
    for (const id of ['p\u200B', 'p', 'p\ud800']) await channel.send(anAlert({ tenant: { id } }));
    const active = await tenants();
    expect(active).toHaveLength(4);
    expect(new Set(active).size).toBe(4);
    expect(active).toContain('p warning');
  });

  it('starts an alert of a long window, without incidents, when it is first posted', async () => {
    const [posted, day] = [Date.now(), 86_400_000];
    const alert = anAlert({ tenant: { id: 'long' }, windowMs: day, windowStart: new Date(posted - day / 2) });
    await channel.send(alert);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const again = Date.now();
    await channel.send(alert);
    const found = (await alertmanager.active()).find(({ labels }) => labels.tenant_id === 'long');
    // By its clock, which is known to the second.
    expect(Date.parse(found?.startsAt as string)).toBeGreaterThan(posted - 2_000);
    expect(Date.parse(found?.startsAt as string)).toBeLessThan(again - 1_000);
  });
});
