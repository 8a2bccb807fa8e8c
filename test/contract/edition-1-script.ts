import type { Redis } from 'ioredis';

import { redisKey } from '../../src/store/redis/counter-key.js';

/** The first edition's publish script as 0.1 has it, byte by byte: replicas of it may run beside this edition during a roll-out. */
const PUBLISH_SCRIPT = `
-- KEYS   one hash for each total
-- ARGV   what all have in common: the instance, expiry in ms, how many levels there are, for each the count above which it is reached;
--        then for each key its own total and the highest level the instance knows to be announced
-- reply  three a key: sum of all totals (text), or the error of a key that cannot be read; highest level announced; level this
--        instance is to announce or 0
local call, pcall, format, tonumber = redis.call, redis.pcall, string.format, tonumber
local me, expiry, levels = ARGV[1], ARGV[2], tonumber(ARGV[3])
local counts = {}
for level = 1, levels do counts[level] = tonumber(ARGV[3 + level]) end
local at, reply = 4 + levels, {}
for i = 1, #KEYS do
  local key, own, known = KEYS[i], ARGV[at], tonumber(ARGV[at + 1])
  at = at + 2
  local state = pcall('HMGET', key, me, 'total', 'level', 'announced')
  if state.err then
    reply[3 * i - 2], reply[3 * i - 1], reply[3 * i] = state.err, 0, 0
  else
    local before = state[2]
    local total, given, announced, announce = tonumber(before or 0), tonumber(state[3] or 0), tonumber(state[4] or 0), 0
    local sum, grown, reached = before or '0', tonumber(own) - tonumber(state[1] or 0), 0
    if grown > 0 then
      total = total + grown
      sum = format('%.17g', total)
      call('HSET', key, me, own, 'total', sum)
    end
    for level = 1, levels do
      if total > counts[level] then reached = level end
    end
    if known > announced then
      announced, given = known, math.max(known, given)
      call('HSET', key, 'announced', announced, 'level', given)
    end
    if reached > given then
      announce = reached
      call('HSET', key, 'level', reached, 'by:' .. reached, me)
    elseif given > announced then
      for level = given, announced + 1, -1 do
        if call('HGET', key, 'by:' .. level) == me then
          announce = level
          break
        end
      end
    end
    if not before then call('PEXPIRE', key, expiry) end
    reply[3 * i - 2], reply[3 * i - 1], reply[3 * i] = sum, announced, announce
  end
end
return reply
`;

/** What the first edition's counter publishes. */
export interface Edition1Total {
  readonly tenant: string;
  readonly window: number;
  readonly instance: string;
  readonly total: number;
  /** The place of the highest level that it knows to be announced. */
  readonly announced: number;
}

/** What it reads of the reply. */
export interface Edition1Counted {
  readonly count: number;
  readonly announced: number;
  /** The place of the level that it is to announce. */
  readonly announce: number;
}

/** Calls the script as the first edition's store does. */
export class Edition1Store {
  constructor(
    private readonly client: Redis,
    private readonly keyPrefix: string,
    private readonly counts: readonly number[],
    private readonly windowMs: number,
  ) {}

  async publish({ tenant, window, instance, total, announced }: Edition1Total): Promise<Edition1Counted> {
    const key = redisKey(this.keyPrefix, { category: 'llm_call', tenant }, String(window));
    const args = [instance, 2 * this.windowMs, this.counts.length, ...this.counts, total, announced];
    const reply = (await this.client.eval(PUBLISH_SCRIPT, 1, key, ...args)) as (string | number)[];
    const count = Number(reply[0]);
    // It takes this for a counter that it can never use.
    if (Number.isNaN(count)) throw new Error(String(reply[0]));
    return { count, announced: Number(reply[1]), announce: Number(reply[2]) };
  }
}
