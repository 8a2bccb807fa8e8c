import type { DueRecords, SharedState, Swapped } from '../shared-state.js';

interface Kind {
  /** In the order in which they were first written: a Map keeps a key's place when its value changes. */
  readonly records: Map<string, string>;
  readonly due: Map<string, number>;
}

/** Keeps state in this process's memory. Apps in one process may share it. */
export class MemorySharedState implements SharedState {
  private readonly kinds = new Map<string, Kind>();
  private readonly leases = new Map<string, { owner: string; until: number }>();

  list(kind: string, most = 1_000): Promise<Map<string, string>> {
    return Promise.resolve(new Map([...this.kind(kind).records].reverse().slice(0, most)));
  }

  read(kind: string, ids: readonly string[]): Promise<(string | undefined)[]> {
    return Promise.resolve(ids.map((id) => this.kind(kind).records.get(id)));
  }

  swap(
    kind: string,
    id: string,
    expected: string | undefined,
    next: string | undefined,
    due?: number,
  ): Promise<Swapped> {
    const { records, due: dues } = this.kind(kind);
    const found = records.get(id);
    if (found !== expected) return Promise.resolve({ swapped: false, found });
    if (next === undefined) records.delete(id);
    else records.set(id, next);
    if (next === undefined || due === undefined) dues.delete(id);
    else dues.set(id, due);
    return Promise.resolve({ swapped: true });
  }

  due(kind: string, until: number, most: number): Promise<DueRecords> {
    const due = [...this.kind(kind).due].filter(([, at]) => at <= until).sort(([, a], [, b]) => a - b);
    return Promise.resolve({ ids: due.slice(0, most).map(([id]) => id), generation: 'memory' });
  }

  size(kind: string): Promise<number> {
    return Promise.resolve(this.kind(kind).records.size);
  }

  trim(kind: string, most: number): Promise<void> {
    const { records, due } = this.kind(kind);
    for (const id of [...records.keys()].slice(0, Math.max(records.size - most, 0))) {
      records.delete(id);
      due.delete(id);
    }
    return Promise.resolve();
  }

  claim(lease: string, owner: string, forMs: number): Promise<boolean> {
    const held = this.leases.get(lease);
    const isFree = !held || held.owner === owner || held.until <= Date.now();
    if (isFree) this.leases.set(lease, { owner, until: Date.now() + forMs });
    return Promise.resolve(isFree);
  }

  release(lease: string, owner: string): Promise<void> {
    if (this.leases.get(lease)?.owner === owner) this.leases.delete(lease);
    return Promise.resolve();
  }

  private kind(name: string): Kind {
    let kind = this.kinds.get(name);
    if (!kind) this.kinds.set(name, (kind = { records: new Map(), due: new Map() }));
    return kind;
  }
}
