import { anAlert } from '../../test/support/alerts.js';
import { MemorySharedState } from '../store/memory/memory-shared-state.js';
import type { Told } from './delivery/deliveries.js';
import type { RateAlert } from '../model/rate-alert.js';
import { Incidents } from './incidents.js';

const MINUTE_MS = 60_000;
const START = anAlert().windowStart.getTime();
const settings = { remindAfterMs: 30 * MINUTE_MS, resolveAfterMs: undefined };

describe('Incidents', () => {
  let state: MemorySharedState;
  let now: number;
  let failing: string | undefined;
  const replica = (): Incidents =>
    new Incidents(
      state,
      settings,
      () => now,
      (_, tenant) => (tenant === failing ? Promise.reject(new Error(`WRONGTYPE of ${tenant}`)) : Promise.resolve(20)),
    );
  const of = (id: string): RateAlert => anAlert({ tenant: { id } });
  const swept = async (incidents: Incidents): Promise<Told[]> => {
    const told: Told[] = [];
    for await (const one of incidents.sweep()) told.push(one);
    return told;
  };

  beforeEach(() => {
    state = new MemorySharedState();
    now = START;
    failing = undefined;
  });

  it('tells each thing by one of two replicas that see it at once', async () => {
    const replicas = [replica(), replica()];
    const opened = await Promise.all(replicas.map((incidents) => incidents.breached(of('a'), false)));
    expect(opened.filter((told) => told?.alert.incident?.status === 'opened')).toHaveLength(1);
    now += 10 * MINUTE_MS;
    const resolved = (await Promise.all(replicas.map(swept))).flat();
    expect(resolved.map(({ alert }) => alert.incident?.status)).toEqual(['resolved']);
    expect(await state.list('incidents')).toEqual(new Map());
  });

  it('tells of the others where the counts of one cannot be had, and then says so', async () => {
    const incidents = replica();
    for (const id of ['a', 'b', 'c']) await incidents.breached(of(id), false);
    now += 10 * MINUTE_MS;
    failing = 'b';
    const told: string[] = [];
    const sweeping = (async () => {
      for await (const { alert } of incidents.sweep()) told.push(alert.tenant.id);
    })();
    await expect(sweeping).rejects.toThrow('WRONGTYPE of b');
    expect(told).toEqual(['a', 'c']);
    failing = undefined;
    expect((await swept(incidents)).map(({ alert }) => alert.tenant.id)).toEqual(['b']);
  });

  it('ends with the notes that were written last', async () => {
    const incidents = replica();
    const opened = await incidents.breached(of('a'), false);
    now += 10 * MINUTE_MS;
    const swap = state.swap.bind(state);
    state.swap = async (...args) => {
      const swapped = await swap(...args);
      state.swap = swap;
      await opened?.notesOf?.('chat').write('message 1');
      return swapped;
    };
    const [resolved] = await swept(incidents);
    expect(await resolved?.notesOf?.('chat').read()).toBe('message 1');
  });

  it('keeps notes of one incident apart from those of the next', async () => {
    const incidents = replica();
    const first = await incidents.breached(of('a'), false);
    now += 10 * MINUTE_MS;
    await swept(incidents);
    const second = await incidents.breached(anAlert({ tenant: { id: 'a' }, windowStart: new Date(now) }), false);
    await first?.notesOf?.('chat').write('old');
    expect(await second?.notesOf?.('chat').read()).toBeUndefined();
  });

  it('leads a step that is sent late, once its incident is closed, to the message that is there', async () => {
    const incidents = replica();
    const opened = await incidents.breached(of('a'), false);
    await opened?.notesOf?.('chat').write('message 1');
    const critical = { level: { at: 5, severity: 'critical' as const } };
    const escalated = await incidents.breached({ ...of('a'), ...critical }, false);
    const notes = escalated?.notesOf?.('chat');
    now += 10 * MINUTE_MS;
    await swept(incidents);
    expect(await notes?.read()).toBe('message 1');
    await incidents.breached(anAlert({ tenant: { id: 'a' }, windowStart: new Date(now) }), false);
    expect(await notes?.read()).toBe('message 1');
  });

  it('speaks again with the first breach after a mute that held one back', async () => {
    const incidents = replica();
    const told = async (muted: boolean): Promise<string | undefined> => {
      now += MINUTE_MS;
      const breach = anAlert({ windowStart: new Date(now) });
      return (await incidents.breached(breach, muted))?.alert.incident?.status;
    };
    const mutes = [false, false, true, false, false, true, true, false, false];
    const statuses = [];
    for (const muted of mutes) statuses.push(await told(muted));
    // What is held back counts as such, each time.
    const [opened, after, heldBack, nothing] = ['opened', 'reminded', 'reminded', undefined];
    expect(statuses).toEqual([opened, nothing, heldBack, after, nothing, heldBack, heldBack, after, nothing]);
  });

  it.each([
    [1, 5],
    [5, 1],
  ])('goes by the length of its own windows, where that is changed from %d to %d minutes', async (before, after) => {
    const lengths = [before * MINUTE_MS, after * MINUTE_MS];
    for (const windowMs of lengths) {
      const told = await replica().breached(anAlert({ windowMs }), false);
      expect(told?.alert.incident?.status).toBe('opened');
    }
    now += 30 * MINUTE_MS;
    const resolved = (await swept(replica())).map(({ alert }) => alert);
    expect(resolved.map(({ windowMs }) => windowMs)).toEqual(lengths);
    for (const { windowMs, incident } of resolved)
      expect(incident).toMatchObject({ startedAt: new Date(START), lastedMs: windowMs });
    expect(await state.list('incidents')).toEqual(new Map());
  });
});
