import { StoreClock } from './clock.js';
import type { CounterStore } from '../store/counter-store.js';

describe('StoreClock', () => {
  let local: number;
  const clock = () => new StoreClock({ now: () => local });
  const storeAt = (time: () => Promise<number>) => ({ time }) as unknown as CounterStore;
  beforeEach(() => (local = 1_000_000));

  it('is the clock of this process until the store has told its own', async () => {
    const mine = clock();
    await mine.sync({} as CounterStore);
    await mine.sync(storeAt(() => Promise.reject(new Error('away'))));
    expect(mine.now()).toBe(1_000_000);
  });

  it('takes the time to be told half a round trip ago', async () => {
    const mine = clock();
    await mine.sync(
      storeAt(() => {
        local += 100;
        return Promise.resolve(2_000_050);
      }),
    );
    expect(mine.now()).toBe(2_000_100);
    local += 7;
    expect(mine.now()).toBe(2_000_107);
  });

  it('does not believe an answer that took too long', async () => {
    const mine = clock();
    await mine.sync(
      storeAt(() => {
        local += 5_000;
        return Promise.resolve(2_000_000);
      }),
    );
    expect(mine.now()).toBe(1_005_000);
  });
});
