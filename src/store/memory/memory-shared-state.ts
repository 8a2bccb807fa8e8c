import type { SharedState } from '../shared-state.js';

/** Keeps state in this process's memory. Apps of one process that share it share the state. */
export class MemorySharedState implements SharedState {
  private readonly kinds = new Map<string, Map<string, string>>();
  private readonly logs = new Map<string, string[]>();

  list(kind: string): Promise<Map<string, string>> {
    return Promise.resolve(new Map(this.kinds.get(kind)));
  }

  read(kind: string, id: string): Promise<string | undefined> {
    return Promise.resolve(this.kinds.get(kind)?.get(id));
  }

  swap(kind: string, id: string, expected: string | undefined, next: string | undefined): Promise<boolean> {
    const records = this.kinds.get(kind) ?? new Map<string, string>();
    if (records.get(id) !== expected) return Promise.resolve(false);
    if (next === undefined) records.delete(id);
    else this.kinds.set(kind, records.set(id, next));
    return Promise.resolve(true);
  }

  append(log: string, entries: readonly string[], most: number): Promise<void> {
    this.logs.set(log, [...entries.toReversed(), ...(this.logs.get(log) ?? [])].slice(0, most));
    return Promise.resolve();
  }

  newest(log: string): Promise<string[]> {
    return Promise.resolve([...(this.logs.get(log) ?? [])]);
  }

  /** Always: there is one process, and it has no other to leave the work to. */
  claim(): Promise<boolean> {
    return Promise.resolve(true);
  }
}
