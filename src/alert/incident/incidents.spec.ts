import { anAlert } from '../../../test/support/alerts.js';
import { MemorySharedState } from '../../state/memory-shared-state.js';
import type { Told } from '../delivery/deliveries.js';
import type { RateAlert } from '../rate-alert.js';
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
});
