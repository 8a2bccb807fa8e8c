import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

import type { Redis } from 'ioredis';

import type { AlertChannel, Mute, MutedScope, MuteOptions, RateAlert } from '../../src/index.js';

const PACKED = resolve('test/fixtures/nestjs-rate-monitor-0.1.0.tgz');
/** There its code finds the packages of this repository. */
const UNPACKED = resolve('node_modules/.cache/edition-1');

/** What to import for the first edition. */
export const EDITION_1 = join(UNPACKED, 'dist/cjs/index.js');

/** What it publishes of a counter. */
export interface Edition1Total {
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

export type Edition1Published =
  { readonly refused: string } | { readonly count: number; readonly announced: number; readonly announce: number };

export interface Edition1Store {
  readonly state: unknown;
  open(ready: () => void): void;
  publish(totals: readonly Edition1Total[]): Promise<Edition1Published[]>;
  time(): Promise<number>;
  close(): Promise<void>;
}

export interface Edition1Alerts {
  start(settings: object): Promise<void>;
  raise(alert: RateAlert): void;
  mute(options: MuteOptions): Promise<Mute>;
  unmute(scope: MutedScope): Promise<boolean>;
  mutes(): Promise<Mute[]>;
  stop(): Promise<void>;
}

interface Edition1 {
  readonly RedisCounterStore: new (client: Redis, keyPrefix: string) => Edition1Store;
  readonly AlertService: new () => Edition1Alerts;
  readonly DiscordChannel: new (options: { url: string }) => AlertChannel;
}

/** Unpacks the first edition: once, in the global set-up, before tests run in parallel. */
export function unpackEdition1(folder = UNPACKED): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  execFileSync('tar', ['xzf', PACKED, '-C', folder, '--strip-components=1']);
}

export async function edition1(): Promise<Edition1> {
  return (await import(EDITION_1)) as Edition1;
}

/** The store of the first edition, connected. */
export async function edition1Store(client: Redis, keyPrefix: string): Promise<Edition1Store> {
  const { RedisCounterStore } = await edition1();
  const store = new RedisCounterStore(client, keyPrefix);
  await new Promise<void>((ready) => store.open(ready));
  return store;
}

/** The alerting of one replica of the first edition. */
export class Edition1Replica {
  private stopped: Promise<void> | undefined;

  private constructor(
    readonly alerts: Edition1Alerts,
    private readonly store: Edition1Store,
  ) {}

  static async start(
    client: Redis,
    keyPrefix: string,
    channels: readonly AlertChannel[],
    incidents?: { remindAfterMs: number; resolveAfterMs: number },
  ): Promise<Edition1Replica> {
    const { AlertService } = await edition1();
    const store = await edition1Store(client, keyPrefix);
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
    return new Edition1Replica(alerts, store);
  }

  stop(): Promise<void> {
    return (this.stopped ??= this.end());
  }

  private async end(): Promise<void> {
    await this.alerts.stop();
    // All of its commands are answered then: one that is cut off would leave a timer of ioredis behind.
    await this.store.time();
    await this.store.close();
  }
}
