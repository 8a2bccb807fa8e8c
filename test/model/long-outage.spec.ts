import { runInNewContext } from 'node:vm';
import { setFlagsFromString } from 'node:v8';

import { Logger } from '@nestjs/common';

import { counted } from '../support/counted.js';
import { Counter } from '../../src/counter/counter.js';
import { type CounterStore, type OwnTotal, type Published } from '../../src/index.js';
import { completed } from '../support/complete-options.js';
import { CATEGORY, WINDOW_MS } from './settings.js';

const turnOfTheLoop = setImmediate;
const STEP_MS = 50;

async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += STEP_MS) {
    jest.advanceTimersByTime(STEP_MS);
    await new Promise((resolve) => turnOfTheLoop(resolve));
  }
}

describe('An outage', () => {
  let now = 1_000 * WINDOW_MS;
  let answer: (totals: readonly OwnTotal[]) => Promise<Published[]>;
  const store: CounterStore = { name: 'store', publish: (totals) => answer(totals), read: () => Promise.resolve([]) };

  const start = async (maxTrackedTenants: number): Promise<Counter> => {
    const categories = { [CATEGORY]: { threshold: 10, windowMs: WINDOW_MS } };
    const options = completed({ categories, counting: 'background', maxTrackedTenants });
    const categoriesOf = counted(options);
    const counter = new Counter(
      store,
      categoriesOf,
      options,
      { now: () => now },
      new Logger(),
      () => Promise.resolve(),
      () => undefined,
    );
    await counter.open();
    return counter;
  };

  beforeAll(() => {
    Logger.overrideLogger(false);
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'Date'] });
  });
  afterEach(() => jest.clearAllTimers());
  afterAll(() => jest.useRealTimers());

  it('loses none of a great many tenants', async () => {
    const [tenants, taken] = [200_000, new Set<string>()];
    answer = () => Promise.reject(new Error('away'));
    const counter = await start(tenants);
    for (let i = 0; i < tenants; i++) void counter.add(CATEGORY, { id: `tenant_${i}` }, 1);
    await pass(500);
    answer = (totals) => {
      for (const { tenant } of totals) taken.add(tenant);
      return Promise.resolve(totals.map(({ total }) => ({ count: total, announced: 0, announce: 0 })));
    };
    await pass(2_000);
    for (let i = 0; i < tenants / 200; i++) await pass(STEP_MS);
    expect(taken.size).toBe(tenants);
  });

  it('of many windows is not kept in memory longer than its windows live', async () => {
    const [windows, perWindow] = [10, 400];
    const seen: WeakRef<object>[] = [];
    answer = () => new Promise(() => undefined);
    const counter = await start(1_000);
    for (let window = 0; window < windows; window++, now += WINDOW_MS) {
      for (let i = 0; i < perWindow; i++) {
        const tenant = { id: `tenant_${window}_${i}` };
        seen.push(new WeakRef(tenant));
        void counter.add(CATEGORY, tenant, 1);
        if (i % 20 === 0) await pass(500);
      }
    }
    await pass(2_500);
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    expect(seen.filter((tenant) => tenant.deref()).length).toBeLessThanOrEqual(2 * perWindow);
  });
});
