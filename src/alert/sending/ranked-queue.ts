/** An alert that waits in a channel's queue. */
export interface Item {
  readonly id: string;
  /** Since when it waits, as `performance.now()`. */
  readonly since: number;
  /** Compared from left to right; the higher goes first. */
  readonly rank: readonly number[];
}

/** Alerts that wait. Kept in order: searching thousands for the next one would cost more than sending it. */
export class RankedQueue {
  private readonly items = new Map<string, Item>();
  /** The most urgent last: taking the first of thousands would move all others. */
  private readonly ranked: Item[] = [];

  get size(): number {
    return this.items.size;
  }

  ids(): Iterable<string> {
    return this.items.keys();
  }

  get(id: string): Item | undefined {
    return this.items.get(id);
  }

  /** The item that was added first. */
  get first(): Item | undefined {
    return this.items.values().next().value;
  }

  /** Adds an item, or changes the rank of one that waits. */
  set(item: Item): void {
    const old = this.items.get(item.id);
    if (old) this.ranked.splice(this.ranked.indexOf(old), 1);
    this.items.set(item.id, item);
    this.ranked.splice(this.placeOf(item), 0, item);
  }

  /** Removes and returns the most urgent items, the most urgent first. */
  take(most: number): Item[] {
    const taken = this.ranked.splice(Math.max(this.ranked.length - most, 0)).reverse();
    for (const { id } of taken) this.items.delete(id);
    return taken;
  }

  /** Behind those of its rank that wait as long. */
  private placeOf(item: Item): number {
    let [from, to] = [0, this.ranked.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (byRank(this.ranked[middle] as Item, item) > 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

export function byRank(a: Item, b: Item): number {
  for (const [i, rank] of b.rank.entries()) if (rank !== a.rank[i]) return rank - (a.rank[i] as number);
  return a.since - b.since;
}
