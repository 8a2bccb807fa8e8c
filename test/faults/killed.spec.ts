import { setTimeout as wait } from 'node:timers/promises';

import { Redis } from 'ioredis';

import type { RateAlert } from '../../src/index.js';
import { calmCategories } from '../support/calm-window.js';
import { InstanceProcess } from '../support/instance-process.js';
import { answeredBy, evenly, isGood, send, type Answer } from '../support/load.js';
import { patiently } from '../support/until.js';
import { RedisServer } from '../support/redis-server.js';
import { COUNTINGS, type Counting } from './scene.js';
import { sumIn } from './sum-in.js';

const TENANTS = ['a', 'b', 'c', 'd', 'e'];
const LOAD_MS = 2_000;
const KILLED_AT_MS = 1_000;
const TO_SURVIVORS = 120;
const TO_KILLED = 60;
/** Gone over only once the killed one is gone. */
const THRESHOLD = 100;
/** What `background` counted this long before the end has been published: its interval, and what a busy machine adds. */
const PUBLISHED_AFTER_MS = 250;

interface Outcome {
  /** Well answered, by tenant. */
  survivors: Record<string, number>;
  killed: Record<string, number>;
  failed: Answer[];
  sums: Record<string, number>;
  alerts: RateAlert[];
}

async function oneKilled(counting: Counting): Promise<Outcome> {
  const server = await RedisServer.start();
  const reader = new Redis(server.url);
  const categories = calmCategories();
  categories.llm_call.threshold = THRESHOLD;
  const start = () => InstanceProcess.start(server.url, { counting, categories }, { fastify: true });
  const [victim, ...others] = (await Promise.all([start(), start(), start()])) as [
    InstanceProcess,
    ...InstanceProcess[],
  ];
  const load = (instances: InstanceProcess[], each: number): Promise<Answer[]> => {
    const urls = instances.map(({ url }) => `${url}/llm/call`);
    return send(TENANTS.flatMap((tenant, i) => evenly(tenant, each, LOAD_MS, urls, i / TENANTS.length)));
  };
  try {
    const [bySurvivors, byKilled] = await Promise.all([
      load(others, TO_SURVIVORS),
      load([victim], TO_KILLED),
      wait(KILLED_AT_MS).then(() => victim.kill()),
    ]);
    const survivors = answeredBy(bySurvivors);
    const alerts = (): RateAlert[] => others.flatMap((instance) => instance.alerts);
    let sums: Record<string, number> = {};
    await patiently(async () => {
      sums = await sumIn(reader, TENANTS, categories.llm_call.windowMs);
      return TENANTS.every((tenant) => (sums[tenant] as number) > TO_SURVIVORS) && alerts().length >= TENANTS.length;
    }, 3_000);
    const failed = bySurvivors.filter(({ status }) => !isGood(status));
    return { survivors, killed: answeredBy(byKilled), failed, sums, alerts: [...victim.alerts, ...alerts()] };
  } finally {
    await Promise.all([victim, ...others].map((instance) => instance.kill()));
    reader.disconnect();
    await server.kill();
  }
}

describe.each(COUNTINGS)('An instance killed, counting %s', (counting) => {
  let outcome: Outcome;
  beforeAll(async () => void (outcome = await oneKilled(counting)), 30_000);

  it('lets the others answer every request well', () => expect(outcome.failed).toEqual([]));

  it('has in the sums what the others counted, and what it had answered itself', () => {
    const { killed, survivors, sums } = outcome;
    for (const tenant of TENANTS) {
      const answered = killed[tenant] as number;
      const early = (TO_KILLED * (KILLED_AT_MS - PUBLISHED_AFTER_MS)) / LOAD_MS;
      const ofKilled = (sums[tenant] as number) - (survivors[tenant] as number);
      expect(survivors[tenant]).toBe(TO_SURVIVORS);
      expect(answered).toBeGreaterThan(early);
      expect(ofKilled).toBeGreaterThanOrEqual(counting === 'await' ? answered : early - 1);
      // One that was counted and not answered may have been on its way when the end came.
      expect(ofKilled).toBeLessThanOrEqual(answered + 1);
    }
  });

  it('alerts once on each tenant that goes over afterwards', () =>
    expect(outcome.alerts.map(({ tenant }) => tenant.id).sort()).toEqual(TENANTS));
});
