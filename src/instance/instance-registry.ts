import { hostname } from 'node:os';

import type { Logger } from '@nestjs/common';

import type { Category } from '../model/category.js';
import type { SharedState } from '../store/shared-state.js';
import { Poller } from '../util/poller.js';
import { isAmount, isOptional, isString, isTime, mapOf, shaped } from '../util/shapes.js';
import { oneLine } from '../util/text.js';
import { VERSION } from '../util/version.js';
import { conflictOf, thresholdsOf, type Instance } from './instance.js';

const KIND = 'instances';
/** An instance that has not been seen for this long is gone. */
const INSTANCE_GONE_AFTER_MS = 30_000;
/** Two heartbeats may fail before an instance seems gone. */
const HEARTBEAT_MS = 10_000;
const MAX_REMOVED = 100;
/** The most conflicts that an instance logs in its lifetime. */
const MAX_WARNED = 100;

/** What an instance publishes about itself. */
interface Identity {
  readonly service: string | undefined;
  readonly environment: string | undefined;
  readonly categories: ReadonlyMap<string, Category>;
}

/** Instances as of a time, in milliseconds since the epoch. */
interface KnownInstances {
  readonly readAt: number;
  readonly instances: readonly Instance[];
}

/** What the instance counted since its start. */
interface InstanceFigures {
  readonly counted: number;
  readonly uncounted: number;
}

/** Announces this instance to those that share its keys, and warns if their configuration differs. */
export class InstanceRegistry {
  private readonly poller: Poller;
  private readonly own: Omit<Instance, 'lastSeen' | 'perSecond' | 'uncounted'>;
  private last: { readonly at: number; readonly counted: number; readonly perSecond: number };
  private written: string | undefined;
  private readonly warned = new Set<string>();
  /** The other instances as last read, and when that was. */
  private lastRead: { readonly readAt: number; readonly others: readonly Instance[] };

  /** @param now - The store's clock, in milliseconds since the epoch. */
  constructor(
    /** A name that no other process has. */
    readonly id: string,
    { service, environment, categories }: Identity,
    private readonly state: SharedState,
    private readonly now: () => number,
    private readonly figures: () => InstanceFigures & { readonly blindSince?: number },
    private readonly logger: Pick<Logger, 'warn'>,
  ) {
    this.own = {
      id,
      service,
      environment,
      version: VERSION,
      host: hostname(),
      pid: process.pid,
      startedAt: Math.round(now()),
      thresholds: thresholdsOf(categories.values()),
    };
    this.last = { at: this.own.startedAt, counted: 0, perSecond: 0 };
    this.lastRead = { readAt: this.own.startedAt, others: [] };
    const isAway = (): boolean => figures().blindSince !== undefined;
    this.poller = new Poller(() => this.beat(), logger, 'Instances', isAway, HEARTBEAT_MS);
  }

  /** Starts the heartbeat. Never rejects: if the store is away, the next one tries again. */
  async start(): Promise<void> {
    this.poller.start();
    await this.poller.now();
  }

  /** All instances seen within 30 seconds, newest last, with this one as it is now. Rejects while the store is away. */
  async list(): Promise<readonly Instance[]> {
    const records = [...(await this.state.list(KIND)).values()].map(parse);
    const readAt = this.now();
    const since = readAt - INSTANCE_GONE_AFTER_MS;
    const others = records
      .filter((instance) => instance !== undefined)
      .filter(({ id, lastSeen }) => id !== this.id && lastSeen > since);
    this.lastRead = { readAt, others };
    return this.known().instances;
  }

  /** For when the store is away: this instance as it is now, the others as last read. */
  known(): KnownInstances {
    const { readAt, others } = this.lastRead;
    return { readAt, instances: [...others, this.self()].sort((a, b) => a.startedAt - b.startedAt) };
  }

  /** Stops the heartbeat and removes this instance from what the others see. */
  async stop(): Promise<void> {
    await this.poller.stop();
    await this.state.swap(KIND, this.id, this.written, undefined).catch(() => undefined);
  }

  /**
   * Tells the others that this instance is running, and warns about those that should not share its keys. Runs every ten seconds once
   * started.
   */
  async beat(): Promise<void> {
    const at = Math.round(this.now());
    const { counted } = this.figures();
    const seconds = Math.max((at - this.last.at) / 1_000, 1);
    this.last = { at, counted, perSecond: Math.round(((counted - this.last.counted) / seconds) * 10) / 10 };
    const self = this.self();
    const next = JSON.stringify(self);
    const write = () => this.state.swap(KIND, this.id, this.written, next, self.lastSeen + INSTANCE_GONE_AFTER_MS);
    let written = await write();
    // The store may have lost the record, or the answer to the last write.
    if (!written.swapped) {
      this.written = written.found;
      written = await write();
    }
    this.written = written.swapped ? next : written.found;
    await this.removeGone();
    // So that the others are known if the store goes away before anyone asks.
    await this.list();
    this.warnOfConflicts();
  }

  /** Logs each kind of conflict once, however many replicas have it. A replica that starts later may be the first to conflict. */
  private warnOfConflicts(): void {
    for (const other of this.lastRead.others) {
      const conflict = conflictOf(this.own, other);
      if (conflict === undefined || this.warned.has(conflict) || this.warned.size >= MAX_WARNED) continue;
      this.warned.add(conflict);
      this.logger.warn(oneLine(conflict, 600));
    }
  }

  private self(): Instance {
    const { uncounted } = this.figures();
    return { ...this.own, lastSeen: Math.round(this.now()), perSecond: this.last.perSecond, uncounted };
  }

  private async removeGone(): Promise<void> {
    const { ids } = await this.state.due(KIND, this.now(), MAX_REMOVED);
    if (ids.length === 0) return;
    const records = await this.state.read(KIND, ids);
    await Promise.all(ids.map((id, i) => this.state.swap(KIND, id, records[i], undefined)));
  }
}

const isInstance = shaped({
  id: isString,
  service: isOptional(isString),
  environment: isOptional(isString),
  version: isString,
  host: isString,
  pid: isAmount,
  startedAt: isTime,
  lastSeen: isTime,
  perSecond: isAmount,
  uncounted: isAmount,
  thresholds: mapOf(isString),
});

/** Undefined if it is malformed, or a later version wrote it in another format. */
function parse(record: string): Instance | undefined {
  try {
    const instance: unknown = JSON.parse(record);
    return isInstance(instance) ? (instance as Instance) : undefined;
  } catch {
    return undefined;
  }
}
