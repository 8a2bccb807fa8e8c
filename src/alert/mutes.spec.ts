import type { Logger } from '@nestjs/common';

import { anAlert } from '../../test/support/alerts.js';
import { MemoryLogger } from '../../test/support/memory-logger.js';
import { MemorySharedState } from '../store/memory/memory-shared-state.js';
import type { RateAlert } from '../model/rate-alert.js';
import type { Mute } from './mute.js';
import { Mutes } from './mutes.js';

/** State that can be away, and counts what it is asked. */
class BrittleState extends MemorySharedState {
  away = false;
  asked = 0;

  override async read(...args: Parameters<MemorySharedState['read']>): ReturnType<MemorySharedState['read']> {
    this.asked++;
    if (this.away) throw new Error('away');
    return super.read(...args);
  }
}

describe('Mutes', () => {
  let state: BrittleState;
  let now: number;
  let log: MemoryLogger;
  let one: Mutes;
  let other: Mutes;
  const replica = (): Mutes => new Mutes(state, () => now, log as unknown as Logger);
  const heldBack = async (mutes: Mutes): Promise<number[]> => (await mutes.list()).map((mute) => mute.heldBack);

  beforeEach(() => {
    state = new BrittleState();
    now = Date.parse('2026-01-01T12:00:00Z');
    log = new MemoryLogger();
    [one, other] = [replica(), replica()];
  });

  it.each<[Partial<Mute>, Partial<RateAlert>, boolean]>([
    [{}, {}, true],
    [{ category: 'llm_call' }, {}, true],
    [{ category: 'evaluations' }, {}, false],
    [{ tenant: 'proj_1', category: 'llm_call' }, {}, true],
    [{ tenant: 'proj_1', category: 'evaluations' }, {}, false],
    [{ tenant: 'proj_2' }, {}, false],
    [{ tenant: '__proto__' }, { tenant: { id: '__proto__' } }, true],
    [{ tenant: '","b"]' }, { tenant: { id: '","b"]' } }, true],
    [{ tenant: 'é'.repeat(10_000) }, { tenant: { id: 'é'.repeat(10_000) } }, true],
  ])('%#: is for its tenant and its category', async (scope, alert, isMuted) => {
    await one.mute({ ...scope, forMs: 1_000, reason: 'x' });
    expect(one.over(anAlert(alert)) !== undefined).toBe(isMuted);
    expect(other.over(anAlert(alert))).toBeUndefined();
    await other.refresh();
    expect(other.over(anAlert(alert)) !== undefined).toBe(isMuted);
    now += 1_000;
    expect(one.over(anAlert(alert))).toBeUndefined();
  });

  it('knows how many alerts were held back, over a time in which the store is away', async () => {
    const mute = await one.mute({ forMs: 60_000, reason: 'x' });
    one.holdBack(mute);
    state.away = true;
    await expect(one.refresh()).rejects.toThrow('away');
    one.holdBack(mute);
    await expect(one.refresh()).rejects.toThrow('away');
    expect(one.over(anAlert())).toBeDefined();
    state.away = false;
    await one.refresh();
    expect(await heldBack(other)).toEqual([2]);
  });

  it('ends once over two replicas, with what both held back to the last', async () => {
    const mute = await one.mute({ forMs: 60_000, reason: 'a\nmigration' });
    await other.refresh();
    one.holdBack(mute);
    other.holdBack(mute);
    now += 60_000;
    await one.refresh();
    expect(log.lines).toEqual([]);
    await other.refresh();
    now += 2_000;
    await Promise.all([one.refresh(), other.refresh()]);
    expect(log.lines).toEqual([
      'log : The mute of every tenant, every category (a migration) is over: it held back 2 alerts',
    ]);
    expect(await state.list('mutes')).toEqual(new Map());
  });

  it('says when it is ended early what was held back just before', async () => {
    one.holdBack(await one.mute({ tenant: 'proj_1', forMs: 60_000, reason: 'x' }));
    expect(await one.unmute({ tenant: 'proj_1' })).toBe(true);
    expect(log.lines).toEqual(['log : The mute of proj_1, every category (x) is over: it held back 1 alerts']);
  });

  it('keeps its count where another takes its place', async () => {
    one.holdBack(await one.mute({ forMs: 60_000, reason: 'x' }));
    await one.refresh();
    expect(await one.mute({ forMs: 90_000, reason: 'y' })).toMatchObject({ reason: 'y', heldBack: 1 });
  });

  it('asks the store no more in a storm than in calm', async () => {
    const mute = await one.mute({ forMs: 60_000, reason: 'x' });
    const before = state.asked;
    for (let i = 0; i < 1_000; i++) one.holdBack(mute);
    expect(await heldBack(one)).toEqual([1_000]);
    expect(state.asked - before).toBe(1);
  });
});
