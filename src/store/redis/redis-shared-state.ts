import { randomBytes } from 'node:crypto';

import type { Cluster, Redis } from 'ioredis';

import { KEPT_FOR_MS, type DueRecords, type V01State, type SharedState, type Swapped } from '../shared-state.js';

/** The field of a kind's hash, and the member of its set of due times, that shows whether either was lost. No record has an empty id. */
const GENERATION = '';

const RENEW_EVERY_MS = 3_600_000;
/** The most records that one call swaps; more would block other clients of Redis. */
const MAX_SWAPS = 100;

/** A swap that is sent together with others of the same turn. */
interface Swap {
  readonly args: readonly [id: string, expected: string, next: string, due: number | ''];
  readonly resolve: (swapped: Swapped) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Empty text means no record: a record is never empty.
 *
 * Every script sets an expiry before it writes, so that a user without that right is refused before there is a key, which would never
 * expire.
 */
const SWAP = `
-- KEYS   a kind's records (hash), when they are due, when they were first written (sorted sets)
-- ARGV   expiry in ms; 1 to renew it; then for each record its id; the expected text, or ''; the new text, or ''; when it is due, or ''
-- reply  for each record 1, or the text found instead ('' for none)
local expiry, renew, replies = ARGV[1], ARGV[2] == '1', {}
redis.call('PEXPIRE', KEYS[1], expiry)
for i = 3, #ARGV, 4 do
  local id, expected, after, due = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local found = redis.call('HGET', KEYS[1], id) or ''
  if found ~= expected then
    replies[#replies + 1] = found
  else
    replies[#replies + 1] = 1
    if after == '' or due == '' then
      redis.call('ZREM', KEYS[2], id)
    elseif redis.call('ZADD', KEYS[2], due, id) == 1 then
      -- The first member creates the set, which has no expiry yet.
      renew = true
    end
    if after == '' then
      redis.call('ZREM', KEYS[3], id)
    elseif found == '' then
      renew = true
      local now = redis.call('TIME')
      redis.call('ZADD', KEYS[3], now[1] * 1000000 + now[2], id)
    end
    -- Last, because a script is not undone if one of its commands is refused: a record that was not set must not turn up later.
    if after == '' then
      redis.call('HDEL', KEYS[1], id)
    else
      redis.call('HSET', KEYS[1], id, after)
    end
  end
end
if renew then
  for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], expiry) end
end
return replies
`;

const LIST = `
-- KEYS   a kind's records, when they were first written
-- ARGV   how many at most; expiry in ms
-- reply  id and record of each, the newest first
local reply = {}
-- Redis may evict only the set. Then the order is lost, but no record.
local records = redis.call('HLEN', KEYS[1]) - redis.call('HEXISTS', KEYS[1], '${GENERATION}')
if records > redis.call('ZCARD', KEYS[2]) then
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    if all[i] ~= '${GENERATION}' then redis.call('ZADD', KEYS[2], 'NX', 0, all[i]) end
  end
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
for _, id in ipairs(redis.call('ZREVRANGE', KEYS[2], 0, ARGV[1] - 1)) do
  local record = redis.call('HGET', KEYS[1], id)
  if record then
    reply[#reply + 1] = id
    reply[#reply + 1] = record
  end
end
return reply
`;

const DUE = `
-- KEYS   a kind's records, when they are due
-- ARGV   the time; how many at most; a name for the generation if there is none; expiry in ms
-- reply  the generation, then the ids that are due, longest first
redis.call('PEXPIRE', KEYS[2], ARGV[4])
if redis.call('ZADD', KEYS[2], 'NX', '+inf', '${GENERATION}') == 1 then
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
  redis.call('HDEL', KEYS[1], '${GENERATION}')
end
if redis.call('HSETNX', KEYS[1], '${GENERATION}', ARGV[3]) == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
local reply = { redis.call('HGET', KEYS[1], '${GENERATION}') }
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])) do
  if redis.call('HEXISTS', KEYS[1], id) == 1 then reply[#reply + 1] = id else redis.call('ZREM', KEYS[2], id) end
end
return reply
`;

const TRIM = `
-- KEYS   a kind's records, when they are due, when they were first written
-- ARGV   how many are kept, the newest
for _, id in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1 - ARGV[1])) do
  redis.call('HDEL', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
end
`;

const CLAIM = `
-- KEYS   the lease
-- ARGV   who wants it; for how long, in ms
-- reply  1, or 0 if somebody else has it
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`;

const RELEASE = `
-- KEYS   the lease
-- ARGV   its owner
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
`;

const SCRIPTS = {
  rateMonitorStateSwap: { lua: SWAP, numberOfKeys: 3 },
  rateMonitorStateList: { lua: LIST, numberOfKeys: 2 },
  rateMonitorStateDue: { lua: DUE, numberOfKeys: 2 },
  rateMonitorStateTrim: { lua: TRIM, numberOfKeys: 3 },
  rateMonitorStateClaim: { lua: CLAIM, numberOfKeys: 1 },
  rateMonitorStateRelease: { lua: RELEASE, numberOfKeys: 1 },
};

type Scripted = Record<keyof typeof SCRIPTS, (...keysAndArgs: (string | number)[]) => Promise<unknown>>;

/**
 * Keeps state in Redis. A kind is a hash of records and two sorted sets, a lease is a key that expires; all of it is on one node of a
 * Cluster. Version 0.1's keys have no `v2` in their names.
 */
export class RedisSharedState implements SharedState {
  private readonly scripted: Scripted;
  private readonly renewedAt = new Map<string, number>();
  private readonly swaps = new Map<string, Swap[]>();

  /** @param connection - The connection of the store that owns this state, which opens and closes it. */
  constructor(
    private readonly connection: Redis | Cluster,
    private readonly keyPrefix: string,
  ) {
    for (const [name, script] of Object.entries(SCRIPTS)) connection.defineCommand(name, script);
    this.scripted = connection as unknown as Scripted;
  }

  async list(kind: string, most = 1_000): Promise<Map<string, string>> {
    const [records, , written] = this.keys(kind);
    const reply = (await this.scripted.rateMonitorStateList(records, written, most, KEPT_FOR_MS)) as string[];
    const list = new Map<string, string>();
    for (let i = 0; i < reply.length; i += 2) list.set(reply[i] as string, reply[i + 1] as string);
    return list;
  }

  async read(kind: string, ids: readonly string[]): Promise<(string | undefined)[]> {
    if (ids.length === 0) return [];
    const found = await this.connection.hmget(this.keys(kind)[0], ...ids);
    return found.map((text) => text ?? undefined);
  }

  /** All swaps of one turn of the event loop are sent as one call, so many records cost little more than one. */
  swap(kind: string, id: string, expected = '', next = '', due?: number): Promise<Swapped> {
    return new Promise((resolve, reject) => {
      const swap: Swap = { args: [id, expected, next, due ?? ''], resolve, reject };
      const waiting = this.swaps.get(kind);
      if (waiting && waiting.length < MAX_SWAPS) return void waiting.push(swap);
      const swaps = [swap];
      this.swaps.set(kind, swaps);
      queueMicrotask(() => {
        if (this.swaps.get(kind) === swaps) this.swaps.delete(kind);
        void this.swapAll(kind, swaps);
      });
    });
  }

  private async swapAll(kind: string, swaps: readonly Swap[]): Promise<void> {
    try {
      const args = swaps.flatMap((swap) => swap.args);
      const renew = this.isToRenew(kind) ? 1 : 0;
      const replies = await this.scripted.rateMonitorStateSwap(...this.keys(kind), KEPT_FOR_MS, renew, ...args);
      for (const [i, { resolve }] of swaps.entries()) {
        const reply = (replies as unknown[])[i];
        resolve(reply === 1 ? { swapped: true } : { swapped: false, found: String(reply) || undefined });
      }
    } catch (error) {
      for (const { reject } of swaps) reject(error);
    }
  }

  async due(kind: string, until: number, most: number): Promise<DueRecords> {
    const [records, due] = this.keys(kind);
    const name = randomBytes(9).toString('base64url');
    const reply = (await this.scripted.rateMonitorStateDue(records, due, until, most, name, KEPT_FOR_MS)) as string[];
    const [generation, ...ids] = reply as [string, ...string[]];
    return { ids, generation, ...(generation === name ? { isNew: true } : {}) };
  }

  async size(kind: string): Promise<number> {
    const [records] = this.keys(kind);
    const [all, marks] = await Promise.all([
      this.connection.hlen(records),
      this.connection.hexists(records, GENERATION),
    ]);
    return all - marks;
  }

  async trim(kind: string, most: number): Promise<void> {
    await this.scripted.rateMonitorStateTrim(...this.keys(kind), most);
  }

  async claim(lease: string, owner: string, forMs: number): Promise<boolean> {
    return (await this.scripted.rateMonitorStateClaim(this.key(`lease:${lease}`), owner, forMs)) === 1;
  }

  async release(lease: string, owner: string): Promise<void> {
    await this.scripted.rateMonitorStateRelease(this.key(`lease:${lease}`), owner);
  }

  get v01(): V01State {
    const { connection } = this;
    const keyOf = (name: string): string => `${this.keyPrefix}:{alerts}:${name}`;
    return {
      isAlive: async () => (await connection.exists(keyOf('claim:sweep'))) === 1,
      list: async (kind) => new Map(Object.entries(await connection.hgetall(keyOf(kind)))),
      write: async (kind, id, text) => {
        await connection.pexpire(keyOf(kind), KEPT_FOR_MS);
        await Promise.all([connection.hset(keyOf(kind), id, text), connection.pexpire(keyOf(kind), KEPT_FOR_MS)]);
      },
      remove: async (kind, id, isIt) => {
        const text = await connection.hget(keyOf(kind), id);
        if (text !== null && isIt(text)) await connection.hdel(keyOf(kind), id);
      },
    };
  }

  /** Once an hour is often enough for an expiry of 30 days. */
  private isToRenew(kind: string): boolean {
    const now = performance.now();
    if (now < (this.renewedAt.get(kind) ?? -Infinity) + RENEW_EVERY_MS) return false;
    this.renewedAt.set(kind, now);
    return true;
  }

  private keys(kind: string): [records: string, due: string, written: string] {
    const records = this.key(kind);
    return [records, `${records}:due`, `${records}:written`];
  }

  private key(name: string): string {
    return `${this.keyPrefix}:{alerts}:v2:${name}`;
  }
}
