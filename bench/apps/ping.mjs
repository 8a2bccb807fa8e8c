// @ts-check
// A round trip to Redis, as ioredis makes it.
import { Redis } from 'ioredis';

import { answer, argument } from '../lib/answers.mjs';
import { Latencies } from '../lib/latencies.mjs';

const TIMES = 2_000;

const client = new Redis({ port: argument.port, host: '127.0.0.1' });

answer({
  async measure() {
    const latencies = new Latencies();
    for (let i = 0; i < TIMES; i++) {
      const sentAt = performance.now();
      await client.ping();
      latencies.record(performance.now() - sentAt);
    }
    return { p50Us: latencies.percentile(0.5), p99Us: latencies.percentile(0.99) };
  },
});
