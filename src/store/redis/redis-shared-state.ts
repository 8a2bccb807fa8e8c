import type { Cluster, Redis } from 'ioredis';

import { KEPT_FOR_MS, type SharedState } from '../shared-state.js';

const COMMAND = 'rateMonitorSwap';

/**
 * Changes one record where it is still as it was read.
 *
 * A record is never empty text, so that stands for none.
 */
const SWAP_SCRIPT = `
-- KEYS   the hash of a kind
-- ARGV   id; what is expected there, or nothing; what is to be there, or nothing; expiry in ms
-- reply  1, or 0 where something else is there
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return 1
`;

interface Scripted {
  [COMMAND](key: string, ...args: (string | number)[]): Promise<number>;
}

/** Keeps state in Redis: a hash for each kind of record, a list for each log, all on one node of a Cluster. */
export class RedisSharedState implements SharedState {
  /** @param connection Of the store that this is the state of: opened and closed by that. */
  constructor(
    private readonly connection: Redis | Cluster,
    private readonly keyPrefix: string,
  ) {
    connection.defineCommand(COMMAND, { lua: SWAP_SCRIPT, numberOfKeys: 1 });
  }

  async list(kind: string): Promise<Map<string, string>> {
    return new Map(Object.entries(await this.connection.hgetall(this.key(kind))));
  }

  async read(kind: string, id: string): Promise<string | undefined> {
    return (await this.connection.hget(this.key(kind), id)) ?? undefined;
  }

  async swap(kind: string, id: string, expected = '', next = ''): Promise<boolean> {
    const scripted = this.connection as unknown as Scripted;
    return (await scripted[COMMAND](this.key(kind), id, expected, next, KEPT_FOR_MS)) === 1;
  }

  async append(log: string, entries: readonly string[], most: number): Promise<void> {
    const key = this.key(log);
    await this.connection
      .multi()
      .lpush(key, ...entries)
      .ltrim(key, 0, most - 1)
      .pexpire(key, KEPT_FOR_MS)
      .exec();
  }

  newest(log: string): Promise<string[]> {
    return this.connection.lrange(this.key(log), 0, -1);
  }

  async claim(work: string, forMs: number): Promise<boolean> {
    return (await this.connection.set(this.key(`claim:${work}`), '1', 'PX', forMs, 'NX')) === 'OK';
  }

  private key(name: string): string {
    return `${this.keyPrefix}:{alerts}:${name}`;
  }
}
