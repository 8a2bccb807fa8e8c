// @ts-check
// What a counter takes in Redis: 100,000 of them, published by one and by four instances, under and over the threshold.
import { randomBytes, randomUUID } from 'node:crypto';

import { from } from './lib/dist.mjs';
import { RedisServer } from './lib/redis-server.mjs';

const { RedisCounterStore } = await from('index.js');

const COUNTERS = 100_000;
const AT_ONCE = 200;
const WINDOW = { key: '29000000', start: 29_000_000 * 60_000, end: 29_000_001 * 60_000 };

const redis = await RedisServer.start();
const { client } = redis;
const store = new RedisCounterStore(client);
await new Promise((ready) => store.open(() => ready(undefined)));

/** @param {string} field */
const used = async (field) => Number(new RegExp(`${field}:(\\S+)`).exec(await client.info('memory'))?.[1]);
console.log(`redis ${/redis_version:(\S+)/.exec(await client.info('server'))?.[1]}, ids of 36 characters`);
for (const instances of [1, 4]) {
  for (const isOver of [false, true]) {
    await client.flushall('SYNC');
    const before = await used('used_memory');
    const tenants = Array.from({ length: COUNTERS }, () => randomUUID());
    for (let i = 0; i < instances; i++) {
      const instance = `${randomBytes(9).toString('base64url')}.0`;
      for (let at = 0; at < COUNTERS; at += AT_ONCE) {
        const totals = tenants.slice(at, at + AT_ONCE).map((tenant) => ({
          category: 'llm_call',
          tenant,
          window: WINDOW,
          keepMs: 1_800_000,
          instance,
          total: 16,
          sent: 0,
          others: 0,
          levels: levelsAt(isOver ? 15 : 1_000),
          announced: isOver ? 1 : 0,
        }));
        await store.publish(totals, WINDOW.start);
      }
    }
    const bytes = ((await used('used_memory')) - before) / (await client.dbsize());
    console.log(
      `${instances} instance(s), ${isOver ? 'over' : 'under'} the threshold: ${Math.round(bytes)} B a counter`,
    );
  }
}
await store.close();
await redis.stop();

/** @param {number} threshold */
function levelsAt(threshold) {
  return { threshold, steps: [{ at: 1, severity: 'warning' }], counts: [threshold] };
}
