const MAX_ENTRIES = 200;

interface Entry {
  readonly at: number;
  readonly value: Promise<unknown>;
}

/** Caches reads, so that many callers share one. A failed read is not kept. */
export class Cached {
  private readonly entries = new Map<string, Entry>();

  /** @param forMs - How long a result is valid, from the start of its read. */
  get<T>(key: string, forMs: number, read: () => Promise<T>): Promise<T> {
    const known = this.entries.get(key);
    if (known && performance.now() - known.at < forMs) return known.value as Promise<T>;
    const value = read();
    this.entries.delete(key);
    this.entries.set(key, { at: performance.now(), value });
    if (this.entries.size > MAX_ENTRIES) this.entries.delete(this.entries.keys().next().value as string);
    value.catch(() => this.entries.get(key)?.value === value && this.entries.delete(key));
    return value;
  }

  /** Call after a change. */
  clear(): void {
    this.entries.clear();
  }
}
