import { setTimeout as wait } from 'node:timers/promises';

import { Redis } from 'ioredis';

import type { RateAlert } from '../../src/index.js';
import { calmCategories } from '../support/calm-window.js';
import { InstanceProcess } from '../support/instance-process.js';
import { answeredBy, evenly, isGood, monotonicMs, send, type Answer } from '../support/load.js';
import { patiently, until } from '../support/until.js';
import { RedisServer } from '../support/redis-server.js';
import { COUNTINGS, type Counting } from './scene.js';
import { sumIn } from './sum-in.js';

const TENANTS = ['a', 'b', 'c', 'd', 'e'];
const LOAD_MS = 2_000;
const KILLED_AT_MS = 1_000;
const TO_SURVIVORS_BEFORE = 30;
const TO_SURVIVORS = 120;
const TO_KILLED = 60;
/** Exceeded only after the kill, however late that is. */
const THRESHOLD = 100;
const FLUSH_INTERVAL_MS = 100;
const PACE_KEY = 'pace';

interface Outcome {
  /** Successful responses, by tenant. */
  survivors: Record<string, number>;
  killed: Record<string, number>;
  /** Of these, the ones answered at least one publish before the kill. */
  paced: Record<string, number>;
  /** Requests to the killed instance that were not answered. */
  inFlight: Answer[];
  failed: Answer[];
  sums: Record<string, number>;
  alerts: RateAlert[];
}

async function oneKilled(counting: Counting): Promise<Outcome> {
  const server = await RedisServer.start();
  const reader = new Redis(server.url);
  const categories = calmCategories();
  categories.llm_call.threshold = THRESHOLD;
  const start = (paceKey = '') =>
    InstanceProcess.start(
      server.url,
      { counting, categories, flushIntervalMs: FLUSH_INTERVAL_MS },
      { fastify: true, paceKey },
    );
  const [victim, ...others] = (await Promise.all([start(PACE_KEY), start(), start()])) as [
    InstanceProcess,
    ...InstanceProcess[],
  ];
  const pace = async (): Promise<number> => Number(await reader.get(PACE_KEY));
  const seen: Answer[] = [];
  const load = (instances: InstanceProcess[], each: number, overMs: number): Promise<Answer[]> => {
    const urls = instances.map(({ url }) => `${url}/llm/call`);
    const shots = TENANTS.flatMap((tenant, i) => evenly(tenant, each, overMs, urls, i / TENANTS.length));
    return send(shots, (answer) => void (instances.includes(victim) && seen.push(answer)));
  };
  let killedAt = 0;
  const kill = async (): Promise<void> => {
    await wait(KILLED_AT_MS);
    // On a busy machine answers and publishes take longer.
    await until(async () => {
      const pacedUntil = await pace();
      const paced = answeredBy(seen.filter(({ endedAt }) => endedAt < pacedUntil));
      return TENANTS.every((tenant) => (paced[tenant] ?? 0) > 1);
    });
    await victim.kill();
    killedAt = monotonicMs();
  };
  try {
    const [byKilled, before, after] = await Promise.all([
      load([victim], TO_KILLED, LOAD_MS),
      load(others, TO_SURVIVORS_BEFORE, KILLED_AT_MS),
      kill().then(() => load(others, TO_SURVIVORS - TO_SURVIVORS_BEFORE, LOAD_MS - KILLED_AT_MS)),
    ]);
    const bySurvivors = [...before, ...after];
    const pacedUntil = await pace();
    const alerts = (): RateAlert[] => others.flatMap((instance) => instance.alerts);
    await patiently(() => alerts().length >= TENANTS.length);
    // Once stopped, they have published everything they counted.
    await Promise.all(others.map((instance) => instance.stop()));
    return {
      survivors: answeredBy(bySurvivors),
      killed: answeredBy(byKilled),
      paced: answeredBy(byKilled.filter(({ endedAt }) => endedAt < pacedUntil)),
      inFlight: byKilled.filter(({ status, sentAt }) => !isGood(status) && sentAt < killedAt),
      failed: bySurvivors.filter(({ status }) => !isGood(status)),
      sums: await sumIn(reader, TENANTS, categories.llm_call.windowMs),
      alerts: [...victim.alerts, ...alerts()],
    };
  } finally {
    await Promise.all([victim, ...others].map((instance) => instance.kill()));
    reader.disconnect();
    await server.kill();
  }
}

describe.each(COUNTINGS)('An instance killed, counting %s', (counting) => {
  let outcome: Outcome;
  beforeAll(async () => void (outcome = await oneKilled(counting)));

  it('lets the others answer every request successfully', () => expect(outcome.failed).toEqual([]));

  it('has in the sums what the others counted, and what it answered itself', () => {
    const { inFlight, killed, paced, survivors, sums } = outcome;
    for (const tenant of TENANTS) {
      const answered = killed[tenant] as number;
      const published = paced[tenant] as number;
      const ofKilled = (sums[tenant] as number) - (survivors[tenant] as number);
      expect(survivors[tenant]).toBe(TO_SURVIVORS);
      expect(published).toBeGreaterThan(1);
      expect(ofKilled).toBeGreaterThanOrEqual(counting === 'await' ? answered : published);
      const mayBeCounted = inFlight.filter((answer) => answer.tenant === tenant).length;
      expect(ofKilled).toBeLessThanOrEqual(answered + mayBeCounted);
    }
  });

  it('alerts once on each tenant that goes over afterwards', () =>
    expect(outcome.alerts.map(({ tenant }) => tenant.id).sort()).toEqual(TENANTS));
});
