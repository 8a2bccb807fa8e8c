import { copied } from '../util/text.js';

/**
 * Counts requests of the tenants that a full window has no room for, in bounded memory, and never too high: a tenant that asks for much is
 * noticed among any number that ask once (the algorithm of Misra and Gries).
 */
export class LateComers {
  private readonly seen = new Map<string, number>();

  /** @param most - How many are distinguished at once. */
  constructor(private readonly most: number) {}

  /** One more request; the answer is how many it has made at least, since the others left it room. */
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
