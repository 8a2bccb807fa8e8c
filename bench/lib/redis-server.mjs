// @ts-check
import { Redis } from 'ioredis';

import { RedisServer as Server } from './of-tests.mjs';
import { pin } from './pinning.mjs';

/** A Redis of our own, on the processor of its role, and what it has done so far. */
export class RedisServer {
  #server;

  static async start({ role = 'redis' } = {}) {
    const server = await Server.start('--databases', '64');
    // However the benchmark ends.
    process.once('exit', () => void server.kill());
    pin(role, server.pid);
    const client = new Redis(server.url, { retryStrategy: () => 50, maxRetriesPerRequest: 100 });
    client.on('error', () => undefined);
    return new RedisServer(server, client);
  }

  /**
   * @param {import('../../test/support/redis-server.js').RedisServer} server
   * @param {Redis} client
   */
  constructor(server, client) {
    this.#server = server;
    this.client = client;
  }

  get port() {
    return this.#server.port;
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
    await this.#server.kill();
  }
}
