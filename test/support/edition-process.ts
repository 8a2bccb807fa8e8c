import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';

import type { RateMonitorOptions } from '../../src/index.js';
import { EDITION_1 } from './edition-1.js';

const CODE = { first: EDITION_1, this: resolve('src/index.ts') };

export type Edition = keyof typeof CODE;

export type EditionCall = 'close' | { readonly tenant: string; readonly times: number };

export interface EditionAnswer {
  readonly ready?: true;
  readonly line?: string;
  readonly alert?: { readonly tenant: string; readonly at: number };
  readonly sum?: number;
}

/** An app of one of the editions. */
export class EditionProcess {
  readonly lines: string[] = [];
  readonly alerts: NonNullable<EditionAnswer['alert']>[] = [];

  private constructor(private readonly child: ChildProcess) {
    child.on('message', ({ line, alert }: EditionAnswer) => {
      if (line !== undefined) this.lines.push(line);
      if (alert) this.alerts.push(alert);
    });
  }

  static async start(edition: Edition, url: string, options: RateMonitorOptions): Promise<EditionProcess> {
    const child = fork(join(__dirname, 'edition.ts'), {
      execArgv: ['-r', join(__dirname, 'register.js')],
      env: { ...process.env, EDITION_CODE: CODE[edition], EDITION_OPTIONS: JSON.stringify({ ...options, url }) },
    });
    const started = new EditionProcess(child);
    await started.answer(({ ready }) => ready);
    return started;
  }

  /** Counts so many more for a tenant; the answer is the sum that it is given. */
  async count(tenant: string, times: number): Promise<number> {
    const answer = this.answer(({ sum }) => sum);
    this.send({ tenant, times });
    return answer;
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const exit = once(this.child, 'exit');
    this.send('close');
    await exit;
  }

  /** Ends it without a chance to do anything. */
  async kill(): Promise<void> {
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
  }

  private send(call: EditionCall): void {
    // What it cannot take, its end answers.
    this.child.send(call, () => undefined);
  }

  private answer<T>(of: (answer: EditionAnswer) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error(`it has ended: ${this.lines.join('\n')}`));
      if (!this.child.connected) return ended();
      const look = (message: EditionAnswer): void => {
        const answer = of(message);
        if (answer === undefined) return;
        this.child.off('message', look).off('exit', ended);
        resolve(answer);
      };
      this.child.on('message', look).on('exit', ended);
    });
  }
}
