import type { Cluster, Redis } from 'ioredis';

import { chunks } from '../../util/chunks.js';
import { OwnLogger } from '../../util/own-logger.js';
import { withoutRootSpans, withoutTracing, type Untraced } from '../../util/optional-peers.js';
import { CUT_OFF, kindOf, reasonOf } from '../../util/text.js';
import { levelPlace, placeAt } from '../../model/level.js';
import {
  CONNECTION_LOST,
  isCount,
  ODD_ANSWER,
  type Counted,
  type CounterKey,
  type CounterStore,
  type OwnTotal,
  type Published,
  type Refused,
} from '../counter-store.js';
import { redisKey } from './counter-key.js';
import { FIELD_MARK, publishScript, type ScriptReply } from './publish-script.js';
import { addressOf, ownConnection } from './redis-connection.js';
import { RedisSharedState } from './redis-shared-state.js';
import { RedisUsageStore } from './redis-usage-store.js';

const COMMAND = 'rateMonitorPublish';
/** Keys read at once. */
const READ_AT_ONCE = 500;

/** A connection that has not answered for this long is considered dead and is reopened. */
const DEAD_AFTER_MS = 5_000;
const SIGNS_IN = /^(auth|hello)$/i;
const TIMED_OUT = /timed out/;

/** Errors that one key causes, while the server and the connection are fine. */
const OF_KEY = /WRONGTYPE|NOPERM|CROSSSLOT|BROKEN|^MOVED |^ERR .*user_script/;
/** Errors of a key that holds no counter of ours: another app's, or of a node that this client does not reach. */
const NOT_OURS = /^(WRONGTYPE|MOVED) /;
/** Errors of the server as a whole, which older servers wrap in a script error. */
const OF_SERVER = /OOM|READONLY|MISCONF|NOREPLICAS|MASTERDOWN|CLUSTERDOWN/;
/** One call has keys in several slots: a plain client is connected to a node of a Cluster. */
const OF_SEVERAL_SLOTS = /CROSSSLOT/;

interface Scripted {
  [COMMAND](keys: number, keysAndArgs: (string | number)[]): Promise<ScriptReply>;
}

/** Counts in Redis, shared by all instances: one hash for each tenant, category and window, written by one script. */
export class RedisCounterStore implements CounterStore {
  /** {@inheritDoc CounterStore.name} */
  readonly name: string;
  /** {@inheritDoc CounterStore.state} */
  readonly state: RedisSharedState;
  /** {@inheritDoc CounterStore.usage} */
  readonly usage: RedisUsageStore;
  private readonly logger = new OwnLogger();
  private readonly connection: Redis | Cluster;
  /** Whether each call is limited to one tenant, because on a Cluster its keys must share a slot. */
  private isByTenant: boolean;
  /** Since when no command has been answered in time. */
  private silentSince: number | undefined;
  private reopenedAt = -Infinity;
  /** Whether the script has had a valid reply since this connection was opened. */
  private wasInStep = false;
  private run: Untraced = withoutTracing;
  /** Why there is no connection; undefined while there is one. */
  private fault: Error | undefined;

  /**
   * @param client - An ioredis client or Cluster. It is left alone: the store opens its own connection with the same settings.
   * @param keyPrefix - Prefix of every key, after the client's own prefix.
   */
  constructor(
    client: Redis | Cluster,
    private readonly keyPrefix = 'rate_monitor',
  ) {
    this.connection = ownConnection(client);
    this.name = addressOf(client);
    this.connection.defineCommand(COMMAND, { lua: this.script });
    this.isByTenant = this.connection.isCluster;
    this.state = new RedisSharedState(this.connection, keyPrefix);
    this.usage = new RedisUsageStore(this.connection, keyPrefix);
    this.untrace();
    void this.findSentry();
  }

  /** What publishes, in Lua. */
  protected get script(): string {
    return publishScript();
  }

  /** {@inheritDoc CounterStore.open} */
  open(ready: () => void): void {
    this.connection.on('error', (error: Error & { lastNodeError?: Error }) => {
      // A Cluster reports why in the error of the last node it asked.
      const fault = error.lastNodeError ?? error;
      if (!CUT_OFF.test(fault.message)) this.fault = fault;
    });
    this.connection.on('ready', () => {
      this.fault = undefined;
      ready();
    });
    // The app may have created this store before it set Sentry up.
    void this.findSentry();
    this.connection.connect().catch(() => undefined);
  }

  /** {@inheritDoc CounterStore.publish} */
  publish(totals: readonly OwnTotal[], now: number): Promise<Published[]> {
    return this.isByTenant ? this.callEach(byTenant(totals), totals, now) : this.call(totals, now);
  }

  /** {@inheritDoc CounterStore.read} */
  async read(keys: readonly CounterKey[]): Promise<number[]> {
    const sums: number[] = [];
    for (const some of chunks(keys, READ_AT_ONCE)) {
      const names = some.map((key) => redisKey(this.keyPrefix, key, key.window.key));
      // Not a pipeline, which may not span nodes of a Cluster; ioredis writes the commands of one turn together anyway.
      const found = await Promise.all(names.map((name) => this.connection.hget(name, 'total').catch(noneOfOthers)));
      for (const sum of found as unknown[]) {
        if (sum !== null && typeof sum !== 'string') {
          this.reopenOutOfStep();
          throw new Error(`${ODD_ANSWER} ${kindOf(sum)} for a count`);
        }
        sums.push(Number(sum ?? 0) || 0);
      }
    }
    return sums;
  }

  /** {@inheritDoc CounterStore.time} */
  async time(): Promise<number> {
    let answer: unknown;
    let refusal: Refused | undefined;
    try {
      answer = await this.connection.time();
    } catch (error) {
      refusal = this.refusal(error as Error);
    }
    // Its user may not ask, which is no fault of the store.
    if (refusal?.ofKey) return NaN;
    // Not with ioredis's error as its cause, which may hold a password: see `withStore`.
    if (refusal) throw new Error(refusal.refused);
    this.silentSince = undefined;
    const [seconds = NaN, microseconds = NaN] = Array.isArray(answer) ? answer.map(Number) : [];
    const time = seconds * 1_000 + microseconds / 1_000;
    if (Number.isFinite(time)) return time;
    this.reopenOutOfStep();
    throw new Error(`${ODD_ANSWER} ${kindOf(answer)} for the time`);
  }

  /** {@inheritDoc CounterStore.close} */
  close(): Promise<void> {
    this.connection.disconnect();
    return Promise.resolve();
  }

  private async call(totals: readonly OwnTotal[], now: number): Promise<Published[]> {
    const groups = together(totals);
    // The usual case: requests of one category.
    const ordered = groups.length === 1 ? totals : groups.flat();
    try {
      const reply = await (this.connection as unknown as Scripted)[COMMAND](...toCall(this.keyPrefix, groups, now));
      this.silentSince = undefined;
      const answers = readReplies(reply, ordered);
      if (answers.some(isOdd)) this.reopenOutOfStep();
      else this.wasInStep = true;
      return ordered === totals ? answers : inOrderOf(totals, ordered, answers);
    } catch (error) {
      const refused = this.refusal(error as Error);
      if (!refused.ofKey || totals.length === 1) return totals.map(() => refused);
      // One bad key fails the whole call, so the others are sent without it.
      if (OF_SEVERAL_SLOTS.test(refused.refused)) this.callByTenant();
      const groups = byTenant(totals);
      const parts = groups.length > 1 ? groups : totals.map((total) => [total]);
      return this.callEach(parts, totals, now);
    }
  }

  /** Makes a call for each of `parts`; the answers are in the order of `totals`. */
  private async callEach(
    parts: readonly (readonly OwnTotal[])[],
    totals: readonly OwnTotal[],
    now: number,
  ): Promise<Published[]> {
    const answers = await Promise.all(parts.map((part) => this.call(part, now)));
    return inOrderOf(totals, parts.flat(), answers.flat());
  }

  private callByTenant(): void {
    if (this.isByTenant) return;
    this.isByTenant = true;
    this.logger.warn(
      `${this.name} is a node of a Cluster, but its client is not a Cluster client (CROSSSLOT): each tenant is published in a separate call, ` +
        'and counters of other nodes are refused. Pass an ioredis Cluster as redis',
    );
  }

  /** Keeps commands out of traces, and reconnections too, or an outage would be a trace a second. */
  private untrace(): void {
    const connection = this.connection as Redis;
    // Looked up for each call, because what else instruments ioredis may do so later.
    const prototype = Object.getPrototypeOf(connection) as Redis;
    connection.sendCommand = (...command) => {
      const sent = this.run(() => prototype.sendCommand.apply(connection, command));
      Promise.resolve(sent).catch(dropPassword);
      return sent;
    };
    connection.connect = (...callback) => this.run(() => prototype.connect.apply(connection, callback));
  }

  private async findSentry(): Promise<void> {
    this.run = await withoutRootSpans();
  }

  /** For a lost connection, ioredis reports only that it cannot write. Its last error, if any, has the reason. */
  private refusal(error: Error): Refused {
    if (TIMED_OUT.test(error.message)) this.silent();
    if (this.fault) return { refused: reasonOf(this.fault), ofKey: false };
    // A reply of the server is the reason, even if it closed the connection.
    const isReply = error.name === 'ReplyError';
    const isLost = !isReply && (this.connection.status !== 'ready' || CUT_OFF.test(error.message));
    if (isLost) return { refused: CONNECTION_LOST, ofKey: false };
    return { refused: reasonOf(error), ofKey: OF_KEY.test(error.message) && !OF_SERVER.test(error.message) };
  }

  /** Replaces `socketTimeout` of ioredis 5, whose timer outlives its socket and closes the next one. */
  private silent(): void {
    this.silentSince ??= performance.now();
    if (performance.now() - this.silentSince < DEAD_AFTER_MS) return;
    this.reopen();
  }

  /** If replies were lost on the way, each later one is matched with the wrong command, and only a new connection helps. */
  private reopenOutOfStep(): void {
    // Without this check, a server that never replies correctly would cause endless reconnections.
    if (this.wasInStep && performance.now() - this.reopenedAt >= DEAD_AFTER_MS) this.reopen();
  }

  private reopen(): void {
    this.silentSince = undefined;
    this.reopenedAt = performance.now();
    this.wasInStep = false;
    this.connection.disconnect(true);
  }
}

/** Groups totals that must share a slot of a Cluster. */
function byTenant(totals: readonly OwnTotal[]): OwnTotal[][] {
  const groups = new Map<string, OwnTotal[]>();
  for (const total of totals) {
    const name = `${total.category}:${total.tenant}`;
    const group = groups.get(name);
    if (group) group.push(total);
    else groups.set(name, [total]);
  }
  return [...groups.values()];
}

function inOrderOf(
  totals: readonly OwnTotal[],
  answered: readonly OwnTotal[],
  answers: readonly Published[],
): Published[] {
  const byTotal = new Map(answered.map((total, i) => [total, answers[i] as Published]));
  return totals.map((total) => byTotal.get(total) as Published);
}

/** Groups totals with the same arguments, which the script gets once per group. */
function together(totals: readonly OwnTotal[]): OwnTotal[][] {
  const groups: [OwnTotal, ...OwnTotal[]][] = [];
  for (const total of totals) {
    const alike = groups.find(([first]) => isAlike(first, total));
    if (alike) alike.push(total);
    else groups.push([total]);
  }
  return groups;
}

/** The script's keys and arguments, and how many of them are keys. */
function toCall(prefix: string, groups: readonly (readonly OwnTotal[])[], now: number): [number, (string | number)[]] {
  const keys: (string | number)[] = [];
  const args: (string | number)[] = [Math.round(now)];
  for (const group of groups) {
    const [{ instance, keepMs, earlier = [], levels, announced }] = group as [OwnTotal];
    args.push(FIELD_MARK + instance, keepMs, earlier.length, group.length, announced, levels.steps.length);
    levels.steps.forEach(({ at }, i) => args.push(at, levels.counts[i] as number));
    for (const total of group) {
      keys.push(redisKey(prefix, total, total.window.key));
      for (const span of total.earlier ?? []) keys.push(redisKey(prefix, total, span.key));
      args.push(total.total, `${total.sent} ${total.others}`);
    }
  }
  return [keys.length, keys.concat(args)];
}

function isAlike(one: OwnTotal, other: OwnTotal): boolean {
  return (
    one.instance === other.instance &&
    one.levels === other.levels &&
    one.keepMs === other.keepMs &&
    one.announced === other.announced &&
    one.earlier?.length === other.earlier?.length
  );
}

/** One key that cannot be read must not hide the counts of all others. Rethrows any other error. */
function noneOfOthers(error: Error): null {
  if (NOT_OURS.test(error.message)) return null;
  throw error;
}

/** If a node of a Cluster refuses the password, the error of any command may hold AUTH with it. */
function dropPassword(error: Error & { command?: { name?: unknown } }): void {
  if (SIGNS_IN.test(String(error.command?.name))) delete error.command;
}

function isOdd(answer: Published): boolean {
  return 'refused' in answer && answer.refused.startsWith(ODD_ANSWER);
}

/** A proxy, or a server that is not quite Redis, may not answer like the script: then the whole reply is rejected. */
function readReplies(replies: unknown, totals: readonly OwnTotal[]): Published[] {
  if (Array.isArray(replies) && replies.length === totals.length)
    return totals.map((total, i) => readReply(replies[i] as unknown, total));
  const how = Array.isArray(replies) ? `${replies.length} answers to ${totals.length} totals` : kindOf(replies);
  return totals.map(() => ({ refused: `${ODD_ANSWER} ${how}`, ofKey: true }));
}

function readReply(reply: unknown, { levels, earlier, announced: known }: OwnTotal): Published {
  if (typeof reply !== 'string' || reply === '') return { refused: `${ODD_ANSWER} ${kindOf(reply)}`, ofKey: true };
  if (reply.startsWith('!')) return { refused: reply.slice(1), ofKey: true };
  const numbers = reply.split(' ').map(Number);
  const [count = NaN, before = 0, announced, announce = 0, lost = 0, takenOver = 0] = numbers;
  if (!numbers.every(isCount)) return { refused: `BROKEN ${reply}`, ofKey: true };
  const counted: Counted = {
    count,
    announced: placeAt(levels, announced ?? levelPlace(levels, known)),
    announce: placeAt(levels, announce),
  };
  if (earlier) counted.earlier = before;
  if (lost) counted.lost = true;
  if (takenOver) counted.takenOver = true;
  return counted;
}
