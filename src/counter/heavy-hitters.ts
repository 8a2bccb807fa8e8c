import { copied } from '../util/text.js';

/**
 * Counts requests of tenants that a full window has no room for, in bounded memory, and never too high: a tenant with many requests is found
 * among any number of tenants with one (the Misra–Gries algorithm).
 */
export class HeavyHitters {
  private readonly seen = new Map<string, number>();

  /** @param most - How many tenants are tracked at once. */
  constructor(private readonly most: number) {}

  /** Counts a request, and returns how many the tenant has made at least. */
  count(key: string): number {
    const known = this.seen.get(key);
    if (known !== undefined) {
      this.seen.set(key, known + 1);
      return known + 1;
    }
    if (this.seen.size < this.most) {
      this.seen.set(copied(key), 1);
      return 1;
    }
    for (const [other, requests] of this.seen)
      if (requests === 1) this.seen.delete(other);
      else this.seen.set(other, requests - 1);
    return 0;
  }

  delete(key: string): void {
    this.seen.delete(key);
  }
}
