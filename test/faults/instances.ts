import type { Cluster, Redis } from 'ioredis';

import { RedisCounterStore } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { LlmController } from '../support/controllers.js';
import type { Counting } from './scene.js';
import { THRESHOLD } from './traffic.js';

/** The default. */
export const WAIT_AT_MOST_MS = 50;

/** Named like its instance, to identify lines in the shared log. */
class NamedStore extends RedisCounterStore {
  constructor(
    client: Redis | Cluster,
    keyPrefix: string,
    override readonly name: string,
  ) {
    super(client, keyPrefix);
  }
}

interface InstanceOptions {
  client: Redis | Cluster;
  keyPrefix: string;
  name: string;
  counting: Counting;
  windowMs: number;
  skewMs?: number;
}

export function startInstance(given: InstanceOptions): Promise<TestApp> {
  const { client, keyPrefix, name, counting, windowMs, skewMs = 0 } = given;
  return startApp({
    fastify: true,
    metadata: { controllers: [LlmController] },
    clock: { now: () => Date.now() + skewMs },
    options: {
      store: new NamedStore(client, keyPrefix, name),
      categories: { llm_call: { threshold: THRESHOLD, windowMs }, evaluations: { threshold: THRESHOLD } },
      counting,
      waitAtMostMs: WAIT_AT_MOST_MS,
      flushIntervalMs: 25,
    },
  });
}

/** The same app with the module disabled. */
export function startUnmonitored(): Promise<TestApp> {
  return startApp({ fastify: true, metadata: { controllers: [LlmController] }, options: { enabled: false } });
}
