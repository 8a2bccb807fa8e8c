import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

import type { Redis } from 'ioredis';

import type { AlertChannel, Mute, MutedScope, MuteOptions, RateAlert } from '../../src/index.js';

const PACKED = resolve('test/fixtures/nestjs-rate-monitor-0.1.0.tgz');
/** From here its code finds the packages of this repository. */
const UNPACKED = resolve('node_modules/.cache/v0-1');

/** What to import for 0.1. */
export const V01_CODE = join(UNPACKED, 'dist/cjs/index.js');

/** What it publishes of a counter. */
interface V01Total {
  readonly category: string;
  readonly tenant: string;
  /** The window's number. */
  readonly window: number;
  readonly windowMs: number;
  readonly instance: string;
  readonly total: number;
  /** Counts above which a level is reached. */
  readonly levels: readonly number[];
  /** The place of the highest level that it knows to be announced. */
  readonly announced: number;
}

type V01Published =
  { readonly refused: string } | { readonly count: number; readonly announced: number; readonly announce: number };

export interface V01Store {
  readonly state: unknown;
  open(ready: () => void): void;
  publish(totals: readonly V01Total[]): Promise<V01Published[]>;
  time(): Promise<number>;
  close(): Promise<void>;
}

interface V01Alerts {
  start(settings: object): Promise<void>;
  raise(alert: RateAlert): void;
  mute(options: MuteOptions): Promise<Mute>;
  unmute(scope: MutedScope): Promise<boolean>;
  mutes(): Promise<Mute[]>;
  stop(): Promise<void>;
}

interface V01 {
  readonly RedisCounterStore: new (client: Redis, keyPrefix: string) => V01Store;
  readonly AlertService: new () => V01Alerts;
  readonly DiscordChannel: new (options: { url: string }) => AlertChannel;
}

/** Unpacks 0.1: once, in the global set-up, before tests run in parallel. */
export function unpackV01(folder = UNPACKED): void {
  if (existsSync(folder)) return;
  const own = `${folder}-${process.pid}`;
  mkdirSync(own, { recursive: true });
  execFileSync('tar', ['xzf', PACKED, '-C', own, '--strip-components=1']);
  // Whole from the first moment on, because two runs of the tests may start together.
  try {
    renameSync(own, folder);
  } catch {
    rmSync(own, { recursive: true });
  }
}

export async function v01(): Promise<V01> {
  return (await import(V01_CODE)) as V01;
}

/** The store of 0.1, connected. */
export async function v01Store(client: Redis, keyPrefix: string): Promise<V01Store> {
  const { RedisCounterStore } = await v01();
  const store = new RedisCounterStore(client, keyPrefix);
  await new Promise<void>((ready) => store.open(ready));
  return store;
}

/** The alerting of one replica of 0.1. */
export class V01Replica {
  private stopped: Promise<void> | undefined;

  private constructor(
    readonly alerts: V01Alerts,
    private readonly store: V01Store,
  ) {}

  static async start(
    client: Redis,
    keyPrefix: string,
    channels: readonly AlertChannel[],
    incidents?: { remindAfterMs: number; resolveAfterMs: number },
  ): Promise<V01Replica> {
    const { AlertService } = await v01();
    const store = await v01Store(client, keyPrefix);
    const alerts = new AlertService();
    await alerts.start({
      channels: channels.map((channel) => ({ channel, name: channel.name, option: 'channels' })),
      groupWaitMs: 0,
      shutdownFlushMs: 300,
      incidents,
      state: store.state,
      now: Date.now,
      countOf: () => Promise.resolve(0),
    });
    return new V01Replica(alerts, store);
  }

  stop(): Promise<void> {
    return (this.stopped ??= this.end());
  }

  private async end(): Promise<void> {
    await this.alerts.stop();
    // After this, all of its commands are answered: one that is cut off would leave an ioredis timer behind.
    await this.store.time();
    await this.store.close();
  }
}
