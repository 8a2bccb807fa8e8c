import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { until } from './until.js';
import { freePort } from './free-port.js';

/** An alert as Alertmanager returns it. */
interface ActiveAlert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  endsAt: string;
  updatedAt: string;
  generatorURL: string;
}

/** A real Alertmanager that forwards alerts to a webhook. */
export class Alertmanager {
  private constructor(
    private readonly server: ChildProcess,
    private readonly folder: string,
    readonly url: string,
  ) {}

  static async start(receiver: string): Promise<Alertmanager> {
    const folder = await mkdtemp(join(tmpdir(), 'alertmanager-'));
    const config = join(folder, 'alertmanager.yml');
    await writeFile(
      config,
      `route: { receiver: test, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }
receivers: [{ name: test, webhook_configs: [{ url: '${receiver}', send_resolved: true }] }]
`,
    );
    const address = `127.0.0.1:${await freePort()}`;
    const server = spawn(
      process.env.ALERTMANAGER_BINARY as string,
      [
        `--config.file=${config}`,
        `--storage.path=${folder}`,
        `--web.listen-address=${address}`,
        '--cluster.listen-address=',
      ],
      { stdio: 'ignore' },
    );
    const alertmanager = new Alertmanager(server, folder, `http://${address}`);
    await until(() => alertmanager.isReady());
    return alertmanager;
  }

  async active(): Promise<ActiveAlert[]> {
    const answer = await fetch(`${this.url}/api/v2/alerts?active=true`);
    return (await answer.json()) as ActiveAlert[];
  }

  async stop(): Promise<void> {
    const exited = once(this.server, 'exit');
    this.server.kill('SIGKILL');
    await exited;
    await rm(this.folder, { recursive: true, force: true });
  }

  private async isReady(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/-/ready`)).ok;
    } catch {
      return false;
    }
  }
}
