import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Redis, type RedisOptions } from 'ioredis';

import { freePort } from './free-port.js';
import { RedisServer } from './redis-server.js';
import { until } from './until.js';

/** A master, its replica, and a Sentinel that monitors them. */
export class RedisSentinel {
  static readonly NAME = 'main';

  private constructor(
    readonly port: number,
    readonly master: RedisServer,
    private readonly replica: RedisServer,
    private readonly process: ChildProcess,
    private readonly dir: string,
  ) {}

  static async start(): Promise<RedisSentinel> {
    const master = await RedisServer.start('--repl-diskless-sync-delay', '0');
    const replica = await RedisServer.start('--replicaof', `127.0.0.1 ${master.port}`);
    const [port, dir] = [await freePort(), await mkdtemp(join(tmpdir(), 'sentinel-'))];
    const config = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${dir}`,
      `sentinel monitor ${RedisSentinel.NAME} 127.0.0.1 ${master.port} 1`,
      `sentinel down-after-milliseconds ${RedisSentinel.NAME} 300`,
    ];
    // Sentinel writes its state into its configuration file.
    const file = join(dir, 'sentinel.conf');
    await writeFile(file, config.join('\n'));
    const process_ = spawn(process.env.REDIS_SERVER_BINARY as string, [file, '--sentinel'], { stdio: 'ignore' });
    const sentinel = new RedisSentinel(port, master, replica, process_, dir);
    await sentinel.knowsReplica();
    return sentinel;
  }

  /** A client that asks the Sentinel for the master. */
  client(options: RedisOptions = {}): Redis {
    const sentinels = [{ host: '127.0.0.1', port: this.port }];
    return new Redis({ sentinels, name: RedisSentinel.NAME, lazyConnect: true, ...options });
  }

  async failedOver(): Promise<void> {
    await this.told(async (sentinel) => {
      const [, port] = (await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', RedisSentinel.NAME)) as string[];
      return Number(port) === this.replica.port;
    });
  }

  async stop(): Promise<void> {
    const exited = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await Promise.all([exited, this.master.kill(), this.replica.kill()]);
    await rm(this.dir, { recursive: true, force: true });
  }

  private async knowsReplica(): Promise<void> {
    await this.told(async (sentinel) => {
      const replicas = (await sentinel.call('SENTINEL', 'REPLICAS', RedisSentinel.NAME)) as string[][];
      return replicas.some((replica) => replica[replica.indexOf('master-link-status') + 1] === 'ok');
    });
  }

  private async told(holds: (sentinel: Redis) => Promise<boolean>): Promise<void> {
    const sentinel = new Redis({ port: this.port, retryStrategy: () => 50 });
    sentinel.on('error', () => undefined);
    await until(() => holds(sentinel));
    sentinel.disconnect();
  }
}
