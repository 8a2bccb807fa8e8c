import { RateCounterService, ThresholdService } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { calmWindowMs } from '../support/calm-window.js';
import { EditionProcess } from '../support/edition-process.js';
import { sharedRedis } from '../support/redis.js';
import { until } from '../support/until.js';

const PROCESSES = 4;
const TENANTS = ['acme', 'bolt', 'core', 'dune'];
/** 2,000 a second in all. */
const EACH_MS = 50;
const AT_ONCE = (2_000 * EACH_MS) / 1_000 / PROCESSES;

describe('a threshold that is set while four processes count 2,000 requests a second', () => {
  const { client, keyPrefix } = sharedRedis();
  const options = { keyPrefix, categories: { llm_call: { threshold: 1_000_000, windowMs: calmWindowMs() } } };
  let processes: EditionProcess[];
  let app: TestApp;

  beforeAll(async () => {
    const url = process.env.TEST_REDIS_URL as string;
    processes = await Promise.all(Array.from({ length: PROCESSES }, () => EditionProcess.start('this', url, options)));
    // Where it is set.
    app = await startApp({ options: { ...options, redis: client } });
  });
  afterAll(async () => {
    await Promise.all([...processes.map((each) => each.close()), app.close()]);
    client.disconnect();
  });

  const alerted = (): string[] => [
    ...processes.flatMap(({ alerts }) => alerts.map(({ tenant }) => tenant)),
    ...app.alerts.map(({ tenant }) => tenant.id),
  ];

  it('loses no count, is told at once and once if it is below it, and holds everywhere within two seconds', async () => {
    const thresholds = app.app.get(ThresholdService);
    const set = { category: 'llm_call', reason: 'test', by: 'dana' };
    let rounds = 0;
    let isRunning = true;
    const load = processes.map(async (each, i) => {
      const end = performance.now();
      for (let round = 0; isRunning; round++) {
        rounds++;
        await each.count(TENANTS[(round + i) % TENANTS.length] as string, AT_ONCE);
        const next = end + (round + 1) * EACH_MS - performance.now();
        if (next > 0) await new Promise((resolve) => setTimeout(resolve, next));
      }
    });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const asked = performance.now();
    await thresholds.set({ ...set, tenant: 'acme', threshold: 20 });
    await thresholds.set({ ...set, tenant: 'bolt', threshold: 10_000_000 });
    await thresholds.set({ ...set, tenant: 'late_*', threshold: 2 });
    await until(() => alerted().length > 0, 5_000);
    expect(performance.now() - asked).toBeLessThan(2_500);
    await new Promise((resolve) => setTimeout(resolve, Math.max(2_000 - (performance.now() - asked), 0)));
    // Each process by its own tenant.
    await Promise.all(processes.map((each, i) => each.count(`late_${i}`, 3)));
    isRunning = false;
    await Promise.all(load);
    const counter = app.app.get(RateCounterService);
    const sum = async (): Promise<number> =>
      (await Promise.all(TENANTS.map((tenant) => counter.read('llm_call', tenant)))).reduce((all, one) => all + one, 0);
    await until(async () => (await sum()) === rounds * AT_ONCE, 5_000);
    await until(() => alerted().length === 1 + PROCESSES, 5_000);
    expect(alerted().sort()).toEqual(['acme', ...processes.map((_, i) => `late_${i}`)]);
  });
});
