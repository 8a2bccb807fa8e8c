import { setTimeout as wait } from 'node:timers/promises';

import { Redis } from 'ioredis';

import type { RateAlert } from '../../src/index.js';
import { answeredBy, evenly, send, type Answer } from '../support/load.js';
import { patiently } from '../support/until.js';
import { RedisServer } from '../support/redis-server.js';
import { startInstance } from './instances.js';
import { COUNTINGS, type Counting } from './scene.js';
import { THRESHOLD } from './traffic.js';

const WINDOW_MS = 3_000;
const SKEWS_MS = [10_000, -10_000];
const LOAD_MS = 900;
/** No requests are sent this close to the border between two windows, so that each clearly belongs to one. */
const CLEAR_MS = 150;
const MAX_TRIES = 5;
/** How many requests each tenant makes in a window. */
const REQUESTS = { over: THRESHOLD + 4, under: THRESHOLD - 4 };

interface Window {
  answered: Record<string, number>;
  /** Of each tenant, by instance, and their sum. */
  counters: Record<string, { totals: number[]; total: number }>;
}

interface Outcome {
  windows: Window[];
  /** How many counters there are in the store: each is a tenant in a window. */
  counters: number;
  alerts: RateAlert[];
}

/** The same load shortly before and shortly after a window rolls over. */
async function overARollOver(counting: Counting): Promise<Outcome> {
  const server = await RedisServer.start();
  const reader = new Redis(server.url);
  const apps = await Promise.all(
    SKEWS_MS.map((skewMs, i) => {
      const client = new Redis(server.url, { lazyConnect: true });
      return startInstance({ client, keyPrefix: 'test', name: `Redis of ${i}`, counting, windowMs: WINDOW_MS, skewMs });
    }),
  );
  const urls = apps.map(({ url }) => `${url}/llm/call`);
  try {
    for (let tries = 1, clearMs = CLEAR_MS; ; tries++) {
      // New tenants each time, so that the last try leaves no trace in this one.
      const requests = Object.entries(REQUESTS).map(([name, count]) => [`${name}_${tries}`, count] as const);
      const load = (): Promise<Answer[]> =>
        send(requests.flatMap(([tenant, count]) => evenly(tenant, count, LOAD_MS, urls)));
      await wait(untilBorder(LOAD_MS + clearMs));
      const first = Math.floor(Date.now() / WINDOW_MS);
      const border = (first + 1) * WINDOW_MS;
      const before = await load();
      const lateMs = Date.now() - border;
      await wait(border - Date.now() + CLEAR_MS);
      const after = await load();
      // Requests that ran over a border because the machine was slow belong to no one window.
      const isDisturbed = lateMs > 0 || Date.now() > border + WINDOW_MS;
      if (isDisturbed && tries < MAX_TRIES) {
        clearMs = Math.min(clearMs + Math.max(0, lateMs), WINDOW_MS - LOAD_MS);
        continue;
      }
      const windows = await Promise.all([before, after].map((answers, i) => taken(reader, first + i, answers)));
      const alerts = (): RateAlert[] =>
        apps.flatMap((app) => app.alerts.filter(({ tenant }) => tenant.id.endsWith(`_${tries}`)));
      await patiently(() => alerts().length >= windows.length);
      return {
        windows,
        counters: (await reader.keys(`test:{llm_call:*_${tries}}:*`)).length,
        alerts: alerts(),
      };
    }
  } finally {
    await Promise.all(apps.map((app) => app.close()));
    reader.disconnect();
    await server.kill();
  }
}

/** How long it is until that long before a window rolls over. */
function untilBorder(earlierMs: number): number {
  return (2 * WINDOW_MS - (Date.now() % WINDOW_MS) - earlierMs) % WINDOW_MS;
}

async function taken(reader: Redis, window: number, answers: Answer[]): Promise<Window> {
  const answered = answeredBy(answers);
  const counters: Window['counters'] = {};
  for (const tenant of Object.keys(answered)) {
    const look = async (): Promise<number> => {
      const { total, ...fields } = await reader.hgetall(`test:{llm_call:${tenant}}:${window}`);
      // By the names of instances, which end with the number of their window.
      const totals = Object.entries(fields).filter(([name]) => /\.\w+$/.test(name));
      counters[nameOf(tenant)] = { totals: totals.map(([, own]) => Number(own)), total: Number(total) };
      return Number(total);
    };
    await patiently(async () => (await look()) === answered[tenant]);
  }
  return { answered: Object.fromEntries(Object.entries(answered).map(([id, count]) => [nameOf(id), count])), counters };
}

/** Of a tenant, without the number of its try. */
function nameOf(tenant: string): string {
  return tenant.replace(/_\d+$/, '');
}

describe.each(COUNTINGS)('Clocks 10 s ahead and 10 s behind, counting %s', (counting) => {
  let outcome: Outcome;
  beforeAll(async () => void (outcome = await overARollOver(counting)));

  it('counts both instances in one window, before the roll-over and after', () => {
    expect(outcome.counters).toBe(4);
    for (const { answered, counters } of outcome.windows) {
      expect(answered).toEqual(REQUESTS);
      for (const [tenant, count] of Object.entries(REQUESTS))
        expect(counters[tenant]).toEqual({ totals: [count / 2, count / 2], total: count });
    }
  });

  it('alerts once in each window on the tenant that goes over', () => {
    expect(outcome.alerts.map(({ tenant }) => nameOf(tenant.id))).toEqual(['over', 'over']);
    const starts = outcome.alerts.map(({ windowStart }) => windowStart.getTime());
    expect(Math.abs((starts[1] as number) - (starts[0] as number))).toBe(WINDOW_MS);
  });
});
