// @ts-check
import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { pinned } from './pinning.mjs';

const GO_WITHIN_MS = 5_000;

/** @typedef {{ id: number, what: string, args: unknown[] }} Question */

/** @type {Set<import('node:child_process').ChildProcess>} */
const living = new Set();
// A stopped process would not notice that this one exited.
process.once('exit', () => living.forEach((child) => child.kill('SIGKILL')));

/** A child process that answers calls by name; `answers.mjs` is its side. */
export class Child {
  #process;
  /** @type {Map<number, { resolve: (value: ReturnType<typeof JSON.parse>) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();
  #asked = 0;

  /** @param {import('node:child_process').ChildProcess} process */
  constructor(process) {
    this.#process = process;
    living.add(process);
    process.on('message', (message) => {
      const { id, value, error } = /** @type {{ id: number, value?: unknown, error?: string }} */ (message);
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) waiting?.reject(new Error(error));
      else waiting?.resolve(value);
    });
    process.once('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`a process ended early: ${signal ?? code}`));
      this.#waiting.clear();
      living.delete(process);
    });
  }

  /**
   * @param {string} what
   * @param {unknown[]} args
   * @returns {Promise<ReturnType<typeof JSON.parse>>}
   */
  ask(what, ...args) {
    if (!this.#process.connected) return Promise.reject(new Error('a process ended early'));
    const id = ++this.#asked;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#process.send({ id, what, args });
    });
  }

  /** Stops it until `go`. */
  halt() {
    this.#process.kill('SIGSTOP');
  }

  go() {
    this.#process.kill('SIGCONT');
  }

  /** Ends it, by force if it takes too long: it may write a profile first. */
  async stop() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.go();
    if (this.#process.connected) this.#process.disconnect();
    const impatient = setTimeout(() => this.#process.kill('SIGKILL'), GO_WITHIN_MS);
    await gone;
    clearTimeout(impatient);
  }
}

/**
 * Starts `file` with `argument`, on the processor for its `role`, and waits until it is ready.
 *
 * @param {string} file
 * @param {object} [argument]
 * @param {{ role?: string, nodeFlags?: string[] }} [options]
 */
export async function startChild(file, argument, { role, nodeFlags = [] } = {}) {
  const { command, args } = pinned(role, process.execPath, [...nodeFlags, file, JSON.stringify(argument ?? {})]);
  const child = new Child(spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
  await child.ask('ready');
  return child;
}
