// @ts-check
// What one more tenant costs a process in memory.
import { setTimeout as sleep } from 'node:timers/promises';

import { ThrottlerStorageService } from '@nestjs/throttler';
import prometheus from 'prom-client';
import { RateLimiterMemory } from 'rate-limiter-flexible';

import { answer, argument } from '../lib/answers.mjs';
import { createApp } from './create-app.mjs';

/** @typedef {(id: string) => unknown} Counter */

/** So long that no window ends, and nothing is let go, while tenants are added. */
const WINDOW_MS = 86_400_000;

const LOOK_AFTER_MS = 10_000;
const MAX_LOOKS = 30;
/** A part of the heap. */
const SETTLED_WITHIN = 0.002;

/** @type {Record<string, () => Counter | Promise<Counter>>} */
const COUNTERS = {
  'plain Map': () => {
    const counts = new Map();
    return (id) => counts.set(id, 1);
  },

  'prom-client counter': () => {
    const counter = new prometheus.Counter({
      name: 'requests_of_tenants',
      help: 'requests',
      labelNames: ['category', 'tenant'],
    });
    return (id) => counter.inc({ category: 'llm_call', tenant: id });
  },

  'throttler, memory': () => {
    const storage = new ThrottlerStorageService();
    return (id) => storage.increment(id, WINDOW_MS, 1_000, 0, 'llm_call');
  },

  'rate-limiter-flexible, memory': () => {
    // Its own timers count in 32 bits.
    const limiter = new RateLimiterMemory({ points: 1_000, duration: 86_400 });
    return (id) => limiter.consume(id);
  },

  'rate-monitor, auto': () => monitor('rate-monitor, auto'),

  'rate-monitor, auto (other)': () => monitor('rate-monitor, auto (other)'),
};

const count = await COUNTERS[argument.contestant]();

answer({
  /** @param {{ tenants: number }} options */
  async measure({ tenants }) {
    const before = used();
    for (let i = 0; i < tenants; i++) {
      const counted = count(`tenant-${i}`);
      if (counted instanceof Promise && i % 1_000 === 0) await counted;
    }
    const after = await settled();
    return { heapBytes: (after.heap - before.heap) / tenants, rssBytes: (after.rss - before.rss) / tenants };
  },
});

/** What is used once nothing more is let go: the monitor publishes all tenants, writes their usage, and forgets what only an alert needs. */
async function settled() {
  let after = used();
  for (let looks = 0; looks < MAX_LOOKS; looks++) {
    await sleep(LOOK_AFTER_MS);
    const before = after;
    after = used();
    if (Math.abs(after.heap - before.heap) < before.heap * SETTLED_WITHIN) break;
  }
  return after;
}

function used() {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  return { heap: heapUsed, rss };
}

/**
 * @param {string} contestant
 * @returns {Promise<Counter>}
 */
async function monitor(contestant) {
  const categories = { llm_call: { threshold: 1_000, windowMs: WINDOW_MS } };
  const options = { categories, maxTrackedTenants: 2_000_000 };
  const app = await createApp({ ...argument, contestant, options });
  await app.init();
  const { RateCounterService } = await import(
    contestant.endsWith('(other)') ? 'nestjs-rate-monitor-other' : 'nestjs-rate-monitor'
  );
  const counter = app.get(RateCounterService);
  return (id) => counter.increment('llm_call', { id, name: id });
}
