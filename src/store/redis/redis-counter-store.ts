import type { Cluster, Redis } from 'ioredis';

import { RedisSharedState } from './redis-shared-state.js';
import { RedisUsageStore } from './redis-usage-store.js';
import { redisKey } from './counter-key.js';
import type { CounterKey, CounterStore, OwnTotal, Published, Refused } from '../counter-store.js';
import { PUBLISH_SCRIPT, type ScriptReply } from './publish-script.js';
import { addressOf, ownConnection } from './redis-connection.js';

const COMMAND = 'rateMonitorPublish';

/** Of a connection that has ended and is not yet taken for lost. */
const NOT_WRITTEN = /isn't writeable/;

interface Scripted {
  [COMMAND](keys: number, keysAndArgs: (string | number)[]): Promise<ScriptReply>;
}

/** Counts in Redis, shared by all instances: one hash for each tenant, category and window, written by one script. */
export class RedisCounterStore implements CounterStore {
  readonly name: string;
  readonly state: RedisSharedState;
  readonly usage: RedisUsageStore;
  private readonly connection: Redis | Cluster;
  /** Why there is no connection, where there is none. */
  private fault: Error | undefined;

  /**
   * @param client - An ioredis client or Cluster. It is left alone: the store opens a connection of its own with the same settings.
   * @param keyPrefix - What every key begins with, behind the client's own prefix.
   */
  constructor(
    client: Redis | Cluster,
    private readonly keyPrefix = 'rate_monitor',
  ) {
    this.name = addressOf(client);
    this.connection = ownConnection(client);
    this.connection.defineCommand(COMMAND, { lua: PUBLISH_SCRIPT });
    this.state = new RedisSharedState(this.connection, keyPrefix);
    this.usage = new RedisUsageStore(this.connection, keyPrefix);
  }

  open(ready: () => void): void {
    this.connection.on('error', (fault: Error) => (this.fault = fault));
    this.connection.on('ready', () => {
      this.fault = undefined;
      ready();
    });
    this.connection.connect().catch(() => undefined);
  }

  async publish(totals: readonly OwnTotal[]): Promise<Published[]> {
    const calls = this.connection.isCluster ? totals.map((total) => [total]) : together(totals);
    // Most often: the requests of one category.
    if (calls.length === 1) return this.call(totals);
    const answers = new Map<OwnTotal, Published>();
    await Promise.all(
      calls.map(async (alike) => {
        const published = await this.call(alike);
        alike.forEach((total, i) => answers.set(total, published[i] as Published));
      }),
    );
    return totals.map((total) => answers.get(total) as Published);
  }

  async read(key: CounterKey): Promise<number> {
    return Number((await this.connection.hget(redisKey(this.keyPrefix, key), 'total')) ?? 0);
  }

  async time(): Promise<number> {
    const [seconds, microseconds] = await this.connection.time();
    return Number(seconds) * 1_000 + Number(microseconds) / 1_000;
  }

  close(): Promise<void> {
    this.connection.disconnect();
    return Promise.resolve();
  }

  private async call(totals: readonly OwnTotal[]): Promise<Published[]> {
    const [{ instance, windowMs, levels }] = totals as [OwnTotal];
    const keysAndArgs: (string | number)[] = totals.map((total) => redisKey(this.keyPrefix, total));
    keysAndArgs.push(instance, 2 * windowMs, levels.length, ...levels);
    for (const { total, announced } of totals) keysAndArgs.push(total, announced);
    try {
      const reply = await (this.connection as unknown as Scripted)[COMMAND](totals.length, keysAndArgs);
      return totals.map((_, i) => readReply(reply, 3 * i));
    } catch (error) {
      return totals.map(() => this.refusal(error as Error));
    }
  }

  /** Of a lost connection ioredis says only that it cannot write; why, its last error says, once there was one. */
  private refusal(error: Error): Refused {
    if (this.fault) return refusal(this.fault.message);
    const isLost = this.connection.status !== 'ready' || NOT_WRITTEN.test(error.message);
    return refusal(isLost ? 'the connection was lost' : error.message);
  }
}

/** Totals by what the script is told once for all of a call. */
function together(totals: readonly OwnTotal[]): OwnTotal[][] {
  const calls: [OwnTotal, ...OwnTotal[]][] = [];
  for (const total of totals) {
    const alike = calls.find(([first]) => isAlike(first, total));
    if (alike) alike.push(total);
    else calls.push([total]);
  }
  return calls;
}

function isAlike(one: OwnTotal, other: OwnTotal): boolean {
  return (
    one.instance === other.instance &&
    one.levels.length === other.levels.length &&
    one.levels.every((count, i) => count === other.levels[i])
  );
}

function readReply(reply: ScriptReply, at: number): Published {
  const count = Number(reply[at]);
  if (Number.isNaN(count)) return refusal(String(reply[at]));
  return { count, announced: Number(reply[at + 1]), announce: Number(reply[at + 2]) };
}

/** Errors that no second try will mend: the key holds something else, or this user may not write it. */
function refusal(message: string): Refused {
  return { refused: message, forGood: /WRONGTYPE|NOPERM/.test(message) };
}
