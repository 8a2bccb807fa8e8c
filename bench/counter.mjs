// @ts-check
// What counting takes at its limits: a flush of 100,000 tenants, and 50 instances that publish again after Redis lost its data.
import { setTimeout as sleep } from 'node:timers/promises';

import { from } from './lib/dist.mjs';
import { RedisServer } from './lib/redis-server.mjs';

const { RedisCounterStore } = await from('index.js');
const { withDefaults } = await from('options/with-defaults.js');
const { countedCategories } = await from('boot/counted-categories.js');
const { Counter } = await from('counter/counter.js');
const { PROCESS_CLOCK } = await from('counter/clock.js');

const TENANTS = 100_000;
const ROUNDS = 5;
const INSTANCES = 50;
const TENANTS_OF_EACH = 100;

const redis = await RedisServer.start();
const { client } = redis;
const silent = { log() {}, warn() {}, error() {}, debug() {} };
const options = withDefaults(
  {
    // A long window: none ends in the middle of a measurement.
    categories: { llm_call: { threshold: 1e9, windowMs: 3_600_000 } },
    maxTrackedTenants: 2 * TENANTS,
  },
  new Map(),
);
const categories = () =>
  countedCategories(options, { exactly: () => undefined, broadly: () => undefined, version: 0 }, silent, () =>
    performance.now(),
  );

async function startCounter() {
  const store = new RedisCounterStore(client, 'bench');
  const counter = new Counter(
    store,
    categories(),
    options,
    PROCESS_CLOCK,
    silent,
    () => Promise.resolve(),
    () => undefined,
  );
  await counter.open();
  return counter;
}

/** Longest time that a turn of the event loop took until `isOver`. */
async function longestTurn(/** @type {() => boolean} */ isOver) {
  let [longest, last] = [0, performance.now()];
  while (!isOver()) {
    await new Promise((resolve) => setImmediate(resolve));
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }
  return longest;
}

async function manyTenants() {
  const counter = await startCounter();
  const held = [];
  for (let round = -1; round < ROUNDS; round++) {
    // In short turns: what is measured is publishing.
    for (let at = 0; at < TENANTS; at += 500) {
      for (let i = at; i < at + 500; i++) counter.add('llm_call', { id: `tenant_${i}` }, 1);
      await new Promise((resolve) => setImmediate(resolve));
    }
    let isDone = false;
    const start = performance.now();
    const flushed = counter.flush(30_000).then(() => (isDone = true));
    const longest = await longestTurn(() => isDone);
    await flushed;
    if (round >= 0) held.push({ longest, took: performance.now() - start });
  }
  const worst = Math.max(...held.map(({ longest }) => longest));
  const took = held.map((one) => one.took).sort((a, b) => a - b)[Math.floor(ROUNDS / 2)];
  console.log(
    `a flush of ${TENANTS} tenants: the loop held for ${worst.toFixed(1)} ms at most, ${took?.toFixed(0)} ms in all`,
  );
  await counter.close();
  await counter.disconnect();
}

async function manyInstances() {
  const counters = await Promise.all(Array.from({ length: INSTANCES }, startCounter));
  for (const counter of counters)
    for (let i = 0; i < TENANTS_OF_EACH; i++) counter.add('llm_call', { id: `shared_${i}` }, 2);
  await Promise.all(counters.map((counter) => counter.flush(10_000)));
  const isRight = async () => {
    const keys = await client.keys('bench:{llm_call:shared_*}:*');
    if (keys.length < TENANTS_OF_EACH) return false;
    const sums = await Promise.all(keys.map((/** @type {string} */ key) => client.hget(key, 'total')));
    return sums.every((sum) => Number(sum) === 2 * INSTANCES);
  };
  if (!(await isRight())) throw new Error('the sums were not right before');
  // As after a restart without data: connections are lost as well.
  await client.flushall('SYNC');
  await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  const start = performance.now();
  while (!(await isRight())) await sleep(10);
  console.log(
    `${INSTANCES} instances after Redis lost its data: the sums of ${TENANTS_OF_EACH} tenants are right after ${(performance.now() - start).toFixed(0)} ms`,
  );
  await Promise.all(counters.map((counter) => counter.close().then(() => counter.disconnect())));
}

await manyTenants();
await client.flushall('SYNC');
await manyInstances();
await redis.stop();
