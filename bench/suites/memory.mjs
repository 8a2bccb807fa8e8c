// @ts-check
import { startChild } from '../lib/children.mjs';
import { contestantFile } from '../lib/place.mjs';
import { RedisServer } from '../lib/redis-server.mjs';

const TENANT_MEMORY = contestantFile('tenant-memory.mjs');

/**
 * Bytes per additional tenant. Each measurement runs in a process of its own.
 *
 * @param {{ contestants: string[], tenants: number[], tell: import('../results.js').Tell }} options
 */
export async function memory({ contestants, tenants, tell }) {
  const rows = [];
  for (const count of tenants) {
    for (const contestant of contestants) {
      rows.push({ contestant, tenants: count, ...(await measured(contestant, count)) });
    }
    tell(`${count} tenants`);
  }
  return rows;
}

/**
 * @param {string} contestant
 * @param {number} tenants
 */
async function measured(contestant, tenants) {
  const redis = await RedisServer.start();
  const argument = { contestant, redis: { port: redis.port, db: 0 } };
  const child = await startChild(TENANT_MEMORY, argument, { nodeFlags: ['--expose-gc'] });
  try {
    const { heapBytes, rssBytes } = await child.ask('measure', { tenants });
    const published = contestant.startsWith('rate-monitor') ? { publishedTenants: await redis.client.dbsize() } : {};
    return { heapBytes: Math.round(heapBytes), rssBytes: Math.round(rssBytes), ...published };
  } finally {
    await child.stop();
    await redis.stop();
  }
}
