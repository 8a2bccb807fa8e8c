import { hostname } from 'node:os';

import { Records } from '../store/records.js';
import type { SharedState } from '../store/shared-state.js';
import { VERSION } from '../util/version.js';

/** How often an instance reports that it is alive, and how long a report counts. */
const BEAT_EVERY_MS = 10_000;
const ALIVE_MS = 30_000;

/** A running process that counts. */
export interface Instance {
  readonly id: string;
  readonly service: string;
  readonly environment: string;
  readonly version: string;
  readonly host: string;
  readonly pid: number;
  readonly startedAt: number;
  readonly lastSeen: number;
  readonly perSecond: number;
  readonly uncounted: number;
}

/** What an instance tells of itself. */
export interface InstanceFigures {
  readonly counted: number;
  readonly uncounted: number;
}

/** The instances that share a store: each reports every ten seconds that it is alive. */
export class Instances {
  private readonly records: Records<Instance>;
  private readonly startedAt: number;
  private last: { at: number; counted: number };
  private beatAt = -Infinity;

  constructor(
    state: SharedState,
    readonly id: string,
    private readonly about: { readonly service: string; readonly environment: string },
    private readonly now: () => number,
    private readonly figures: () => InstanceFigures,
  ) {
    this.records = new Records(state, 'instances');
    this.startedAt = now();
    this.last = { at: this.startedAt, counted: 0 };
  }

  /** Says that this instance is there, if it is time to, and forgets those that are long gone. */
  async beat(): Promise<void> {
    const now = this.now();
    if (now - this.beatAt < BEAT_EVERY_MS) return;
    this.beatAt = now;
    const { counted, uncounted } = this.figures();
    const seconds = Math.max((now - this.last.at) / 1_000, 1);
    const perSecond = Math.round(((counted - this.last.counted) / seconds) * 10) / 10;
    this.last = { at: now, counted };
    const { id, startedAt, about } = this;
    const process = { version: VERSION, host: hostname(), pid: globalThis.process.pid };
    await this.records.change(id, () => ({ id, ...about, ...process, startedAt, lastSeen: now, perSecond, uncounted }));
    for (const { id: other, lastSeen } of await this.records.list())
      if (now - lastSeen > 2 * ALIVE_MS)
        await this.records.change(other, (instance) => (instance?.lastSeen === lastSeen ? undefined : instance));
  }

  /** Those that live, the newest last. */
  async list(): Promise<Instance[]> {
    const all = await this.records.list();
    return all.filter(({ lastSeen }) => this.now() - lastSeen <= ALIVE_MS).sort((a, b) => a.startedAt - b.startedAt);
  }

  /** Takes this instance off the list. */
  async leave(): Promise<void> {
    await this.records.change(this.id, () => undefined);
  }
}
