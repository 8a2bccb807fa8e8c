import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import type { RateAlert, RateMonitorOptions } from '../../src/index.js';
import type { Asked } from './flood.js';
import type { Advance, ChangeThreshold, Told } from './instance.js';

export interface ProcessOptions {
  fastify?: boolean;
  /** Arguments for Node. */
  flags?: string[];
  /** The module's clock is a {@link MovedClock}, this far ahead from the start. */
  movedClock?: boolean;
  aheadMs?: number;
  /** A key in Redis for the pace of a publish: when the last round of what takes as long as one began. Needs `flushIntervalMs`. */
  paceKey?: string;
  /** Environment variables of the process. */
  env?: Record<string, string>;
}

/** A replica in its own process. */
export class InstanceProcess {
  readonly alerts: RateAlert[] = [];
  readonly lines: string[] = [];
  url = '';

  private constructor(readonly child: ChildProcess) {
    child.on('message', ({ alert, url, line }: Told) => {
      if (alert) this.alerts.push(alert);
      if (url) this.url = url;
      if (line) this.lines.push(line);
    });
  }

  static async start(
    redisUrl: string,
    options: RateMonitorOptions,
    { fastify = false, flags = [], movedClock = false, aheadMs = 0, paceKey = '', env = {} }: ProcessOptions = {},
  ): Promise<InstanceProcess> {
    const child = fork(join(__dirname, 'instance.ts'), {
      execArgv: [...flags, '-r', join(__dirname, 'register.js')],
      env: {
        ...process.env,
        MONITOR_REDIS_URL: redisUrl,
        // JSON has no infinity.
        MONITOR_OPTIONS: JSON.stringify(options, (_, value: unknown) => (value === Infinity ? 'Infinity' : value)),
        MONITOR_FASTIFY: fastify ? 'true' : '',
        MONITOR_MOVED_CLOCK: movedClock ? String(aheadMs) : '',
        MONITOR_PACE_KEY: paceKey,
        ...env,
      },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const instance = new InstanceProcess(child);
    await instance.told((told) => told.url);
    return instance;
  }

  /** Runs one command at a time. */
  async ask(asked: Asked | Advance | ChangeThreshold): Promise<number> {
    const answer = this.told((told) => told.answer);
    this.child.send(asked);
    return answer;
  }

  /** Ends it like a deployment does, and resolves when it is gone. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  /** Kills it, like a crash. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  private async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    // Its last messages may arrive after its exit but before the channel closes.
    const gone = Promise.all([once(this.child, 'exit'), once(this.child, 'disconnect')]);
    this.child.kill(signal);
    await gone;
  }

  /** The next message of this kind. */
  private told<T>(pick: (told: Told) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error('the instance ended'));
      const look = (told: Told): void => {
        const picked = pick(told);
        if (picked === undefined) return;
        this.child.off('message', look).off('exit', ended);
        resolve(picked);
      };
      this.child.on('message', look).once('exit', ended);
    });
  }
}
