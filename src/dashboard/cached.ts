const MAX_ENTRIES = 200;

interface Entry {
  readonly at: number;
  readonly value: Promise<unknown>;
}

/** Reads the same thing once in a while, however many ask. A read that failed is not kept. */
export class Cached {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly clock: () => number = () => performance.now()) {}

  /** @param forMs - How long an answer is good for, counted from when it was asked for. */
  get<T>(key: string, forMs: number, read: () => Promise<T>): Promise<T> {
    const known = this.entries.get(key);
    if (known && this.clock() - known.at < forMs) return known.value as Promise<T>;
    const value = read();
    this.entries.delete(key);
    this.entries.set(key, { at: this.clock(), value });
    if (this.entries.size > MAX_ENTRIES) this.entries.delete(this.entries.keys().next().value as string);
    value.catch(() => this.entries.get(key)?.value === value && this.entries.delete(key));
    return value;
  }

  /** Something was changed: all is read again. */
  clear(): void {
    this.entries.clear();
  }
}
