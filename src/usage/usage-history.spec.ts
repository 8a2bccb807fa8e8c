import { UsageReplica, type TestClock } from '../../test/support/replica-with-usage.js';
import type { Category } from '../model/category.js';
import { completed } from '../../test/support/complete-options.js';
import { MemoryCounterStore } from '../store/memory/memory-counter-store.js';
import { UsageHistory } from './usage-history.js';
import { baseWindow } from './usage-units.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** A whole hour, and the start of a block of 8 hours. */
const START = Math.floor(1_790_002_800_000 / (8 * HOUR)) * 8 * HOUR;
const THRESHOLD = 10;

describe('since when tenants have been over, in minutes', () => {
  let clock: TestClock;
  beforeEach(() => (clock = { now: START }));

  const counted = (windowMs: number, retentionMs = 24 * HOUR) => {
    const { categories } = completed({ categories: { llm: { threshold: THRESHOLD, windowMs } } });
    const category = categories.get('llm') as Category;
    const store = new MemoryCounterStore(() => clock.now);
    const replica = new UsageReplica('a', store, categories, clock, { retentionMs });
    const history = new UsageHistory({ store: store.usage, source: replica, retentionMs });
    /** Looks each second. */
    const pass = async (ms: number): Promise<void> => {
      for (const end = clock.now + ms; clock.now < end; await replica.recorder.look()) clock.now += 1_000;
    };
    return {
      /** Counts these in the middle of a minute each. */
      minutes: async (...counts: Record<string, number>[]): Promise<void> => {
        for (const each of counts) {
          await pass(MINUTE / 2);
          for (const [tenant, count] of Object.entries(each)) await replica.count('llm', tenant, count);
          await pass(MINUTE / 2);
        }
      },
      since: async (...tenants: string[]): Promise<number[]> => {
        const over = tenants.map((id) => ({ tenant: { id }, threshold: THRESHOLD }));
        const since = await history.since(category, baseWindow(category), over, clock.now - 1);
        return since.map((at) => (at.getTime() - START) / MINUTE);
      },
    };
  };

  it('is the first of the consecutive minutes, even more than an hour ago, as far as history goes', async () => {
    const { minutes, since } = counted(MINUTE, 2 * HOUR);
    for (let minute = 0; minute <= 90; minute++) await minutes({ hot: 11, ...(minute > 31 ? { late: 11 } : {}) });
    expect(await since('hot', 'late', 'calm')).toEqual([0, 32, 90]);
    for (let minute = 91; minute <= 150; minute++) await minutes({ hot: 11 });
    expect(await since('hot')).toEqual([30]);
  });

  it.each([
    [10 * MINUTE, 30],
    [HOUR, 5],
  ])('is in the first of several consecutive windows of %i ms', async (windowMs, windows) => {
    const { minutes, since } = counted(windowMs);
    await minutes({ cool: 10 });
    for (let i = 1; i <= windows; i++) {
      clock.now = START + i * windowMs;
      await minutes({ hot: 11, ...(i === windows ? { late: 11 } : {}) }, {});
    }
    expect(await since('hot', 'late')).toEqual([windowMs, windows * windowMs].map((ms) => ms / MINUTE));
  });

  it('is the minute in which a long window was crossed, or its start if the history does not show it', async () => {
    const { minutes, since } = counted(4 * HOUR, 3 * HOUR);
    await minutes({ day: 10, old: 11 }, { day: 1 }, {}, { late: 11 }, {});
    expect(await since('day', 'old', 'late')).toEqual([1, 0, 3]);
    clock.now += 2 * HOUR;
    await minutes({ burst: 11 }, {});
    expect(await since('day', 'old', 'late', 'burst')).toEqual([1, 0, 3, 125]);
    // The next window is crossed as late as its fourth minute, and still follows the one before.
    clock.now = START + 4 * HOUR;
    await minutes({}, {}, {}, { day: 11, next: 11 }, {});
    expect(await since('day', 'next')).toEqual([0, 243]);
  });
});
