// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';

import { pathBeside } from '../apps/llm.controller.mjs';
import { startLoad } from '../lib/apps.mjs';
import { startChild } from '../lib/children.mjs';
import { contestantFile } from '../lib/place.mjs';
import { RedisServer } from '../lib/redis-server.mjs';
import { median } from '../lib/statistics.mjs';

const APP = contestantFile('app.mjs');

/**
 * How much more a request costs than one behind a guard that does nothing. Both are endpoints of one process and take turns of a tenth of a
 * second, because two processes of the same app, or two seconds on one machine, differ by more than what is measured here.
 *
 * @param {{
 *   contestants: string[],
 *   base: string,
 *   besides: string[],
 *   connections: number[],
 *   rounds: number,
 *   warmUpMs: number,
 *   turns: number,
 *   turnMs: number,
 *   platform: string,
 *   tell: import('../results.js').Tell,
 * }} options
 */
export async function added({ contestants, rounds, tell, ...options }) {
  const redis = await RedisServer.start();
  const client = await startLoad();
  /** @type {object[]} */
  const rows = [];
  try {
    for (let round = 0; round < rounds; round++) {
      for (const [db, contestant] of contestants.entries()) {
        const measured = await measure(contestant, client, { ...options, redis: { port: redis.port, db } });
        rows.push(...measured.map((row) => ({ round, ...row })));
      }
      tell(`round ${round + 1} of ${rounds}`);
    }
    return rows;
  } finally {
    await Promise.all([client.stop(), redis.stop()]);
  }
}

/**
 * @param {string} contestant
 * @param {import('../lib/children.mjs').Child} client
 * @param {Omit<Parameters<typeof added>[0], 'contestants' | 'rounds' | 'tell'> & { redis: { port: number, db: number } }} options
 */
async function measure(contestant, client, { base, besides, connections, warmUpMs, turns, turnMs, platform, redis }) {
  const argument = { contestant, platform, redis, besides: [base, ...besides] };
  const app = await startChild(APP, argument, { role: 'app' });
  try {
    const ports = [await app.ask('port')];
    /** @type {[string, string][]} */
    const paths = [...[base, ...besides].entries()].map(([i, name]) => [name, pathBeside(i)]);
    paths.push([contestant, '/llm/call']);
    const rows = [];
    for (const count of connections) {
      await client.ask('start', { ports, connections: count, tenants: 100 });
      await client.ask('hold');
      for (let passed = 0; passed < warmUpMs; passed += paths.length * turnMs)
        for (const [, path] of paths) await turn(app, client, path, turnMs);
      const taken = [];
      for (let i = 0; i < turns; i++) {
        const inOrder = i % 2 === 0 ? paths : [...paths].reverse();
        /** @type {Record<string, { cpuUs: number, perSecond: number }>} */
        const each = {};
        for (const [name, path] of inOrder) each[name] = await turn(app, client, path, turnMs);
        taken.push(each);
      }
      await client.ask('stop');
      for (const [name] of paths.slice(1))
        rows.push({
          contestant: name,
          connections: count,
          sharedWith: contestant,
          addedCpuUs: digits(median(taken.map((each) => each[name].cpuUs - each[base].cpuUs))),
          requestsRatio: digits(median(taken.map((each) => each[name].perSecond / each[base].perSecond))),
        });
    }
    return rows;
  } finally {
    await app.stop();
  }
}

/**
 * @param {import('../lib/children.mjs').Child} app
 * @param {import('../lib/children.mjs').Child} client
 * @param {string} path
 * @param {number} turnMs
 */
async function turn(app, client, path, turnMs) {
  const [before, asked] = await Promise.all([app.ask('mark'), client.ask('mark')]);
  await client.ask('resume', path);
  await sleep(turnMs);
  await client.ask('hold');
  const [after, answered] = await Promise.all([app.ask('mark'), client.ask('mark')]);
  const requests = answered.answered - asked.answered;
  return { cpuUs: (after.cpuUs - before.cpuUs) / requests, perSecond: requests / ((after.at - before.at) / 1_000) };
}

/** @param {number} value */
function digits(value) {
  return Number(value.toPrecision(4));
}
