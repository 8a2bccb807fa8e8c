// @ts-check
import { fileURLToPath } from 'node:url';

import { startChild } from './children.mjs';
import { contestantFile } from './place.mjs';

const APP = contestantFile('app.mjs');
const LOAD = fileURLToPath(new URL('load.mjs', import.meta.url));

/** One contestant: an app of one or more processes. */
export class App {
  /**
   * @param {import('./children.mjs').Child[]} processes
   * @param {number[]} ports
   * @param {boolean} hasPage
   */
  constructor(processes, ports, hasPage) {
    this.hasPage = hasPage;
    this.processes = processes;
    this.ports = ports;
  }

  /**
   * @param {string} contestant
   * @param {{ platform: string, redis: { port: number }, db?: number, processes: number }} options
   */
  static async start(contestant, { platform, redis, db, processes }) {
    const argument = { contestant, platform, redis: { port: redis.port, db } };
    // One process gets its own processor; several share the rest.
    const role = processes === 1 ? 'app' : undefined;
    const start = () => startChild(APP, argument, { role });
    const started = await Promise.all(Array.from({ length: processes }, start));
    const ports = await Promise.all(started.map((child) => child.ask('port')));
    return new App(started, ports, contestant.endsWith(', page'));
  }

  /**
   * One promise for each process.
   *
   * @param {string} what
   */
  ask(what) {
    return this.processes.map((child) => child.ask(what));
  }

  halt() {
    for (const child of this.processes) child.halt();
  }

  go() {
    for (const child of this.processes) child.go();
  }

  async stop() {
    await Promise.all(this.processes.map((child) => child.stop()));
  }
}

export function startLoad() {
  return startChild(LOAD, {}, { role: 'load' });
}
