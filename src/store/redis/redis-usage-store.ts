import type { ChainableCommander, Cluster, Redis } from 'ioredis';

import { chunks } from '../../util/chunks.js';
import { around, decodeTenant, encodeTenant } from './counter-key.js';
import {
  CLAIM_SCRIPT,
  CLOSE_SUM_SCRIPT,
  COPIED_SCRIPT,
  COPY_SCRIPT,
  minuteLetters,
  PEAKS_SCRIPT,
  readPoints,
  TAKE_AND_COPY_SCRIPT,
  TAKE_SCRIPT,
} from './usage-scripts.js';
import {
  BLOCK_SLOTS,
  blockOf,
  blocksOf,
  HOUR_SLOTS,
  MAX_LIVE,
  MAX_PEAKS,
  SLOT_MS,
  type SeenTenant,
  type SlotCounts,
  type TenantCount,
  type UsageReport,
  type UsageRetention,
  type UsageStore,
  type UsageUnit,
} from '../usage-store.js';

/** Members in one command: few enough to block neither Redis nor the event loop. */
const CHUNK = 500;
/** Sets that hold the waiting tenants of a unit: with 10,000 tenants each is small enough to be taken whole. */
const PARTS = 32;
/** How long tenants may wait to be copied. Their counters are gone by then, unless windows are long. */
const WAITING_MS = 15 * SLOT_MS;
/** The instances' counts of a slot are added up in the next one; a late replica still finds them for this many slots. */
const SUM_SLOTS = 10;
/** From this many fields on, reading a whole block is cheaper than naming them. */
const MAX_NAMED_FIELDS = 120;
/** Number of tenants of a category that are sampled to estimate the storage of all. */
const SAMPLED = 20;

interface Scripted {
  rateMonitorTakeAndCopy(keys: number, ...keysAndArgs: (string | number)[]): Promise<string[]>;
  rateMonitorCopy(keys: number, ...keysAndArgs: (string | number)[]): Promise<string>;
  rateMonitorTake(keys: number, ...keysAndArgs: (string | number)[]): Promise<string[]>;
  rateMonitorCopied(copying: string, count: number, one: string): Promise<number>;
  rateMonitorClaim(keys: number, ...keysAndArgs: (string | number)[]): Promise<number>;
  rateMonitorCloseSum(sums: string, totals: string, slot: number, expiry: number): Promise<string>;
  rateMonitorPeaks(key: string, ...args: (string | number)[]): Promise<number>;
}

/**
 * Keeps usage in Redis. A category's keys (its name in capitals) are on one node of a Cluster, a tenant's history on that of its counters:
 *
 * - `usage:{CATEGORY}:live/<window>/<span>`  ZSET, the busiest tenants of a window
 * - `usage:{CATEGORY}:near/<window>/<span>`  ZSET, those nearest to their thresholds, by the ratio
 * - `usage:{CATEGORY}:waiting/<unit>/<part>`  set of encoded tenants to copy once the unit is over; then in `copying/<unit>`, by the replica in `copier/<unit>`
 * - `usage:{CATEGORY}:sums/<slot>`           hash, what each instance counted in a minute
 * - `usage:{CATEGORY}:totals/<block>`        hash, the sums of 8 hours
 * - `usage:{CATEGORY}:seen/<block>`          hash, each tenant's thresholds and name
 * - `usage:{CATEGORY}:peaks/<hour>`          hash, the highest counts of an hour
 * - `usage:{CATEGORY}:about`                 hash, the category's windows, for the command line
 * - `usage:{category:tenant}:m/<block>`      text, a tenant's counts of the minutes of 8 hours, in the order in which they were copied
 */
export class RedisUsageStore implements UsageStore {
  private readonly scripted: Scripted;

  /** @param connection - The counter store's connection, which that store opens and closes. */
  constructor(
    private readonly connection: Redis | Cluster,
    private readonly keyPrefix: string,
  ) {
    connection.defineCommand('rateMonitorTakeAndCopy', { lua: TAKE_AND_COPY_SCRIPT });
    connection.defineCommand('rateMonitorCopy', { lua: COPY_SCRIPT });
    connection.defineCommand('rateMonitorTake', { lua: TAKE_SCRIPT });
    connection.defineCommand('rateMonitorCopied', { lua: COPIED_SCRIPT, numberOfKeys: 1 });
    connection.defineCommand('rateMonitorClaim', { lua: CLAIM_SCRIPT });
    connection.defineCommand('rateMonitorCloseSum', { lua: CLOSE_SUM_SCRIPT, numberOfKeys: 2 });
    connection.defineCommand('rateMonitorPeaks', { lua: PEAKS_SCRIPT, numberOfKeys: 1 });
    this.scripted = connection as unknown as Scripted;
  }

  async report(
    { category, instance, sums, active, seen, tops, about }: UsageReport,
    retention: UsageRetention,
  ): Promise<void> {
    // First, so that a user without the right to set an expiry is refused before there is a key, which would never expire.
    await this.connection.pexpire(this.key(category, 'about'), blockExpiry(retention));
    let commands = this.connection.pipeline();
    let entries = 0;
    // One pipeline of 100,000 commands would block the event loop for a second.
    const sendIfFull = async (more: number): Promise<void> => {
      if ((entries += more) < CHUNK) return;
      const full = commands;
      commands = this.connection.pipeline();
      entries = 0;
      await executed(full);
    };
    for (const { slot, count } of sums) {
      const key = this.key(category, `sums/${slot}`);
      commands.hset(key, instance, count).pexpire(key, SUM_SLOTS * SLOT_MS);
    }
    for (const { unit, tenants } of active) {
      for (const [part, members] of inParts(tenants.map(encodeTenant))) {
        const key = this.waitingKey(unit, part);
        for (const some of chunks(members, CHUNK)) {
          commands.sadd(key, ...some).pexpire(key, WAITING_MS);
          await sendIfFull(some.length);
        }
      }
    }
    for (const { block, tenants } of seen) {
      const key = this.key(category, `seen/${block}`);
      for (const some of chunks([...tenants], CHUNK)) {
        for (const [tenant, about] of some) {
          if (about.name === '' && !about.thresholds) commands.hsetnx(key, tenant, write(about));
          else commands.hset(key, tenant, write(about));
        }
        commands.pexpire(key, blockExpiry(retention));
        await sendIfFull(some.length);
      }
    }
    const addHighest = (key: string, keepMs: number, scores: (string | number)[]): void => {
      if (scores.length === 0) return;
      commands.zadd(key, 'GT', ...scores);
      commands.zremrangebyrank(key, 0, -MAX_LIVE - 1).pexpire(key, keepMs);
    };
    for (const { window, span, keepMs, counts, near } of tops) {
      const scores = counts.flatMap(({ tenant, count }) => [count, tenant]);
      addHighest(this.key(category, `live/${window}/${span}`), keepMs, scores);
      const ratios = near.flatMap(({ tenant, ratio }) => [ratio, tenant]);
      addHighest(this.key(category, `near/${window}/${span}`), keepMs, ratios);
    }
    for (const window of about) {
      const key = this.key(category, 'about');
      commands.hset(key, window.name, JSON.stringify(window)).pexpire(key, blockExpiry(retention));
    }
    if (commands.length > 0) await executed(commands);
  }

  claimCopy(unit: UsageUnit, instance: string, leaseMs: number): Promise<number> {
    const keys = [this.key(unit.category, `copier/${unit.key}`), ...this.setsOf(unit)];
    return this.scripted.rateMonitorClaim(keys.length, ...keys, instance, leaseMs, WAITING_MS);
  }

  async copy(unit: UsageUnit, most: number, above: number, retention: UsageRetention): Promise<TenantCount[]> {
    const sets = this.setsOf(unit);
    if (this.connection.isCluster) return this.copyOneByOne(unit, sets, most, above, retention);
    const [history, counters] = this.keysAround(unit);
    const args = [
      ...[most, WAITING_MS, minuteLetters(unit.slot % BLOCK_SLOTS), blockExpiry(retention)],
      ...[Number(unit.sharesSlot ?? false), above],
      ...[history, ...counters].flatMap(([before, after]) => [this.clientPrefix + before, after]),
    ];
    const found = await this.scripted.rateMonitorTakeAndCopy(sets.length, ...sets, ...args);
    return Array.from(pairs(found), ([tenant, count]) => ({ tenant: decodeTenant(tenant), count: Number(count) }));
  }

  async closeSum(category: string, slot: number, retention: UsageRetention): Promise<void> {
    const [sums, totals] = [this.key(category, `sums/${slot}`), this.key(category, `totals/${blockOf(slot)}`)];
    await this.scripted.rateMonitorCloseSum(sums, totals, slot, blockExpiry(retention));
  }

  async addPeaks(
    category: string,
    hour: number,
    counts: readonly TenantCount[],
    { hourlyRetentionMs }: UsageRetention,
  ): Promise<void> {
    if (counts.length === 0) return;
    const args = counts.flatMap(({ tenant, count }) => [tenant, count]);
    await this.scripted.rateMonitorPeaks(this.key(category, `peaks/${hour}`), MAX_PEAKS, hourlyRetentionMs, ...args);
  }

  async top(category: string, window: string, span: string, limit: number): Promise<TenantCount[]> {
    const key = this.key(category, `live/${window}/${span}`);
    const found = await this.connection.zrevrange(key, 0, limit - 1, 'WITHSCORES');
    return Array.from(pairs(found), ([tenant, count]) => ({ tenant, count: Number(count) }));
  }

  near(category: string, window: string, span: string): Promise<string[]> {
    return this.connection.zrevrange(this.key(category, `near/${window}/${span}`), 0, MAX_LIVE - 1);
  }

  async history(category: string, tenants: readonly string[], from: number, to: number): Promise<SlotCounts[]> {
    return Promise.all(
      tenants.map((tenant) => readHistory(this.connection, this.keyPrefix, category, tenant, from, to)),
    );
  }

  async totals(category: string, from: number, to: number): Promise<SlotCounts> {
    const counts = await this.closedSums(category, from, to);
    const open = Array.from({ length: Math.min(to - from + 1, 5) }, (_, i) => to - i);
    const sums = await Promise.all(open.map((slot) => this.connection.hvals(this.key(category, `sums/${slot}`))));
    open.forEach((slot, i) => {
      const sum = (sums[i] ?? []).reduce((all, count) => all + Number(count), 0);
      if (sum > (counts.get(slot) ?? 0)) counts.set(slot, sum);
    });
    return counts;
  }

  async peaks(category: string, hours: readonly number[]): Promise<TenantCount[][]> {
    const found = await Promise.all(hours.map((hour) => this.connection.hgetall(this.key(category, `peaks/${hour}`))));
    return found.map((peaks) =>
      Object.entries(peaks)
        .map(([tenant, count]) => ({ tenant, count: Number(count) }))
        .sort((a, b) => b.count - a.count || (a.tenant < b.tenant ? 1 : -1))
        .slice(0, MAX_PEAKS),
    );
  }

  async seen(category: string, block: number): Promise<Map<string, SeenTenant>> {
    const key = this.key(category, `seen/${block}`);
    const seen = new Map<string, SeenTenant>();
    let cursor = '0';
    do {
      const [next, found] = await this.connection.hscan(key, cursor, 'COUNT', CHUNK);
      for (const [tenant, about] of pairs(found)) seen.set(tenant, read(about));
      cursor = next;
    } while (cursor !== '0');
    return seen;
  }

  async seenOf(category: string, block: number, tenants: readonly string[]): Promise<(SeenTenant | undefined)[]> {
    if (tenants.length === 0) return [];
    const found = await this.connection.hmget(this.key(category, `seen/${block}`), ...tenants);
    return found.map((about) => (about === null ? undefined : read(about)));
  }

  seenCount(category: string, block: number): Promise<number> {
    return this.connection.hlen(this.key(category, `seen/${block}`));
  }

  async bytes(
    category: string,
    now: number,
    { retentionMs, hourlyRetentionMs }: UsageRetention,
  ): Promise<number | undefined> {
    const slot = Math.floor(now / SLOT_MS);
    const blocks = blocksOf(slot - Math.ceil(retentionMs / SLOT_MS), slot);
    try {
      const sizes = await Promise.all(blocks.map((block) => this.blockBytes(category, block)));
      const peaks = await this.memory(this.key(category, `peaks/${Math.floor(slot / HOUR_SLOTS)}`));
      return sizes.reduce((sum, size) => sum + size, 0) + (peaks * hourlyRetentionMs) / (HOUR_SLOTS * SLOT_MS);
    } catch {
      // The minimal permissions do not include MEMORY.
      return undefined;
    }
  }

  private async blockBytes(category: string, block: number): Promise<number> {
    const [, some] = await this.connection.hscan(this.key(category, `seen/${block}`), '0', 'COUNT', SAMPLED);
    const sample = Array.from(pairs(some), ([tenant]) => tenant).slice(0, SAMPLED);
    const [tenants, seen, totals, ...sampled] = await Promise.all([
      this.seenCount(category, block),
      this.memory(this.key(category, `seen/${block}`)),
      this.memory(this.key(category, `totals/${block}`)),
      ...sample.map((tenant) => this.memory(historyKey(this.keyPrefix, category, tenant, block))),
    ]);
    const each = sampled.reduce((sum, bytes) => sum + bytes, 0) / Math.max(sampled.length, 1);
    return seen + totals + each * tenants;
  }

  private async memory(key: string): Promise<number> {
    return (await this.connection.memory('USAGE', this.clientPrefix + key)) ?? 0;
  }

  /** The client adds its own prefix to declared keys. Key names in other arguments need it too. */
  private get clientPrefix(): string {
    return this.connection.options.keyPrefix ?? '';
  }

  private async closedSums(category: string, from: number, to: number): Promise<Map<number, number>> {
    const counts = new Map<number, number>();
    await Promise.all(
      blocksOf(from, to).map(async (block) => {
        const [first, last] = [Math.max(from, block * BLOCK_SLOTS), Math.min(to, (block + 1) * BLOCK_SLOTS - 1)];
        const key = this.key(category, `totals/${block}`);
        if (last - first < MAX_NAMED_FIELDS) {
          const fields = Array.from({ length: last - first + 1 }, (_, i) => String(first + i));
          const found = await this.connection.hmget(key, ...fields);
          found.forEach((count, i) => count !== null && counts.set(first + i, Number(count)));
        } else {
          for (const [slot, count] of Object.entries(await this.connection.hgetall(key)))
            if (Number(slot) >= first && Number(slot) <= last) counts.set(Number(slot), Number(count));
        }
      }),
    );
    return counts;
  }

  /** For a Cluster, where tenants and the sets of waiting tenants are on different nodes. */
  private async copyOneByOne(
    unit: UsageUnit,
    sets: [string, ...string[]],
    most: number,
    above: number,
    retention: UsageRetention,
  ): Promise<TenantCount[]> {
    const tenants = await this.scripted.rateMonitorTake(sets.length, ...sets, most, WAITING_MS);
    const [first] = tenants;
    if (first === undefined) return [];
    const [history, counters] = this.keysAround(unit);
    const args = [
      minuteLetters(unit.slot % BLOCK_SLOTS),
      blockExpiry(retention),
      Number(unit.sharesSlot ?? false),
    ] as const;
    const counts = await Promise.all(
      tenants.map((tenant) => {
        const keys = [history, ...counters].map((parts) => parts.join(tenant));
        return this.scripted.rateMonitorCopy(keys.length, ...keys, ...args);
      }),
    );
    const isAll = await this.scripted.rateMonitorCopied(sets[0], tenants.length, first);
    if (isAll === 0) await this.connection.srem(sets[0], ...tenants);
    return tenants
      .map((tenant, i) => ({ tenant: decodeTenant(tenant), count: Number(counts[i] || NaN) }))
      .filter(({ count }) => count > above);
  }

  /** The text before and after a tenant in the key of its history, and of each counter of the unit. */
  private keysAround({ category, slot, counters }: UsageUnit): [[string, string], [string, string][]] {
    const [before, after] = around(this.keyPrefix, category);
    return [aroundHistory(this.keyPrefix, category, blockOf(slot)), counters.map((span) => [before, after + span])];
  }

  /** The set of tenants being copied, then the sets of waiting tenants. */
  private setsOf(unit: UsageUnit): [string, ...string[]] {
    const waiting = Array.from({ length: PARTS }, (_, part) => this.waitingKey(unit, part));
    return [this.key(unit.category, `copying/${unit.key}`), ...waiting];
  }

  private waitingKey({ category, key }: UsageUnit, part: number): string {
    return this.key(category, `waiting/${key}/${part}`);
  }

  private key(category: string, name: string): string {
    return usageKey(this.keyPrefix, category, name);
  }
}

/**
 * The key of a category's usage data. The category is in capitals, which no category name contains, so searching Redis for `*llm_call*`
 * finds counters only.
 */
export function usageKey(prefix: string, category: string, name: string): string {
  return `${prefix}:usage:{${category.toUpperCase()}}:${name}`;
}

/**
 * The text before and after a tenant in the key of its history. The key is on the node of the tenant's counters but named differently, so
 * that a list of counters holds nothing else.
 */
function aroundHistory(prefix: string, category: string, block: number): [string, string] {
  const [before, after] = around(`${prefix}:usage`, category);
  return [before, `${after}m/${block}`];
}

function historyKey(prefix: string, category: string, tenant: string, block: number): string {
  return aroundHistory(prefix, category, block).join(encodeTenant(tenant));
}

/** A tenant's counts from slot `from` to slot `to`, both included. */
export async function readHistory(
  connection: Redis | Cluster,
  prefix: string,
  category: string,
  tenant: string,
  from: number,
  to: number,
): Promise<SlotCounts> {
  const counts = new Map<number, number>();
  const read = async (block: number): Promise<void> => {
    readPoints((await connection.get(historyKey(prefix, category, tenant, block))) ?? '', (minute, count) => {
      const slot = block * BLOCK_SLOTS + minute;
      if (slot >= from && slot <= to && count > (counts.get(slot) ?? 0)) counts.set(slot, count);
    });
  };
  await Promise.all(blocksOf(from, to).map(read));
  return counts;
}

/** A block is needed until its last minute is older than the retention. */
function blockExpiry({ retentionMs }: UsageRetention): number {
  return retentionMs + BLOCK_SLOTS * SLOT_MS;
}

/** A few tenants share one set. Many are spread over several; each goes to the same set on every instance. */
function inParts(tenants: readonly string[]): Map<number, string[]> {
  if (tenants.length <= PARTS) return new Map([[0, [...tenants]]]);
  const parts = new Map<number, string[]>();
  for (const tenant of tenants) {
    const part = partOf(tenant);
    const members = parts.get(part);
    if (members) members.push(tenant);
    else parts.set(part, [tenant]);
  }
  return parts;
}

function partOf(tenant: string): number {
  let hash = 2_166_136_261;
  for (let i = 0; i < tenant.length; i++) hash = Math.imul(hash ^ tenant.charCodeAt(i), 16_777_619);
  return (hash >>> 16) % PARTS;
}

/** Written as thresholds, a space, and the name. */
function write({ name, thresholds }: SeenTenant): string {
  return `${thresholds?.join(',') ?? ''} ${name}`;
}

function read(about: string): SeenTenant {
  const end = about.indexOf(' ');
  const name = about.slice(end + 1);
  if (end <= 0) return { name };
  return { name, thresholds: about.slice(0, end).split(',').map(Number) };
}

function* pairs(list: readonly string[]): Generator<[string, string]> {
  for (let i = 0; i + 1 < list.length; i += 2) yield [list[i] as string, list[i + 1] as string];
}

async function executed(commands: ChainableCommander): Promise<void> {
  for (const [error] of (await commands.exec()) ?? []) if (error) throw error;
}
