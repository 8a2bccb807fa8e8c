// What a counter takes in Redis: 100,000 of them, published by one and by four instances, under and over the threshold.
import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';

import { Redis } from 'ioredis';

import { RedisCounterStore } from '../dist/esm/index.js';

const COUNTERS = 100_000;
const AT_ONCE = 200;
const port = 20_000 + (process.pid % 20_000);

const server = spawn('redis-server', ['--port', port, '--save', '', '--appendonly', 'no'], { stdio: 'ignore' });
const client = new Redis({ port, lazyConnect: true, retryStrategy: () => 50 });
client.on('error', () => undefined); // until the server is up
await client.connect().catch(() => once(client, 'ready'));
const store = new RedisCounterStore(client);
await new Promise((ready) => store.open(ready));

const used = async (field) => Number(new RegExp(`${field}:(\\S+)`).exec(await client.info('memory'))[1]);
console.log(`redis ${/redis_version:(\S+)/.exec(await client.info('server'))[1]}, ids of 36 characters`);
for (const instances of [1, 4]) {
  for (const isOver of [false, true]) {
    await client.flushall('SYNC');
    const before = await used('used_memory');
    const tenants = Array.from({ length: COUNTERS }, () => randomUUID());
    for (let i = 0; i < instances; i++) {
      const instance = `${randomBytes(9).toString('base64url')}.0`;
      for (let at = 0; at < COUNTERS; at += AT_ONCE) {
        const totals = tenants.slice(at, at + AT_ONCE).map((tenant) => ({
          ...{ category: 'llm_call', tenant, window: 29_000_000, windowMs: 1_800_000, instance, total: 16 },
          ...{ levels: [isOver ? 15 : 1_000], announced: isOver ? 1 : 0 },
        }));
        await store.publish(totals);
      }
    }
    const bytes = ((await used('used_memory')) - before) / (await client.dbsize());
    console.log(
      `${instances} instance(s), ${isOver ? 'over' : 'under'} the threshold: ${Math.round(bytes)} B a counter`,
    );
  }
}
await store.close();
client.disconnect();
server.kill();
