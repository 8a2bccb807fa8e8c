import { setTimeout as wait } from 'node:timers/promises';

import { Redis } from 'ioredis';

import { calmCategories } from '../support/calm-window.js';
import { InstanceProcess } from '../support/instance-process.js';
import { answeredBy, evenly, isGood, monotonicMs, send, type Answer } from '../support/load.js';
import { RedisServer } from '../support/redis-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { COUNTINGS, type Counting } from './scene.js';
import { sumIn } from './sum-in.js';

const TENANTS = ['a', 'b', 'c'];
const REQUESTS = 100;
const LOAD_MS = 1_500;
const STOPPED_AT_MS = 1_000;
const LEAVES_WITHIN_MS = 5_000;
/** So rarely that without a last publish much would be missing. */
const FLUSH_INTERVAL_MS = 600;
/** Ten seconds of publishing, at 200 ms a call. */
const MUCH = 10_000;

interface Outcome {
  answers: Answer[];
  /** Well answered, by tenant. */
  answered: Record<string, number>;
  /** When the signal was sent. */
  toldAt: number;
  /** From the signal to its end. */
  tookMs: number;
  sums: Record<string, number>;
  lost: number;
}

/** Told to end under load; `happens` to the store shortly before. */
async function stopped(counting: Counting, happens?: (server: RedisServer) => void): Promise<Outcome> {
  const server = await RedisServer.start();
  const reader = new Redis(server.url);
  const categories = calmCategories();
  const instance = await InstanceProcess.start(
    server.url,
    { counting, categories, flushIntervalMs: FLUSH_INTERVAL_MS },
    { fastify: true },
  );
  const shots = TENANTS.flatMap((tenant, i) =>
    evenly(tenant, REQUESTS, LOAD_MS, [`${instance.url}/llm/call`], i / TENANTS.length),
  );
  const stop = async (): Promise<{ toldAt: number; tookMs: number }> => {
    await wait(STOPPED_AT_MS - 200);
    happens?.(server);
    await wait(200);
    const toldAt = monotonicMs();
    await instance.stop();
    return { toldAt, tookMs: monotonicMs() - toldAt };
  };
  try {
    const [answers, { toldAt, tookMs }] = await Promise.all([send(shots), stop()]);
    server.thaw();
    const sums = await sumIn(reader, TENANTS, categories.llm_call.windowMs);
    const lost = instance.lines.map((line) =>
      Number(/ ([\d,]+) counted requests? (?:was|were) never published/.exec(line)?.[1]?.replaceAll(',', '') ?? 0),
    );
    return { answers, answered: answeredBy(answers), toldAt, tookMs, sums, lost: Math.max(0, ...lost) };
  } finally {
    await instance.kill();
    reader.disconnect();
    await server.kill();
  }
}

/** Told to end with more to publish than a slow store can take in that time. */
async function stoppedWithMuch(counting: Counting): Promise<number> {
  const server = await RedisServer.start();
  const proxy = await TcpProxy.start(server.port);
  const options = { counting, categories: calmCategories(), flushIntervalMs: 60_000 };
  const instance = await InstanceProcess.start(`redis://127.0.0.1:${proxy.port}`, options, { fastify: true });
  try {
    proxy.latencyMs = 200;
    await instance.ask({ flood: { from: 0, to: MUCH } });
    const told = performance.now();
    await instance.stop();
    return performance.now() - told;
  } finally {
    await instance.kill();
    await proxy.close();
    await server.kill();
  }
}

describe.each(COUNTINGS)('An instance told to end under load, counting %s', (counting) => {
  let calm: Outcome;
  let frozen: Outcome;
  let slowMs: number;
  beforeAll(async () => {
    [calm, frozen, slowMs] = await Promise.all([
      stopped(counting),
      stopped(counting, (server) => server.freeze()),
      stoppedWithMuch(counting),
    ]);
  });

  it('publishes everything it has counted', () => {
    const early = calm.answers.filter(({ endedAt }) => endedAt < calm.toldAt);
    expect(early.filter(({ status }) => !isGood(status))).toEqual([]);
    // Counted after the last flush.
    expect(early.filter(({ endedAt }) => endedAt > calm.toldAt - FLUSH_INTERVAL_MS).length).toBeGreaterThan(1);
    expect(calm.sums).toEqual(calm.answered);
    expect(calm.lost).toBe(0);
  });

  it('exits in time', () => expect(calm.tookMs).toBeLessThan(LEAVES_WITHIN_MS));

  it('exits in time with much to publish and a slow Redis', () => expect(slowMs).toBeLessThan(LEAVES_WITHIN_MS));

  describe('with Redis frozen', () => {
    it('exits in time too', () => expect(frozen.tookMs).toBeLessThan(LEAVES_WITHIN_MS));

    it('logs how much it could not publish', () => {
      expect(frozen.lost).toBeGreaterThan(0);
      expect(all(frozen.sums) + frozen.lost).toBeGreaterThanOrEqual(all(frozen.answered));
    });
  });
});

function all(counts: Record<string, number>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
