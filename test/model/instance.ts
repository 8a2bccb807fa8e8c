import { Logger } from '@nestjs/common';

import { counted } from '../support/counted.js';
import { Counter } from '../../src/counter/counter.js';
import { completed } from '../support/complete-options.js';
import type { Breach } from '../../src/model/breach.js';
import type { WindowSpan } from '../../src/model/window.js';
import { CATEGORY, STEP_MS, WAIT_AT_MOST_MS } from './settings.js';
import { Link } from './link.js';
import type { World } from './world.js';

/** An instance of the real counter with its own clock and a simulated connection. */
export class Instance {
  isAlive = true;
  private readonly waiting = new Map<Promise<void>, number>();
  private readonly counter: Counter;

  private constructor(
    private readonly world: World,
    readonly link: Link,
    skewMs: number,
  ) {
    link.owner = this;
    const { counting, windows } = world;
    const options = completed({
      categories: { [CATEGORY]: windows.options },
      counting,
      waitAtMostMs: WAIT_AT_MOST_MS,
      flushIntervalMs: STEP_MS,
    });
    const raise = (breach: Breach): Promise<void> => {
      const span = world.spansAt(breach.windowStart).find(({ end }) => end === breach.windowEnd);
      if (this.isAlive) world.noting(() => world.truth.announced(this, breach, span as WindowSpan, world.now));
      return Promise.resolve();
    };
    const clock = { now: () => world.now + skewMs };
    this.counter = new Counter(link, counted(options), options, clock, new Logger(), raise, () => undefined);
  }

  static async start(world: World, skewMs: number): Promise<Instance> {
    const link = new Link(world);
    const instance = new Instance(world, link, skewMs);
    await instance.counter.open();
    return instance;
  }

  count(tenant: string, cost: number): void {
    const { now, truth } = this.world;
    for (const window of this.world.spansAt(now)) truth.counted(this, { category: CATEGORY, tenant, window }, cost);
    const wait = this.counter.add(CATEGORY, { id: tenant }, cost);
    if (!wait) return;
    this.waiting.set(wait, performance.now());
    void wait.then(() => this.waiting.delete(wait));
  }

  /** Since when the request that has waited longest does so. */
  get waitingSince(): number {
    return Math.min(Infinity, ...this.waiting.values());
  }

  read(tenant: string): Promise<number> {
    return this.counter.read(CATEGORY, tenant);
  }

  stop(): Promise<void> {
    return this.counter.close();
  }

  /** Like SIGKILL: requests in flight may still arrive, but replies are lost. */
  kill(): void {
    this.isAlive = false;
    this.waiting.clear();
    this.link.connected = false;
    this.link.call = undefined;
  }
}
