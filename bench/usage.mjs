// @ts-check
// What usage takes: Redis memory of a day, and closing a minute with 10,000 active tenants (Redis and event loop).
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';

import { from } from './lib/dist.mjs';
import { RedisServer } from './lib/redis-server.mjs';

const { RedisCounterStore } = await from('index.js');
const { withDefaults } = await from('options/with-defaults.js');
const { UsageRecorder } = await from('usage/usage-recorder.js');
const { UsageReader } = await from('usage/usage-reader.js');

const MINUTE = 60_000;
const RETENTION = { retentionMs: 24 * 60 * MINUTE, hourlyRetentionMs: 30 * 24 * 60 * MINUTE };
const { categories } = withDefaults({ categories: { llm_call: { threshold: 1_000_000 } } }, new Map());
const [{ spanAt }] = categories.get('llm_call').windows;
const redis = await RedisServer.start();
const { client } = redis;
const store = new RedisCounterStore(client, 'bench');
await new Promise((ready) => store.open(() => ready(undefined)));
console.log(`redis ${/redis_version:(\S+)/.exec(await client.info('server'))?.[1]}`);

const section = async (/** @type {string} */ name, /** @type {RegExp} */ field) =>
  Number(field.exec(await client.info(name))?.[1]);
const memory = () => section('memory', /used_memory:(\d+)/);
const cpu = async () =>
  ((await section('cpu', /used_cpu_user:(\S+)/)) + (await section('cpu', /used_cpu_sys:(\S+)/))) * 1_000;

await client.flushall('SYNC');
let now = Math.floor(Date.now() / MINUTE) * MINUTE + 1_000;
const TENANTS = 10_000;
const instance = 'bench';
const live = (span = spanAt(now)) =>
  Array.from({ length: TENANTS }, (_, i) => ({
    category: 'llm_call',
    window: '',
    span,
    tenant: `project_${i}`,
    name: `Project ${i}`,
    own: 1 + (i % 40),
    known: 1 + (i % 40),
    threshold: 1_000_000,
  }));
let totals = live();
const source = {
  instance,
  now: () => now,
  changed: () => totals.splice(0).map((total) => ({ isNew: true, ...total, more: total.own })),
  counts: async (/** @type {readonly unknown[]} */ reads) => reads.map(() => 0),
};
const recorder = new UsageRecorder(
  categories.values(),
  source,
  store.usage,
  { ...RETENTION, maxTenants: 100_000, settleMs: 1_000 },
  console,
);
const publish = async () => {
  const levels = { threshold: 1_000_000, steps: [{ at: 1, severity: 'warning' }], counts: [1_000_000] };
  for (let at = 0; at < TENANTS; at += 200)
    await store.publish(
      totals.slice(at, at + 200).map(({ tenant, own, span }) => ({
        category: 'llm_call',
        tenant,
        window: span,
        instance: 'bench',
        total: own,
        sent: 0,
        others: 0,
        levels,
        announced: 0,
        keepMs: 600_000,
      })),
      now,
    );
};
/** @type {import('node:perf_hooks').PerformanceEntry[]} */
const collections = [];
const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()));
observer.observe({ entryTypes: ['gc'] });
const settled = { redis: 0, longest: 0, cpu: 0, collection: 0 };
for (let round = 0; round < 4; round++) {
  totals = live();
  await publish();
  await recorder.look();
  now += MINUTE;
  totals = [];
  // Those of the publishing are not meant.
  await new Promise(setImmediate);
  collections.length = 0;
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const start = await cpu();
  // The looks of the next minute, one after the other.
  delay.enable();
  for (let second = 0; second < 58; second++) {
    now += 1_000;
    const before = process.cpuUsage();
    await recorder.look();
    const { user, system } = process.cpuUsage(before);
    if (round > 0) settled.cpu = Math.max(settled.cpu, (user + system) / 1_000);
  }
  delay.disable();
  await new Promise(setImmediate);
  const longest = Math.max(0, ...collections.splice(0).map(({ duration }) => duration));
  now = Math.floor(now / MINUTE) * MINUTE + 1_000;
  if (round === 0) continue;
  settled.redis += (await cpu()) - start;
  settled.longest = Math.max(settled.longest, delay.max / 1e6);
  settled.collection = Math.max(settled.collection, longest);
}
console.log(
  `closing a minute of ${TENANTS} tenants: ${(settled.redis / 3).toFixed(0)} ms of Redis, the loop held for ${settled.longest.toFixed(1)} ms at most`,
);
// What a busy machine adds to the loop's figure is in none of these.
console.log(
  `at most ${settled.cpu.toFixed(1)} ms of CPU in one look, on all threads; ${settled.collection.toFixed(1)} ms in one collection of memory`,
);
observer.disconnect();
const usage = new UsageReader({
  ...RETENTION,
  categories,
  source,
  store: store.usage,
  thresholdOf: (/** @type {unknown} */ _, /** @type {{ threshold: number }} */ { threshold }) => threshold,
});
// While tenants count: what the looks of a minute write before it is over.
{
  const start = await cpu();
  let app = 0;
  for (let second = 0; second < 58; second++) {
    totals = live().map((total) => ({ ...total, isNew: second === 0 }));
    const before = process.cpuUsage();
    await recorder.look();
    const { user, system } = process.cpuUsage(before);
    app += (user + system) / 1_000;
    now += 1_000;
  }
  const ofRedis = (await cpu()) - start;
  console.log(
    `a minute in which ${TENANTS} tenants count each second: ${ofRedis.toFixed(0)} ms of Redis, ${(app / 58).toFixed(1)} ms of the app's CPU per look`,
  );
}
const [first] = await client.keys('bench:usage:{llm_call:project_39}:m/*');
console.log(`kept of one tenant: ${await client.get(first)}`);
totals = live();
await publish();
await recorder.look();
const start = await cpu();
for (let i = 0; i < 20; i++) await usage.top('llm_call', { limit: 20 });
console.log(`the busiest 20 of ${TENANTS} tenants: ${(((await cpu()) - start) / 20).toFixed(1)} ms of Redis`);
for (const tenants of [1_000, 10_000])
  for (const share of [0.1, 1]) {
    await client.flushall('SYNC');
    const before = await memory();
    // As the copy writes them, minute by minute, in blocks of 8 hours.
    const day = Math.floor(Date.now() / MINUTE / 480) * 480 - 3 * 480;
    for (let tenant = 0; tenant < tenants; tenant++)
      await client.eval(
        `for block = 0, 2 do
          for minute = 0, 479 do
            local letters = string.char(65 + math.floor(minute / 26), 65 + minute % 26)
            if (minute * 7 + ARGV[1]) % 10 < ARGV[2] * 10 then redis.call('APPEND', KEYS[1] .. block + ARGV[3], letters .. (ARGV[1] + minute) % 40) end
          end
        end`,
        1,
        `bench:usage:{llm_call:project_${tenant}}:m/`,
        ...[tenant, share, day / 480],
      );
    const used = (await memory()) - before;
    console.log(
      `a day of ${tenants} tenants, active in ${share * 100} % of the minutes: ${(used / 1e6).toFixed(1)} MB`,
    );
  }

await store.close();
await redis.stop();
