import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';

/**
 * Below the ports that connections come from: one that tries to reach a server that is down could else be given the very port of that,
 * and reach itself. The 10,000 above are for what the nodes of a Cluster tell each other.
 */
const FIRST_PORT = 10_000;
const PORTS = 10_000;
/** Another process may have taken a port between the look at it and the start. */
const TRIES = 5;

/** A Redis process of a test's own, to stop, freeze and kill. */
export class RedisServer {
  private process!: ChildProcess;

  private constructor(
    readonly port: number,
    private readonly args: readonly string[],
  ) {}

  static async start(...args: string[]): Promise<RedisServer> {
    for (let tries = 1; ; tries++) {
      const server = new RedisServer(await freePort(), args);
      try {
        await server.launch();
        return server;
      } catch (error) {
        if (tries === TRIES) throw error;
      }
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill('SIGCONT');
    this.process.kill('SIGKILL');
    await once(this.process, 'exit');
  }

  /** Starts it again on the same port, empty. */
  async restart(): Promise<void> {
    await this.kill();
    await this.launch();
  }

  /** Keeps its connections and answers nothing. */
  freeze(): void {
    this.process.kill('SIGSTOP');
  }

  thaw(): void {
    this.process.kill('SIGCONT');
  }

  private async launch(): Promise<void> {
    const listen = ['--port', String(this.port), '--bind', '127.0.0.1'];
    const keepNothing = ['--save', '', '--appendonly', 'no', '--dir', tmpdir()];
    const args = [...listen, ...keepNothing, ...this.args];
    this.process = spawn(process.env.REDIS_SERVER_BINARY as string, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    await ready(this.process);
  }
}

export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + randomInt(PORTS);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** By its own word: that a port can be reached says nothing of who listens there. */
function ready(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    server.once('error', reject);
    server.once('close', () => reject(new Error(`redis-server ended: ${said}`)));
    const hear = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-2_000);
      if (said.includes('Ready to accept connections')) resolve();
    };
    server.stdout?.on('data', hear);
    server.stderr?.on('data', hear);
  });
}
