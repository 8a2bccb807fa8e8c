import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';

/** A Redis process of a test's own, to stop, freeze and kill. */
export class RedisServer {
  private constructor(
    readonly port: number,
    private readonly args: readonly string[],
    private process: ChildProcess,
  ) {}

  static async start(...args: string[]): Promise<RedisServer> {
    const port = await freePort();
    const server = new RedisServer(port, args, launch(port, args));
    await server.reachable();
    return server;
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
    this.process = launch(this.port, this.args);
    await this.reachable();
  }

  /** Keeps its connections and answers nothing. */
  freeze(): void {
    this.process.kill('SIGSTOP');
  }

  thaw(): void {
    this.process.kill('SIGCONT');
  }

  private async reachable(): Promise<void> {
    for (let tries = 0; tries < 400; tries++) {
      if (await accepts(this.port)) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`redis-server did not answer on port ${this.port}`);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function launch(port: number, args: readonly string[]): ChildProcess {
  const listen = ['--port', String(port), '--bind', '127.0.0.1'];
  const keepNothing = ['--save', '', '--appendonly', 'no', '--dir', tmpdir()];
  return spawn(process.env.REDIS_SERVER_BINARY as string, [...listen, ...keepNothing, ...args], { stdio: 'ignore' });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
