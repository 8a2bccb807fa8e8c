// @ts-check
// What looking after 5,000 open incidents of one-minute windows takes, in the app and in Redis: `npm run build && node bench/incidents.mjs`.
import { setTimeout as wait } from 'node:timers/promises';

import { Logger } from '@nestjs/common';

import { from } from './lib/dist.mjs';
import { RedisServer } from './lib/redis-server.mjs';

const { RedisCounterStore } = await from('index.js');
const { AlertEngine } = await from('alert/alert-engine.js');

const MINUTE = 60_000;
const INCIDENTS = 5_000;
const { client } = await RedisServer.start();
const store = new RedisCounterStore(client, 'bench');
await new Promise((ready) => store.open(() => ready(undefined)));

const redisCpu = async () => {
  const info = await client.info('cpu');
  const part = (/** @type {RegExp} */ field) => Number(field.exec(info)?.[1]) * 1_000;
  return part(/used_cpu_user:(\S+)/) + part(/used_cpu_sys:(\S+)/);
};
const measure = async (/** @type {string} */ what) => {
  const [app, redis] = [process.cpuUsage(), await redisCpu()];
  await wait(MINUTE);
  const { user, system } = process.cpuUsage(app);
  const inRedis = ((await redisCpu()) - redis) / 60;
  console.log(
    `${what}: ${((user + system) / 60_000).toFixed(1)} ms of CPU a second, ${inRedis.toFixed(1)} ms in Redis`,
  );
};

const channel = { name: 'bench', send: () => undefined };
const alerts = new AlertEngine(
  {
    channels: [{ channel, name: 'bench', option: 'channels[0]' }],
    categories: ['llm_call'],
    groupWaitMs: 0,
    shutdownFlushMs: 1_000,
    maxOpenIncidents: 10_000,
    incidents: { remindAfterMs: 60 * MINUTE, resolveAfterMs: 60 * MINUTE },
    state: store.state,
    now: Date.now,
    thresholdNotReached: () => undefined,
    service: undefined,
    environment: undefined,
    publicUrl: undefined,
    windowOf: () => undefined,
    contributors: async () => [],
    isStoreAway: () => false,
    counts: async (/** @type {readonly unknown[]} */ reads) => reads.map(() => 0),
  },
  new Logger(),
);
await alerts.start();
await measure('none open');
const windowStart = Math.floor(Date.now() / MINUTE) * MINUTE;
for (let i = 0; i < INCIDENTS; i++)
  await alerts.breached({
    category: 'llm_call',
    window: '',
    tenant: { id: `project_${i}` },
    count: 16,
    threshold: 15,
    level: { at: 1, severity: 'warning' },
    windowStart,
    windowEnd: windowStart + MINUTE,
    countedBy: 'all',
  });
await wait(MINUTE - (Date.now() % MINUTE));
await measure(`${INCIDENTS} open`);
await alerts.stop();
process.exit(0);
