// @ts-check
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Redis } from 'ioredis';

import { pinned } from './pinning.mjs';

const BINARY = process.env.REDIS_SERVER_BINARY || 'redis-server';

/** A Redis of our own, on a free port, that keeps nothing. */
export class RedisServer {
  static async start({ role = 'redis' } = {}) {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'rate-monitor-bench-'));
    const options = ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--databases', 64, '--appendonly', 'no'];
    const { command, args } = pinned(role, BINARY, [...options.map(String), '--save', '']);
    const server = spawn(command, args, { stdio: 'ignore' });
    // However the benchmark ends.
    process.once('exit', () => server.kill('SIGKILL'));
    await Promise.race([once(server, 'spawn'), once(server, 'error').then(([error]) => Promise.reject(error))]);
    const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 50, maxRetriesPerRequest: 100 });
    client.on('error', () => undefined);
    await client.ping();
    return new RedisServer(server, client, port, folder);
  }

  /**
   * @param {import('node:child_process').ChildProcess} process
   * @param {Redis} client
   * @param {number} port
   * @param {string} folder
   */
  constructor(process, client, port, folder) {
    this.process = process;
    this.client = client;
    this.port = port;
    this.folder = folder;
  }

  /** What it has done so far. */
  async mark() {
    const info = await this.client.info('everything');
    /** @param {string} name */
    const number = (name) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1]);
    return {
      at: performance.now(),
      commands: number('total_commands_processed'),
      cpuUs: 1e6 * (number('used_cpu_user') + number('used_cpu_sys')),
      bytes: number('total_net_input_bytes') + number('total_net_output_bytes'),
    };
  }

  async version() {
    return /^redis_version:(\S+)/m.exec(await this.client.info('server'))?.[1];
  }

  async flush() {
    await this.client.flushall();
  }

  async stop() {
    this.client.disconnect();
    if (this.process.exitCode === null) {
      this.process.kill('SIGKILL');
      await once(this.process, 'exit');
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A port for a program that cannot pick one itself. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('no port');
  server.close();
  await once(server, 'close');
  return address.port;
}
