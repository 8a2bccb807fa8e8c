// @ts-check
import { App, startLoad } from '../lib/apps.mjs';
import { takeTurn, warmUp } from '../lib/turn.mjs';
import { startChild } from '../lib/children.mjs';
import { contestantFile } from '../lib/place.mjs';
import { RedisServer } from '../lib/redis-server.mjs';

/**
 * @typedef {import('../results.js').Variant} Variant
 * @typedef {import('../lib/turn.mjs').Times & { turns: number }} Times
 * @typedef {Omit<import('../lib/turn.mjs').Parties, 'app'>} Others
 */

const PING = contestantFile('ping.mjs');

/**
 * Contestants under load, in interleaved rounds. In each round all of them take short turns, starting with a different one each time: a
 * machine is slow for seconds at a time, and this way that affects all of them equally. Only consecutive turns are compared. Each
 * contestant gets new processes in each round, because compiled code of the same app differs between processes by more than what is
 * compared here. Every other round runs backwards, because a process that was started and warmed up earlier is slower. All others are
 * halted during a turn: an idle process would collect garbage at their expense.
 *
 * @param {Times & {
 *   contestants: string[],
 *   rounds: number,
 *   tell: import('../results.js').Tell,
 *   variants: Variant[],
 *   platform: string,
 * }} options
 */
export async function load({ contestants, rounds, tell, variants, platform, ...times }) {
  const dbs = new Map(contestants.map((contestant, db) => [contestant, db]));
  const redis = await RedisServer.start();
  const client = await startLoad();
  const ping = await startChild(PING, { port: redis.port }, { role: 'app' });
  /** @type {object[]} */
  const rows = [];
  try {
    for (let round = 0; round < rounds; round++) {
      rows.push({ round, contestant: 'PING', ...(await ping.ask('measure')) });
      const measured = await measureAll({
        variants,
        platform,
        dbs,
        contestants: inOrder(contestants, round),
        redis,
        client,
        ...times,
      });
      rows.push(...measured.map((row) => ({ round, ...row })));
      tell(`round ${round + 1} of ${rounds}`);
    }
    return rows;
  } finally {
    await Promise.all([client.stop(), ping.stop(), redis.stop()]);
  }
}

/**
 * All contestants in all variants. Variants with the same number of processes use the same ones.
 *
 * @param {Times & Others & { contestants: string[], dbs: Map<string, number>, variants: Variant[], platform: string }} options
 */
async function measureAll({ contestants, dbs, variants, platform, redis, client, turns, ...times }) {
  /** @type {object[]} */
  const rows = [];
  for (const processes of new Set(variants.map(processesOf))) {
    /** @type {Map<string, App>} */
    const apps = new Map();
    try {
      for (const contestant of contestants) {
        const db = dbs.get(contestant);
        const app = await App.start(contestant, { platform, redis, db, processes });
        apps.set(contestant, app);
        app.halt();
      }
      const measured = variants.filter((other) => processesOf(other) === processes);
      // Once: what runs is the same in all variants.
      for (const app of apps.values()) await warmUp({ app, redis, client }, { ...measured[0], ...times });
      for (const variant of measured)
        rows.push(...(await measureVariant(apps, { variant, redis, client, turns, ...times })));
    } finally {
      await Promise.all([...apps.values()].map((app) => app.stop()));
    }
  }
  return rows;
}

/**
 * @param {Map<string, App>} apps
 * @param {Times & Others & { variant: Variant }} options
 */
async function measureVariant(apps, { variant, redis, client, turns, ...times }) {
  const contestants = [...apps.keys()];
  /** @param {string} contestant */
  const parties = (contestant) => ({ app: /** @type {App} */ (apps.get(contestant)), redis, client });
  /** @type {object[]} */
  const rows = [];
  for (let turn = 0; turn < turns; turn++) {
    for (const contestant of rotated(contestants, turn))
      rows.push({ contestant, ...variant, turn, ...(await takeTurn(parties(contestant), { ...variant, ...times })) });
  }
  return rows;
}

/** @param {Variant} variant */
function processesOf({ processes = 1 }) {
  return processes;
}

/**
 * @param {string[]} list
 * @param {number} round
 */
function inOrder(list, round) {
  const order = rotated(list, round);
  return round % 2 === 0 ? order : order.reverse();
}

/**
 * @param {string[]} list
 * @param {number} by
 */
function rotated(list, by) {
  const at = by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}
