// @ts-check
import { fileURLToPath } from 'node:url';

import { startChild } from '../lib/children.mjs';
import { RedisServer } from '../lib/redis-server.mjs';

const TENANT_MEMORY = fileURLToPath(new URL('../apps/tenant-memory.mjs', import.meta.url));

/**
 * Bytes of one more tenant, in a process of its own for each measurement.
 *
 * @param {{ contestants: string[], tenants: number[], tell: import('../results.js').Tell }} options
 */
export async function memory({ contestants, tenants, tell }) {
  const rows = [];
  for (const count of tenants) {
    for (const contestant of contestants) {
      // The monitor publishes all tenants, and is measured when it has: in chunks, at some microseconds a tenant.
      const settleMs = contestant.startsWith('rate-monitor') ? 1_000 + count / 50 : 100;
      rows.push({ contestant, tenants: count, ...(await measured(contestant, count, settleMs)) });
    }
    tell(`${count} tenants`);
  }
  return rows;
}

/**
 * @param {string} contestant
 * @param {number} tenants
 * @param {number} settleMs
 */
async function measured(contestant, tenants, settleMs) {
  const redis = await RedisServer.start();
  const argument = { contestant, redis: { port: redis.port, db: 0 } };
  const child = await startChild(TENANT_MEMORY, argument, { nodeFlags: ['--expose-gc'] });
  try {
    const { heapBytes, rssBytes } = await child.ask('measure', { tenants, settleMs });
    const published = contestant.startsWith('rate-monitor') ? { publishedTenants: await redis.client.dbsize() } : {};
    return { heapBytes: Math.round(heapBytes), rssBytes: Math.round(rssBytes), ...published };
  } finally {
    await child.stop();
    await redis.stop();
  }
}
