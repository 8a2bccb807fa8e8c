// @ts-check
import { startChild } from '../lib/children.mjs';
import { contestantFile } from '../lib/place.mjs';
import { RedisServer } from '../lib/redis-server.mjs';

const GUARD_COST = contestantFile('guard-cost.mjs');
/** Room for everything that a measurement allocates, so that no garbage collection interrupts it. */
const NODE_FLAGS = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'];

/**
 * The guard alone: nanoseconds and bytes a call.
 *
 * @param {{ contestants: string[], warmUps: number, rounds: number }} options
 */
export async function guard({ contestants, warmUps, rounds }) {
  const redis = await RedisServer.start();
  const rows = [];
  try {
    for (const [db, contestant] of contestants.entries()) {
      const argument = { contestant, redis: { port: redis.port, db } };
      const child = await startChild(GUARD_COST, argument, { role: 'app', nodeFlags: NODE_FLAGS });
      for (let round = -warmUps; round < rounds; round++) {
        const { ns, bytes } = await child.ask('measure');
        if (round >= 0) rows.push({ contestant, round, ns: Math.round(ns), bytes: Math.round(bytes) });
      }
      await child.stop();
    }
    return rows;
  } finally {
    await redis.stop();
  }
}
