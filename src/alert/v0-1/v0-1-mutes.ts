import { randomUUID } from 'node:crypto';

import type { SharedState } from '../../store/shared-state.js';

/** A mute as 0.1 stores it. 0.1 preserves unknown fields, except when it sets the mute again. */
interface V01Mute {
  readonly tenant?: string | undefined;
  readonly category?: string | undefined;
  readonly until: number;
  readonly reason: string;
  readonly heldBack: number;
  /** The service and environment that wrote it, in this version. Absent if 0.1 wrote it. */
  readonly scope?: string;
}

/** What has changed since the last look: what 0.1 has set and ended, and what Redis has lost. */
interface V01Changes {
  readonly set: ReadonlyMap<string, V01Mute>;
  readonly ended: readonly string[];
  readonly lost: readonly string[];
}

/** The id of a text that neither version reads as a mute. It changes with each write: if the last one is gone, Redis has lost mutes. */
const MARK = '';

/**
 * Mutes where 0.1 reads and writes them, so that a mute applies to replicas of both versions during a rolling deployment. Ids are the same
 * in both, except those of tenants whose id has more than 128 characters. Version 0.1 has no environments: its mutes apply to everything
 * that shares the store.
 */
export class V01Mutes {
  /** The mutes of this service and environment at the last look. */
  private last = new Set<string>();
  private mark: string | undefined;

  constructor(
    private readonly state: SharedState,
    private readonly scope: string,
  ) {}

  /** Call this before writing the mute's own record: a replica that finds only the record assumes that the mute has ended. */
  async write(id: string, { tenant, category, until, reason, heldBack }: Omit<V01Mute, 'scope'>): Promise<void> {
    const mute: V01Mute = { tenant, category, until, reason, heldBack, scope: this.scope };
    await this.state.v01?.write('mutes', id, JSON.stringify(mute));
    await this.state.v01?.write('mutes', MARK, JSON.stringify({ mark: randomUUID() }));
  }

  /** Call this after ending the mute's own record. A mute written by another service or environment stays. */
  async remove(id: string, until: number): Promise<void> {
    await this.state.v01?.remove('mutes', id, (text) => {
      const mute = parse(text);
      return mute?.until === until && (mute.scope ?? this.scope) === this.scope;
    });
  }

  /** Call this after reading the records. */
  async look(): Promise<V01Changes> {
    const set = new Map<string, V01Mute>();
    const there = (await this.state.v01?.list('mutes')) ?? new Map<string, string>();
    const mine = new Set<string>();
    for (const [id, text] of there) {
      const mute = parse(text);
      if (mute && mute.scope === undefined) set.set(id, mute);
      if (mute && (mute.scope ?? this.scope) === this.scope) mine.add(id);
    }
    const gone = [...this.last].filter((id) => !there.has(id));
    const isLost = this.mark !== undefined && there.get(MARK) !== this.mark;
    this.mark = there.get(MARK);
    this.last = mine;
    return { set, ended: isLost ? [] : gone, lost: isLost ? gone : [] };
  }
}

function parse(text: string): V01Mute | undefined {
  try {
    const mute = JSON.parse(text) as Partial<V01Mute> | null;
    return Number.isFinite(mute?.until) && typeof mute?.reason === 'string' ? (mute as V01Mute) : undefined;
  } catch {
    return undefined;
  }
}
