import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A script of this folder in a process of its own, which exchanges messages with the test. */
export class TestProcess<Told, Asked extends object | string> {
  private readonly child: ChildProcess;

  /**
   * @param script - Its name, without `.ts`.
   * @param env - Environment variables, besides those of the test.
   * @param flags - Arguments for Node.
   */
  protected constructor(script: string, env: Record<string, string>, flags: readonly string[] = []) {
    this.child = fork(join(__dirname, `${script}.ts`), {
      execArgv: [...flags, '-r', join(__dirname, 'register.js')],
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Ends it like a deployment does, and resolves when it is gone. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  /** Kills it, like a crash. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  protected hear(listener: (told: Told) => void): void {
    this.child.on('message', listener);
  }

  /** Sends a command and resolves with its answer. Only one command at a time. */
  protected async exchange<T>(asked: Asked, pick: (told: Told) => T | undefined): Promise<T> {
    const answer = this.next(pick);
    // If it cannot be sent, the process has ended, which rejects the answer.
    this.child.send(asked, () => undefined);
    return answer;
  }

  /** The next message of a kind. */
  protected next<T>(pick: (told: Told) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error('the process has ended'));
      if (!this.child.connected) return ended();
      const look = (told: Told): void => {
        let picked: T | undefined;
        try {
          picked = pick(told);
        } catch (error) {
          // Otherwise the test would wait for an answer until its time is over.
          reject(error instanceof Error ? error : new Error(String(error)));
        }
        if (picked === undefined) return;
        this.child.off('message', look).off('exit', ended);
        resolve(picked);
      };
      this.child.on('message', look).once('exit', ended);
    });
  }

  private async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (!this.isRunning) return;
    // Its last messages may arrive after its exit but before the channel closes.
    const gone = Promise.all([once(this.child, 'exit'), once(this.child, 'disconnect')]);
    this.child.kill(signal);
    await gone;
  }
}
