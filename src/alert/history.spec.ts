import { anAlert, anIncident } from '../../test/support/alerts.js';
import { MemorySharedState } from '../store/memory/memory-shared-state.js';
import type { Tenant } from '../model/tenant.js';
import { History } from './history.js';

const CHANNELS = ['log', 'chat'];
const MOST_RECORDS = 100;

/** State that can be away, and answer late. */
class BrittleState extends MemorySharedState {
  away = false;
  late: Promise<void> | undefined;

  override async append(...args: Parameters<MemorySharedState['append']>): Promise<void> {
    await this.late;
    if (this.away) throw new Error('away');
    return super.append(...args);
  }
}

describe('History', () => {
  let state: BrittleState;
  let now: number;
  let history: History;
  const record = (count: number) => {
    now++;
    return history.record(anAlert({ count }), CHANNELS);
  };
  const counts = async (of = history): Promise<number[]> => (await of.list()).map(({ alert }) => alert.count);
  const newest = (count: number): number[] => Array.from({ length: MOST_RECORDS }, (_, i) => count - 1 - i);
  const stored = async () => {
    await history.flush();
    return (await new History(state, () => now).list()).map(({ alert }) => alert);
  };

  beforeEach(() => {
    state = new BrittleState();
    now = Date.parse('2026-01-01T12:00:00Z');
    history = new History(state, () => now);
  });

  it('tells the newest word on each alert, the newest alert first', async () => {
    const first = record(1);
    record(2);
    await history.flush();
    first('chat', { status: 'retried', attempts: 1, reason: 'busy' });
    await history.flush();
    first('chat', { status: 'delivered', attempts: 2 });
    for (const replica of [history, new History(state, () => now)]) {
      expect(await counts(replica)).toEqual([2, 1]);
    }
    expect((await history.list())[1]?.channels).toEqual({
      log: { status: 'queued', attempts: 0 },
      chat: { status: 'delivered', attempts: 2 },
    });
  });

  it('is bounded, here and in the store', async () => {
    for (let i = 0; i < 700; i++) {
      record(i);
      if (i % 90 === 0) await history.flush();
    }
    expect(await counts()).toEqual(newest(700));
    await history.flush();
    expect((await state.newest('history')).length).toBeLessThanOrEqual(500);
  });

  it('loses nothing within its bound to a store that is away and comes back', async () => {
    state.away = true;
    const became = Array.from({ length: MOST_RECORDS }, (_, i) => record(i));
    await history.flush();
    expect(await counts()).toEqual(newest(MOST_RECORDS));
    became[0]?.('log', { status: 'delivered', attempts: 1 });
    await history.flush();
    state.away = false;
    const alerts = await stored();
    expect(alerts.map(({ count }) => count)).toEqual(newest(MOST_RECORDS));
    expect((await new History(state, () => now).list()).at(-1)?.channels.log?.status).toBe('delivered');
  });

  it('loses the oldest where more comes in while the store fails', async () => {
    state.away = true;
    for (let i = 0; i < MOST_RECORDS; i++) record(i);
    let fail = (): void => undefined;
    state.late = new Promise((resolve) => (fail = resolve));
    const flushing = history.flush();
    for (let i = MOST_RECORDS; i < MOST_RECORDS + 10; i++) record(i);
    fail();
    await flushing;
    expect(await counts()).toEqual(newest(MOST_RECORDS + 10));
  });

  it('gives away what it knows, and not what it goes on changing', async () => {
    const became = record(1);
    const [before] = await history.list();
    became('log', { status: 'delivered', attempts: 1 });
    expect(before?.channels.log?.status).toBe('queued');
  });

  it('gives dates back as dates, and leaves alone what only has the name of one', async () => {
    const attributes = { startedAt: 'in May', raisedAt: '2026-01-01', windowStart: '' };
    const alert = anIncident('escalated', { tenant: { id: 'proj_1', attributes } });
    history.record(alert, CHANNELS);
    expect(await stored()).toEqual([alert]);
    expect((await new History(state, () => now).list())[0]?.raisedAt).toEqual(new Date(now));
  });

  it('keeps of hostile tenants what is worth reading', async () => {
    const long = 'x'.repeat(10_240);
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`${i}${long}`, long]));
    history.record(anAlert({ tenant: { id: long, name: `\u202e${long}`, attributes: many } }), CHANNELS);
    history.record(anAlert({ tenant: { id: '__proto__', name: 'a\nb' } }), CHANNELS);
    const [text] = (await stored(), await state.newest('history')).slice(-1);
    expect(text?.length).toBeLessThan(4_000);
    expect((await stored()).map(({ tenant }) => tenant)).toContainEqual({ id: '__proto__', name: 'a b' });
  });

  it('takes attributes that are no texts, which a resolver may give all the same', async () => {
    const attributes = JSON.parse('{"plan":"pro","seats":3,"__proto__":"x"}') as Record<string, unknown>;
    const odd = { ...attributes, big: 2n, bare: Object.create(null) as unknown, missing: undefined };
    history.record(
      anAlert({ tenant: { id: 'proj_1', attributes: odd as unknown as Tenant['attributes'] & object } }),
      [],
    );
    const kept = JSON.parse('{"plan":"pro","seats":"3","__proto__":"x","big":"2"}') as unknown;
    expect((await stored())[0]?.tenant.attributes).toEqual(kept);
  });
});
