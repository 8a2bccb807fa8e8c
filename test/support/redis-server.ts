import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Jest's global set-up, which imports this, finds no `.js`.
import { freePort } from './free-port';

/** Another process may take a port between the check and the start. */
const TRIES = 5;

/** A Redis process that keeps nothing, and that a test can freeze and kill. */
export class RedisServer {
  private process!: ChildProcess;
  /** Not shared: a replica writes its master's data there, and another server would load it. */
  private folder!: string;

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

  get pid(): number {
    return this.process.pid as number;
  }

  /** Kills it, like a crash. */
  async kill(): Promise<void> {
    await this.crash();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Starts it again on the same port, empty. */
  async restart(): Promise<void> {
    await this.kill();
    await this.launch();
  }

  /** Starts it again on the same port, with what it had at the last SAVE, like a failover that loses acknowledged writes. */
  async restartAsSaved(): Promise<void> {
    await this.crash();
    await this.launch(this.folder);
  }

  /** Keeps its connections but does not respond. */
  freeze(): void {
    this.process.kill('SIGSTOP');
  }

  thaw(): void {
    this.process.kill('SIGCONT');
  }

  private async crash(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill('SIGCONT');
    this.process.kill('SIGKILL');
    await once(this.process, 'exit');
  }

  private async launch(folder = mkdtempSync(join(tmpdir(), 'redis-'))): Promise<void> {
    const listen = ['--port', String(this.port), '--bind', '127.0.0.1'];
    this.folder = folder;
    const keepNothing = ['--save', '', '--appendonly', 'no', '--dir', this.folder];
    const args = [...listen, ...keepNothing, ...this.args];
    const program = process.env.REDIS_SERVER_BINARY ?? 'redis-server';
    this.process = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    await ready(this.process);
  }
}

/** Checked by its log line: an open port may belong to another process. */
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
