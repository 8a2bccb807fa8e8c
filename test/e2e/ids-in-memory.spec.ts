import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { RateCounterService, type RateAlert } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { patiently } from '../support/until.js';

const TENANTS = 5_000;
const HEADER_BYTES = 12_000;
/** A third of the size of the headers. */
const MAX_GROWN_BYTES = (TENANTS * HEADER_BYTES) / 3;

function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

/** An id and a name that a resolver cuts from a long header: V8 keeps the whole header for a substring. */
function cutOut(i: number): { id: string; name: string } {
  const header = Buffer.from(`tenant-of-a-header-${i}`.padEnd(HEADER_BYTES, '.')).toString('latin1');
  return { id: header.slice(0, 36), name: header.slice(0, 40) };
}

const apps: TestApp[] = [];
afterEach(() => Promise.all(apps.splice(0).map((app) => app.close())));

it('keeps only as much of ids, names and attributes as an alert shows, close to a level and over it', async () => {
  const alerts: RateAlert[] = [];
  const channel = { name: 'kept', send: ({ tenant }: RateAlert) => void alerts.push({ tenant } as RateAlert) };
  const options = { categories: { llm_call: { threshold: 1 } }, channels: [channel] };
  const app = await startApp({ options });
  apps.push(app);
  const counter = app.app.get(RateCounterService);
  const long = (i: number): string => Buffer.from(`${i}`.padStart(HEADER_BYTES, 'x')).toString('latin1');
  const before = heapInUse();
  for (let i = 0; i < TENANTS; i++) {
    void counter.increment('llm_call', { id: long(i), name: long(i), attributes: { plan: long(i) } }, i < 100 ? 2 : 1);
    if (i % 500 === 0) await new Promise(setImmediate);
  }
  await patiently(() => Promise.resolve(heapInUse() - before < MAX_GROWN_BYTES));
  expect(heapInUse() - before).toBeLessThan(MAX_GROWN_BYTES);
  await patiently(() => Promise.resolve(alerts.length === 100));
  const [{ tenant }] = alerts as [RateAlert];
  expect([tenant.id.length, tenant.name?.length, tenant.attributes?.plan?.length]).toEqual([144, 200, 150]);
  expect(await counter.read('llm_call', long(0))).toBe(2);
});

it.each([
  ['far from a level', 1_000, 100],
  ['close to one', 1, 100],
  ['more than there is room for', 1_000, 100, TENANTS / 5],
])(
  'does not keep the headers that ids were cut from: tenants %s',
  async (_which, threshold, flushIntervalMs, maxTrackedTenants = TENANTS) => {
    const app = await startApp({
      options: { categories: { llm_call: { threshold } }, flushIntervalMs, maxTrackedTenants },
    });
    apps.push(app);
    const counter = app.app.get(RateCounterService);
    const before = heapInUse();
    for (let i = 0; i < TENANTS; i++) {
      void counter.increment('llm_call', cutOut(i), 1);
      if (i % 500 === 0) await new Promise(setImmediate);
    }
    // Until everything is published, the last request of each tenant is kept in full.
    await patiently(() => Promise.resolve(heapInUse() - before < MAX_GROWN_BYTES));
    expect(heapInUse() - before).toBeLessThan(MAX_GROWN_BYTES);
    expect(await counter.read('llm_call', cutOut(1).id)).toBe(1);
  },
);
