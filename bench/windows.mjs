// @ts-check
// What each further window of a category costs Redis, and what one window cost in 0.1: CPU of Redis per publish and tenant.
// `npm run build && node bench/windows.mjs`
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { from } from './lib/dist.mjs';
import { unpackV01 } from './lib/of-tests.mjs';
import { RedisServer } from './lib/redis-server.mjs';
import { median, summary } from './lib/statistics.mjs';

const { RedisCounterStore } = await from('index.js');
const { withDefaults } = await from('options/with-defaults.js');
const { levelsOf } = await from('threshold/levels.js');

/** @typedef {{ start: number }} Span */
/** @typedef {{ levels: object[], parts?: number, spanAt(at: number): Span }} Window */

const TENANTS = 100;
const PUBLISHES = 200;
const ROUNDS = 15;
/** Thresholds that nobody reaches. */
const threshold = 1e9;
const WINDOWS = {
  '1 window': [{ threshold }],
  '2 windows': [{ threshold }, { period: 'day', threshold }],
  '3 windows': [{ threshold }, { period: 'day', threshold }, { period: 'month', threshold }],
  '1 sliding window': [{ threshold, sliding: true }],
};

const redis = await RedisServer.start();
const { client } = redis;
/** The package of 0.1, unpacked beside the packages that it needs. */
const v01 = () => {
  const unpacked = fileURLToPath(new URL('../node_modules/.cache/v0-1-bench', import.meta.url));
  unpackV01(unpacked);
  return createRequire(import.meta.url)(unpacked);
};
const store = new RedisCounterStore(client, 'bench');
const firstStore = new (v01().RedisCounterStore)(client, 'first');
for (const one of [store, firstStore]) await new Promise((ready) => one.open(() => ready(undefined)));

const now = Date.now();
const tenants = Array.from({ length: TENANTS }, (_, i) => `project_${i}`);
let published = 0;
const alike = { windowMs: 60_000, window: Math.floor(now / 60_000), levels: [threshold, 5 * threshold] };
const first = () =>
  firstStore.publish(
    tenants.map((tenant) => ({
      ...alike,
      category: 'llm_call',
      tenant,
      instance: 'instance.0',
      total: published,
      announced: 0,
    })),
  );
/** @type {[string, () => Promise<unknown>][]} */
const contestants = [['0.1, 1 window', first]];
for (const [name, windows] of Object.entries(WINDOWS)) {
  const { categories } = withDefaults({ categories: { [name.replaceAll(' ', '_')]: { windows } } }, new Map());
  const [category] = categories.values();
  // As in an app: tenants with the same threshold share their levels, and what they share is sent once.
  const levels = category.windows.map((/** @type {Window} */ window) => levelsOf(threshold, window.levels));
  const own = tenants.flatMap((tenant) =>
    category.windows.map((/** @type {Window} */ window, /** @type {number} */ i) => {
      const span = window.spanAt(now);
      const earlier = [];
      for (let { start } = span; earlier.length + 1 < (window.parts ?? 1);) {
        const before = window.spanAt(start - 1);
        earlier.push(before);
        start = before.start;
      }
      return {
        category: category.name,
        tenant,
        window: span,
        instance: 'instance.0',
        others: 0,
        announced: 0,
        levels: levels[i],
        keepMs: 120_000,
        ...(earlier.length > 0 ? { earlier } : {}),
      };
    }),
  );
  const publish = async () => {
    const answers = await store.publish(
      own.map((/** @type {object} */ one) => ({ ...one, total: published, sent: published - 1 })),
      now,
    );
    const wrong = answers.find((/** @type {{ count: number }} */ answer) => answer.count !== published);
    if (wrong) throw new Error(`counted ${JSON.stringify(wrong)} instead of ${published}`);
  };
  contestants.push([name, publish]);
}

const times = new Map(contestants.map(([name]) => [name, /** @type {number[]} */ ([])]));
for (let round = 0; round < ROUNDS; round++) {
  const start = published;
  // Each round in another order, so that none always comes first.
  for (let i = 0; i < contestants.length; i++) {
    const [name, publish] = /** @type {[string, () => Promise<unknown>]} */ (
      contestants[(i + round) % contestants.length]
    );
    published = start;
    const { cpuUs } = await redis.mark();
    for (let n = 0; n < PUBLISHES; n++) {
      published++;
      await publish();
    }
    const took = ((await redis.mark()).cpuUs - cpuUs) / PUBLISHES / TENANTS;
    // The first round only warms up.
    if (round > 0) times.get(name)?.push(took);
  }
}
console.log(
  `redis ${await redis.version()}; ${TENANTS} tenants, CPU of Redis per publish and tenant, median and middle half\n`,
);
console.log('| | us | compared with 1 window |\n| --- | --- | --- |');
const one = times.get('1 window') ?? [];
for (const [name, took] of times) {
  const { lower, upper } = summary(took);
  const ratio = median(took.map((us, round) => us / (one[round] ?? NaN)));
  console.log(
    `| ${name} | ${median(took).toFixed(2)} (${lower.toFixed(2)}–${upper.toFixed(2)}) | ${ratio.toFixed(2)} |`,
  );
}
await Promise.all([store.close(), firstStore.close()]);
await redis.stop();
