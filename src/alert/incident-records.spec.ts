import type { Breach } from '../model/breach.js';
import { MemorySharedState } from '../store/memory/memory-shared-state.js';
import type { DueRecords } from '../store/shared-state.js';
import { withBreach } from './incident.js';
import { IncidentRecords } from './incident-records.js';

/** State whose due times can be lost, as if evicted: the next look begins a generation. It can also be away. */
class BrittleState extends MemorySharedState {
  away = false;
  private generation = 0;
  private isNew = true;

  async loseDueTimes(kind: string): Promise<void> {
    for (const [id, text] of await super.list(kind)) await this.swap(kind, id, text, text);
    this.generation++;
    this.isNew = true;
  }

  override async due(...args: Parameters<MemorySharedState['due']>): Promise<DueRecords> {
    const isNew = this.isNew ? ({ isNew: true } as const) : {};
    this.isNew = false;
    return { ...(await super.due(...args)), generation: `${this.generation}`, ...isNew };
  }

  override list(...args: Parameters<MemorySharedState['list']>): ReturnType<MemorySharedState['list']> {
    return this.away ? Promise.reject(new Error('away')) : super.list(...args);
  }
}

describe('when incidents are due', () => {
  const breach: Breach = {
    ...{ category: 'llm_call', window: '', tenant: { id: 'proj_1' }, windowStart: 0, windowEnd: 60_000 },
    ...{ count: 20, threshold: 15, level: { at: 1, severity: 'warning' }, countedBy: 'all' },
  };
  const incident = { ...withBreach(undefined, breach, true, 0), lookAt: 5 };
  let state: BrittleState;

  beforeEach(async () => {
    state = new BrittleState();
    const before = new IncidentRecords(state, 'app', 10);
    await before.due(0);
    await before.change('a', () => incident);
    expect(await before.due(9)).toEqual(['a']);
    await state.loseDueTimes('incidents:app');
  });

  it('is restored by a replica that starts after the store lost it', async () => {
    const started = new IncidentRecords(state, 'app', 10);
    expect(await started.due(9)).toEqual([]);
    expect(await started.due(9)).toEqual(['a']);
  });

  it('is restored later if the store goes away in between', async () => {
    const started = new IncidentRecords(state, 'app', 10);
    state.away = true;
    await expect(started.due(9)).rejects.toThrow('away');
    state.away = false;
    await started.due(9);
    expect(await started.due(9)).toEqual(['a']);
  });
});
