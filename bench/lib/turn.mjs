// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';

/** How long an app keeps running after its load has stopped, so that its last counts are published and no reply is outstanding. */
const SETTLE_MS = 250;

/**
 * @typedef {{
 *   app: import('./apps.mjs').App,
 *   client: import('./children.mjs').Child,
 *   redis: import('./redis-server.mjs').RedisServer,
 * }} Parties
 * @typedef {{ warmUpMs: number, leadInMs: number, turnMs: number }} Times
 */

/**
 * Puts load on an app until the compiler has optimized what is measured later.
 *
 * @param {Parties} parties
 * @param {Partial<import('../results.js').Load> & Times} load
 */
export async function warmUp(parties, { warmUpMs, ...load }) {
  await under(load, parties, () => sleep(warmUpMs));
}

/**
 * One turn of an app under load, and what the app did in it. Accurate to four digits at most.
 *
 * @param {Parties} parties
 * @param {Partial<import('../results.js').Load> & Times} load
 */
export async function takeTurn(parties, { leadInMs, turnMs, ...load }) {
  const measured = await under(load, parties, async () => {
    await sleep(leadInMs);
    const before = await mark(parties);
    await sleep(turnMs);
    return measure(before, await mark(parties));
  });
  return Object.fromEntries(Object.entries(measured).map(([name, value]) => [name, Number(value.toPrecision(4))]));
}

/**
 * @template T
 * @param {Partial<import('../results.js').Load>} load
 * @param {Parties} parties
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function under({ connections, tenants, rate }, { app, client }, work) {
  app.go();
  await client.ask('start', { ports: app.ports, looks: app.hasPage, connections, tenants, rate });
  try {
    return await work();
  } finally {
    await client.ask('stop');
    await sleep(SETTLE_MS);
    app.halt();
  }
}

/** @typedef {Record<string, number>} Mark What was done until `at`, in milliseconds. */

/**
 * Each carries its own time, so that marks which come late under load still give true rates.
 *
 * @param {Parties} parties
 * @returns {Promise<{ answers: Mark, store: Mark, processes: Mark[] }>}
 */
async function mark({ app, client, redis }) {
  const [answers, store, ...processes] = await Promise.all([client.ask('mark'), redis.mark(), ...app.ask('mark')]);
  return { answers, store, processes };
}

/**
 * @param {Awaited<ReturnType<typeof mark>>} before
 * @param {Awaited<ReturnType<typeof mark>>} after
 */
function measure(before, after) {
  const requestsPerSecond = perSecond(before.answers, after.answers, 'answered');
  /** @param {string} what */
  const redis = (what) => perSecond(before.store, after.store, what);
  const cpuUs = before.processes.map((process, i) => perSecond(process, after.processes[i], 'cpuUs'));
  return {
    requestsPerSecond,
    p50Us: after.answers.p50Us,
    p99Us: after.answers.p99Us,
    appCpuUs: cpuUs.reduce((sum, us) => sum + us, 0) / requestsPerSecond,
    redisCommandsPerSecond: redis('commands'),
    redisCommands: redis('commands') / requestsPerSecond,
    redisCpuUs: redis('cpuUs') / requestsPerSecond,
    redisBytes: redis('bytes') / requestsPerSecond,
  };
}

/**
 * @param {Mark} before
 * @param {Mark} after
 * @param {string} what
 */
function perSecond(before, after, what) {
  return (after[what] - before[what]) / ((after.at - before.at) / 1_000);
}
