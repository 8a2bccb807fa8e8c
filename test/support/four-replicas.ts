import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import { Redis } from 'ioredis';

import type { RateAlert, RateMonitorOptions } from '../../src/index.js';
import { InstanceProcess } from './instance-process.js';
import { RedisServer } from './redis-server.js';
import { until } from './until.js';

const PROCESSES = 4;
/** By then replicas have done what they do once a second, even after the store was away. */
const LOOKED_MS = 2_200;
/** An unexpected alert would arrive within this time after the expected ones. */
const SETTLED_MS = 700;

/** Four processes of an app on a Redis of their own, with a clock that the test moves, and what can fail. */
export class FourReplicas {
  readonly processes: InstanceProcess[] = [];
  private readonly ended: InstanceProcess[] = [];

  private constructor(
    private readonly server: RedisServer,
    private readonly data: string,
    private aheadMs: number,
  ) {}

  /** @param at - What their clock shows at the start. */
  static async start(options: RateMonitorOptions, at: string): Promise<FourReplicas> {
    const data = mkdtempSync(join(tmpdir(), 'replicas-'));
    const server = await RedisServer.start('--appendonly', 'yes', '--appendfsync', 'always', '--dir', data);
    const replicas = new FourReplicas(server, data, Date.parse(at) - Date.now());
    const starting = Array.from({ length: PROCESSES }, () => replicas.startOne(options));
    replicas.processes.push(...(await Promise.all(starting)));
    return replicas;
  }

  async close(): Promise<void> {
    await Promise.all(this.processes.map((each) => each.kill()));
    await this.server.kill();
    rmSync(this.data, { recursive: true });
  }

  /** Includes alerts of replicas that have ended. */
  alertsOf(tenant: string): RateAlert[] {
    const all = [...this.ended, ...this.processes].flatMap(({ alerts }) => alerts);
    return all.filter((alert) => alert.tenant.id === tenant);
  }

  /** Waits until `seen` is as expected, and then long enough for anything unexpected to show. */
  async settled(seen: () => readonly string[], expected: readonly string[]): Promise<void> {
    await until(() => seen().length >= expected.length).catch(() => undefined);
    await wait(SETTLED_MS);
    expect([...seen()].sort()).toEqual([...expected].sort());
  }

  /** Sends requests of a tenant to one of them, in a category. */
  async call(process: number, category: string, tenant: string, times = 1, key = ''): Promise<void> {
    for (let i = 0; i < times; i++) {
      const init = { method: 'POST', headers: { 'x-project': tenant, 'x-key': key } };
      const { status } = await fetch(`${this.at(process).url}/categories/${category}`, init);
      expect(status).toBe(201);
    }
  }

  async callOnEach(category: string, tenant: string, times = 1): Promise<void> {
    await Promise.all(this.processes.map((_, i) => this.call(i, category, tenant, times)));
  }

  at(process: number): InstanceProcess {
    return this.processes[process] as InstanceProcess;
  }

  /** Moves the clock once everything counted is published. */
  async moveTo(at: string): Promise<void> {
    await this.published();
    const aheadMs = Date.parse(at) - Date.now();
    await Promise.all(this.processes.map((each) => each.ask({ advance: aheadMs - this.aheadMs })));
    this.aheadMs = aheadMs;
  }

  /** Restarts it once everything counted is published. */
  async restartStore(how: 'with its data' | 'empty'): Promise<void> {
    await this.published();
    const kept = how === 'empty' ? await this.incidents() : 0;
    await this.server.kill();
    if (how === 'empty') rmSync(join(this.data, 'appendonlydir'), { recursive: true });
    await this.server.restart();
    // On a busy machine, putting them back takes longer than the wait below.
    await until(async () => (await this.incidents()) >= kept).catch(() => undefined);
    await wait(LOOKED_MS);
  }

  /** What was counted is in the store, and so are its incidents. */
  async published(): Promise<void> {
    const done = await Promise.all(this.processes.map((each) => each.ask({ flush: 10_000 })));
    expect(done).toEqual(this.processes.map(() => 1));
  }

  /** How many records of incidents the store has. */
  private async incidents(): Promise<number> {
    const client = new Redis(this.server.url);
    const keys = (await client.keys('*:incidents:*')).filter((key) => !/:(due|written)$/.test(key));
    const sizes = await Promise.all(keys.map((key) => client.hlen(key)));
    client.disconnect();
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Ends one like a crash or a deployment does, and starts another in its place. */
  async replace(process: number, how: 'kill' | 'stop', options: RateMonitorOptions): Promise<void> {
    const ended = this.at(process);
    await ended[how]();
    this.processes[process] = await this.startOne(options);
    this.ended.push(ended);
  }

  /** Ends one like a crash does, with none in its place. */
  async drop(process: number): Promise<void> {
    const [ended] = this.processes.splice(process, 1) as [InstanceProcess];
    await ended.kill();
    this.ended.push(ended);
  }

  private startOne(options: RateMonitorOptions): Promise<InstanceProcess> {
    return InstanceProcess.start(this.server.url, options, { movedClock: true, aheadMs: this.aheadMs });
  }
}
